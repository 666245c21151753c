# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: user memory is memory, and every address is good. Words are sequentially consistent, as arch/*/usercopy.S makes them."""

from lang import Span, Uaddr, atomic, at, copy_bytes, i64, offsetof, struct, u8, u32, u64
from kern.abi.syscall import Syscall, SyscallFlag


@struct
class Word32:
    value: u32


@struct
class Word64:
    value: u64


def read_bytes(into: Span[u8], source: Uaddr) -> None:
    copy_bytes(into, Span[u8](u64(source), len(into)))


def write_bytes(into: Uaddr, source: Span[u8]) -> None:
    copy_bytes(Span[u8](u64(into), len(source)), source)


def load_u32(address: Uaddr) -> u32:
    return atomic(at(Word32, address).value).load()


def load_u64(address: Uaddr) -> u64:
    return atomic(at(Word64, address).value).load()


def store_u32(address: Uaddr, value: u32) -> None:
    atomic(at(Word32, address).value).store(value)


def store_u64(address: Uaddr, value: u64) -> None:
    atomic(at(Word64, address).value).store(value)


def cas_u32(address: Uaddr, expected: u32, new: u32) -> u32:
    word = atomic(at(Word32, address).value)
    while True:
        old = word.load()
        if old != expected or word.cas(expected, new):
            return old


def cas_u64(address: Uaddr, expected: u64, new: u64) -> u64:
    word = atomic(at(Word64, address).value)
    while True:
        old = word.load()
        if old != expected or word.cas(expected, new):
            return old


def add_u32(address: Uaddr, value: u32) -> u32:
    return atomic(at(Word32, address).value).add(value)


def add_u64(address: Uaddr, value: u64) -> u64:
    return atomic(at(Word64, address).value).add(value)


def swap_u64(address: Uaddr, value: u64) -> u64:
    return atomic(at(Word64, address).value).swap(value)


def or_u32(address: Uaddr, bits: u32) -> u32:
    return atomic(at(Word32, address).value).or_(bits)


def and_u32(address: Uaddr, bits: u32) -> u32:
    return atomic(at(Word32, address).value).and_(bits)


def publish(call: Uaddr, value: u64) -> i64:
    """Store the result, then set DONE, unless UEVENT is set. The old flags."""
    store_u64(call + offsetof(Syscall, "retval"), value)
    flags = at(Syscall, call).flags
    while True:
        old = flags.load()
        if old & SyscallFlag.UEVENT != 0 or flags.cas(old, old | SyscallFlag.DONE):
            return i64(old)


def link_call(call: Uaddr, following: u64) -> bool:
    store_u64(call + offsetof(Syscall, "ev_q"), following)
    return True


def mark_done(call: Uaddr) -> None:
    at(Syscall, call).flags.or_(SyscallFlag.DONE)
