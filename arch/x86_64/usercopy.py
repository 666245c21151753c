# SPDX-License-Identifier: GPL-2.0-or-later
"""The only code that touches user memory, always of the process whose address space is loaded. Bodies: usercopy.S.

The caller has checked that addresses lie below USER_TOP, and that words are aligned. A page that is not there is faulted
in as for user code; where that is refused the function says so. Of the single words each function is atomic, returns the
old value, and on a fault stores 1 to `fault` and returns 0.
"""

from lang import Ptr, extern, i64, takes_user_fault, u32, u64


@takes_user_fault
@extern
def copy_user(into: u64, source: u64, size: u64) -> u64:
    """memcpy with one side in user memory; returns how many bytes were *not* copied."""
    ...


@takes_user_fault
@extern
def zero_user(into: u64, size: u64) -> u64:
    """Clear user memory; returns how many bytes were not cleared."""
    ...


@takes_user_fault
@extern
def copy_user_string(into: u64, source: u64, room: u64) -> i64:
    """Copy up to and with the NUL; returns its length without NUL, `room` if no NUL came, -1 on a fault."""
    ...


@takes_user_fault
@extern
def copy_user_call(into: u64, source: u64) -> u64:
    """Copy in the number and the arguments of a SyscallWords, and nothing else of it; not 0 on a fault."""
    ...


@takes_user_fault
@extern
def load_user_u32(address: u64, fault: Ptr[u32]) -> u32: ...


@takes_user_fault
@extern
def load_user_u64(address: u64, fault: Ptr[u32]) -> u64: ...


@takes_user_fault
@extern
def store_user_u32(address: u64, value: u32, fault: Ptr[u32]) -> None: ...


@takes_user_fault
@extern
def store_user_u64(address: u64, value: u64, fault: Ptr[u32]) -> None: ...


@takes_user_fault
@extern
def swap_user_u64(address: u64, value: u64, fault: Ptr[u32]) -> u64: ...


@takes_user_fault
@extern
def cas_user_u32(address: u64, expected: u32, new: u32, fault: Ptr[u32]) -> u32: ...


@takes_user_fault
@extern
def cas_user_u64(address: u64, expected: u64, new: u64, fault: Ptr[u32]) -> u64: ...


@takes_user_fault
@extern
def publish_user(call: u64, value: u64) -> i64:
    """Store the result of a Syscall, then set DONE in its flags unless UEVENT is set; returns what the flags were, -1 on a fault."""
    ...


@takes_user_fault
@extern
def or_user_u32(address: u64, bits: u32, fault: Ptr[u32]) -> u32: ...


@takes_user_fault
@extern
def and_user_u32(address: u64, bits: u32, fault: Ptr[u32]) -> u32: ...


@takes_user_fault
@extern
def add_user_u32(address: u64, amount: u32, fault: Ptr[u32]) -> u32: ...


@takes_user_fault
@extern
def add_user_u64(address: u64, amount: u64, fault: Ptr[u32]) -> u64: ...
