# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: user memory whose pages a fork shares: the first write to each takes memory, of which there is only so much."""

from lang import Array, Atomic, Error, Span, Uaddr, array, at, atomic, copy_bytes, pause, struct, u8, u32, u64
from kern.abi.errno import Errno
from kern.sync.kthread import current_kthread

PAGE: u64 = 4096


@struct
class Word32:
    value: u32


@struct
class Word64:
    value: u64


@struct
class Memory:
    base: u64  # of the pages
    left: Atomic[u64]  # how many pages there is memory for, besides what the kernel keeps
    dug: Atomic[u64]  # how many it has given of those
    lock: Atomic[u32]  # as the address space's, while it is seen to a page
    own: Array[Atomic[u32]] = array(8)  # whether the process has a page of its own there
    gone: Array[Atomic[u32]] = array(8)  # whether it has unmapped it

    def is_forked(self) -> None:
        """All pages are shared, again."""
        while self.lock.swap(u32(1)) != 0:
            pause()
        for own in self.own:
            own.store(u32(0))
        self.lock.store(u32(0))


memory = Memory()


def take_page() -> None:
    while True:
        left = memory.left.load()
        if left == 0:
            if current_kthread().must_finish > 0:
                memory.dug.add(1)
                return
            raise Error(Errno.ENOMEM, "no memory")
        if memory.left.cas(left, left - 1):
            return


def touch(address: Uaddr) -> u64:
    """A write to the page."""
    page = (u64(address) - memory.base) // PAGE
    own = memory.own[page]
    if memory.gone[page].load() != 0:
        raise Error(Errno.EFAULT, "nothing is mapped there")
    if own.load() == 0:
        while memory.lock.swap(u32(1)) != 0:
            pause()
        try:
            if own.load() == 0:
                take_page()
                own.store(u32(1))
        finally:
            memory.lock.store(u32(0))
    return u64(address)


def write_bytes(into: Uaddr, source: Span[u8]) -> None:
    copy_bytes(Span[u8](touch(into), len(source)), source)


def read_bytes(into: Span[u8], source: Uaddr) -> None:
    copy_bytes(into, Span[u8](u64(source), len(into)))


def load_u32(address: Uaddr) -> u32:
    return atomic(at(Word32, address).value).load()


def load_u64(address: Uaddr) -> u64:
    return atomic(at(Word64, address).value).load()


def store_u32(address: Uaddr, value: u32) -> None:
    atomic(at(Word32, touch(address)).value).store(value)


def store_u64(address: Uaddr, value: u64) -> None:
    atomic(at(Word64, touch(address)).value).store(value)


def add_u32(address: Uaddr, value: u32) -> u32:
    return atomic(at(Word32, touch(address)).value).add(value)


def or_u32(address: Uaddr, bits: u32) -> u32:
    return atomic(at(Word32, touch(address)).value).or_(bits)


def cas_u32(address: Uaddr, expected: u32, new: u32) -> u32:
    place = atomic(at(Word32, touch(address)).value)
    return expected if place.cas(expected, new) else place.load()


def add_u64(address: Uaddr, value: u64) -> u64:
    return atomic(at(Word64, touch(address)).value).add(value)


def swap_u64(address: Uaddr, value: u64) -> u64:
    return atomic(at(Word64, touch(address)).value).swap(value)


def cas_u64(address: Uaddr, expected: u64, new: u64) -> u64:
    atomic(at(Word64, touch(address)).value).cas(expected, new)
    return expected
