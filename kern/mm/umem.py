# SPDX-License-Identifier: GPL-2.0-or-later
"""User memory from the kernel: the only way to it is to copy, and a bad address is EFAULT, never a kernel fault.

Where there is no memory for a page that would come by demand, or be copied, the same functions raise ENOMEM.
All of it means the address space that is loaded: the caller's, or what switch_to() entered. Pages come by demand.
What was read may have changed by the next read: decide on a copy.
Locks: none held while copying but what fault handling takes (`vm.lock`); so call none of this while holding that.
"""

from typing import Callable, TypeVar

from lang import Error, Ptr, Ref, Sink, Span, Text, Uaddr, User, addr_of, array, as_bytes, cold, inline, noinline, offsetof, ptr_of
from lang import i64, sizeof, struct, u8, u32, u64
from arch import usercopy
from kern.abi.errno import Errno
from kern.abi.proc import USER_BASE, USER_TOP
from kern.abi.syscall import Syscall, SyscallFlag, SyscallWords
from kern.core.percore import core

T = TypeVar("T")
N = TypeVar("N")


@struct
class FaultFlag:
    hit: u32


USER_SPAN: u64 = USER_TOP - USER_BASE


@inline
def check_range(address: Uaddr, size: u64) -> None:
    """Raise EFAULT unless [address, address + size) lies in the user half."""
    # What is below USER_BASE wraps around, far above the span.
    if size > USER_SPAN or u64(address) - USER_BASE > USER_SPAN - size:
        fail_at(address)


def check_user_range(address: u64, count: u64, size: u64) -> None:
    """Raise EFAULT unless `count` elements of `size` bytes from `address` on lie in the user half; none may be anywhere."""
    if count > 0:
        if count > USER_TOP // size:
            fail_at(Uaddr(address))
        check_range(Uaddr(address), count * size)


@inline
def check_word(address: Uaddr, size: u64) -> None:
    """Raise EINVAL unless `address` is aligned to `size`, EFAULT unless it is the user's."""
    check_range(address, size)
    if u64(address) % size != 0:
        fail_unaligned(address, size)


@cold
@noinline
def fail_at(address: Uaddr) -> None:
    raise Error(Errno.EFAULT, f"bad address {address:#x}")


@cold
@noinline
def fail_after_fault(address: Uaddr) -> None:
    """An access has just failed: raise EFAULT, or ENOMEM if that was why. No other code of this core has touched user memory since."""
    if core.mine.copy_fault == Errno.ENOMEM:
        raise Error(Errno.ENOMEM, f"no memory for a page at {address:#x}")
    fail_at(address)


@cold
@noinline
def fail_unaligned(address: Uaddr, size: u64) -> None:
    raise Error(Errno.EINVAL, f"{address:#x} is not aligned to {size} bytes")


# Bytes and structures


def read_bytes(into: Span[u8], source: Uaddr) -> None:
    """Copy len(into) bytes in. Raises EFAULT."""
    check_range(source, len(into))
    if usercopy.copy_user(u64(into.ptr), u64(source), len(into)) != 0:
        fail_after_fault(source)


@inline
def read_call(into: SyscallWords, source: Uaddr) -> bool:
    """Copy in what a system call asks for, its number and arguments. False if the structure is not at a multiple of 8 in user memory."""
    # Rotated to the right an address that is not at a multiple of 8 becomes a huge one: a single comparison sees to both.
    offset = u64(source) - USER_BASE
    return (offset >> 3 | offset << 61) <= (USER_SPAN - sizeof(Syscall)) // 8 and usercopy.copy_user_call(addr_of(into), u64(source)) == 0


def write_bytes(into: Uaddr, source: Span[u8]) -> None:
    """Copy bytes out. Raises EFAULT, and may have written a part."""
    check_range(into, len(source))
    if usercopy.copy_user(u64(into), u64(source.ptr), len(source)) != 0:
        fail_after_fault(into)


@inline
def try_write(into: Uaddr, source: Span[u8]) -> bool:
    """`write_bytes` into a part of what an argument of a system call has named. False on a fault; a part may have been written."""
    return usercopy.copy_user(u64(into), u64(source.ptr), len(source)) == 0


@inline
def try_read(into: Span[u8], source: Uaddr) -> bool:
    """`read_bytes`, likewise."""
    return usercopy.copy_user(u64(into.ptr), u64(source), len(into)) == 0


def zero_bytes(into: Uaddr, size: u64) -> None:
    """Clear user memory. Raises EFAULT."""
    check_range(into, size)
    if usercopy.zero_user(u64(into), size) != 0:
        fail_after_fault(into)


def copy_in(into: T, source: User[Ref[T]]) -> None:
    """Copy a structure in. Raises EFAULT."""
    read_bytes(as_bytes(into), source.address)


def copy_out(into: User[Ref[T]], source: T) -> None:
    """Copy a structure out. Raises EFAULT."""
    write_bytes(into.address, as_bytes(source))


def copy_struct_in(into: T, source: Uaddr) -> None:
    """The same, from an address that stands in user memory itself. Raises EFAULT."""
    read_bytes(as_bytes(into), source)


def copy_struct_out(into: Uaddr, source: T) -> None:
    write_bytes(into, as_bytes(source))


def copy_in_bytes(into: Span[u8], source: User[Span[u8]]) -> u64:
    """Copy in as much as fits of a user's buffer; returns how much."""
    count = min(len(into), len(source))
    read_bytes(into[:count], source.address)
    return count


def copy_out_bytes(into: User[Span[u8]], source: Span[u8]) -> u64:
    """Copy out as much as fits into a user's buffer; returns how much."""
    count = min(len(into), len(source))
    write_bytes(into.address, source[:count])
    return count


def copy_string(into: Text, source: User[str]) -> None:
    """Copy a string in. Raises EFAULT; ENAMETOOLONG if it does not fit; EINVAL if it holds a NUL."""
    into.clear()
    left = len(source)
    address = source.address
    chunk = array(256, u8)
    while left > 0:
        count = min(left, 256)
        read_bytes(chunk[:count], address)
        if 0 in chunk[:count]:
            raise Error(Errno.EINVAL, "a string holds a NUL byte")
        into.append(chunk[:count])
        if into.truncated:
            raise Error(Errno.ENAMETOOLONG, f"a string of {len(source)} bytes is too long")
        address = address + count
        left -= count


def print_user_text(sink: Sink, address: u64, length: u64) -> None:
    """A user's string as `repr` shows it, cut if it is long; its address if it cannot be read. For messages."""
    chunk = array(48, u8)
    count = min(length, 48)
    try:
        read_bytes(chunk[:count], Uaddr(address))
        sink.print(f"{chunk[:count]!r}{'…' if count < length else ''}")
    except Error:
        sink.print(f"{address:#x}+{length}")


def copy_cstring(into: Span[u8], source: Uaddr) -> u64:
    """Copy a NUL-terminated string in, NUL included; returns its length. Raises EFAULT; ENAMETOOLONG if it does not fit."""
    check_range(source, 1)
    room = min(len(into), USER_TOP - u64(source))
    length = usercopy.copy_user_string(u64(into.ptr), u64(source), room)
    if length < 0:
        fail_after_fault(source)
    if u64(length) >= room:
        raise Error(Errno.ENAMETOOLONG, f"a string is longer than {room - 1} bytes")
    return u64(length)


# Words. Each is one atomic access to an aligned address; those that change memory return the old value.


def on_word(address: Uaddr, size: u64, access: Callable[[u64, Ptr[u32]], N]) -> N:
    """What one access gives. Raises EINVAL unless `address` is aligned to `size`; EFAULT."""
    check_word(address, size)
    fault = FaultFlag()
    value = access(u64(address), ptr_of(fault.hit))
    if fault.hit != 0:
        fail_after_fault(address)
    return value


def load_u32(address: Uaddr) -> u32:
    return on_word(address, 4, lambda place, fault: usercopy.load_user_u32(place, fault))


def load_u64(address: Uaddr) -> u64:
    return on_word(address, 8, lambda place, fault: usercopy.load_user_u64(place, fault))


def store_u32(address: Uaddr, value: u32) -> None:
    on_word(address, 4, lambda place, fault: usercopy.store_user_u32(place, value, fault))


def store_u64(address: Uaddr, value: u64) -> None:
    on_word(address, 8, lambda place, fault: usercopy.store_user_u64(place, value, fault))


def swap_u64(address: Uaddr, value: u64) -> u64:
    return on_word(address, 8, lambda place, fault: usercopy.swap_user_u64(place, value, fault))


def cas_u32(address: Uaddr, expected: u32, new: u32) -> u32:
    """Store `new` if `expected` was there. It was stored if the result is `expected`."""
    return on_word(address, 4, lambda place, fault: usercopy.cas_user_u32(place, expected, new, fault))


def cas_u64(address: Uaddr, expected: u64, new: u64) -> u64:
    return on_word(address, 8, lambda place, fault: usercopy.cas_user_u64(place, expected, new, fault))


@inline
def publish(call: Uaddr, value: u64) -> i64:
    """Store the result of a call that `read_call` has accepted, then DONE, unless UEVENT is set. The old flags; -1 on a fault."""
    return usercopy.publish_user(u64(call), value)


# Of a call that `read_call` has accepted, whose words need no other check.


@inline
def has_flag(call: Uaddr, flag: u32) -> bool:
    """Whether this SyscallFlag is set; also if the structure is not there any more."""
    fault = FaultFlag()
    flags = usercopy.load_user_u32(u64(call) + offsetof(Syscall, "flags"), ptr_of(fault.hit))
    return (flags & flag) != 0 or fault.hit != 0


@inline
def link_call(call: Uaddr, following: u64) -> bool:
    """Store what comes after it in a list into `ev_q`. False on a fault."""
    fault = FaultFlag()
    usercopy.store_user_u64(u64(call) + offsetof(Syscall, "ev_q"), following, ptr_of(fault.hit))
    return fault.hit == 0


@inline
def mark_done(call: Uaddr) -> None:
    """Set DONE, after everything before. Nothing if the structure has gone meanwhile."""
    fault = FaultFlag()
    usercopy.or_user_u32(u64(call) + offsetof(Syscall, "flags"), SyscallFlag.DONE, ptr_of(fault.hit))


@inline
def note_taken(first: Uaddr, count: u64) -> bool:
    """Say in the first of several calls how many of them have been taken. False on a fault."""
    fault = FaultFlag()
    usercopy.store_user_u32(u64(first) + offsetof(Syscall, "taken"), u32(count), ptr_of(fault.hit))
    return fault.hit == 0


def or_u32(address: Uaddr, bits: u32) -> u32:
    return on_word(address, 4, lambda place, fault: usercopy.or_user_u32(place, bits, fault))


def and_u32(address: Uaddr, bits: u32) -> u32:
    return on_word(address, 4, lambda place, fault: usercopy.and_user_u32(place, bits, fault))


def add_u32(address: Uaddr, amount: u32) -> u32:
    return on_word(address, 4, lambda place, fault: usercopy.add_user_u32(place, amount, fault))


def add_u64(address: Uaddr, amount: u64) -> u64:
    return on_word(address, 8, lambda place, fault: usercopy.add_user_u64(place, amount, fault))
