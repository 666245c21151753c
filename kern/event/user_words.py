# SPDX-License-Identifier: GPL-2.0-or-later
"""Single words of the current process' memory, atomically: what the producers of event queues work on.

Every access checks the address and raises EFAULT for a bad one; nothing is trusted to stay as it was.
No locks. An access may fault a page in, and so may block.
"""

from lang import Error, Uaddr, ptr_of, struct, u32, u64
from arch import usercopy
from kern.abi.errno import Errno
from kern.abi.proc import USER_BASE, USER_TOP


@struct
class Fault:
    happened: u32


def check_word(address: Uaddr, size: u64) -> u64:
    a = u64(address)
    if a % size != 0 or a < USER_BASE or a > USER_TOP - size:
        raise Error(Errno.EFAULT, f"bad user address {a:#x}")
    return a


def check_fault(fault: Fault, address: Uaddr) -> None:
    if fault.happened != 0:
        raise Error(Errno.EFAULT, f"user address {u64(address):#x} is not accessible")


def load_u32(address: Uaddr) -> u32:
    a = check_word(address, 4)
    fault = Fault()
    value = usercopy.load_user_u32(a, ptr_of(fault.happened))
    check_fault(fault, address)
    return value


def store_u32(address: Uaddr, value: u32) -> None:
    a = check_word(address, 4)
    fault = Fault()
    usercopy.store_user_u32(a, value, ptr_of(fault.happened))
    check_fault(fault, address)


def or_u32(address: Uaddr, bits: u32) -> u32:
    a = check_word(address, 4)
    fault = Fault()
    old = usercopy.or_user_u32(a, bits, ptr_of(fault.happened))
    check_fault(fault, address)
    return old


def and_u32(address: Uaddr, bits: u32) -> u32:
    a = check_word(address, 4)
    fault = Fault()
    old = usercopy.and_user_u32(a, bits, ptr_of(fault.happened))
    check_fault(fault, address)
    return old


def load_u64(address: Uaddr) -> u64:
    a = check_word(address, 8)
    fault = Fault()
    value = usercopy.load_user_u64(a, ptr_of(fault.happened))
    check_fault(fault, address)
    return value


def store_u64(address: Uaddr, value: u64) -> None:
    a = check_word(address, 8)
    fault = Fault()
    usercopy.store_user_u64(a, value, ptr_of(fault.happened))
    check_fault(fault, address)


def swap_u64(address: Uaddr, value: u64) -> u64:
    a = check_word(address, 8)
    fault = Fault()
    old = usercopy.swap_user_u64(a, value, ptr_of(fault.happened))
    check_fault(fault, address)
    return old


def add_u64(address: Uaddr, amount: u64) -> u64:
    a = check_word(address, 8)
    fault = Fault()
    old = usercopy.add_user_u64(a, amount, ptr_of(fault.happened))
    check_fault(fault, address)
    return old
