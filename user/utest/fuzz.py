# SPDX-License-Identifier: LGPL-2.1-or-later
"""fuzz SEED COUNT [any]: throws COUNT system calls with nonsense in them at the kernel, which must answer each, or end this process.

Left out are calls that would end the machine, other processes or this one; with `any` those that may put it to sleep, or change
it to a many-core process, are in. How it ends says nothing: what is tested is that everything else goes on.
"""

from lang import addr_of, array, i32, u32, u64
from kern.abi.proc import PROCDATA_ADDR, PROCINFO_ADDR, USER_STACK_TOP, USER_TOP
from kern.abi.syscall import Syscall
from lib.args import help_wanted, misuse
from lib.strings import number_or_none
from parlib.machine import syscall_trap
from rt.args import args

USAGE = "usage: fuzz SEED COUNT [any]"
CALLS = 512
KERNEL: u64 = 0xffff_8000_0000_0000
ENDING = (4, 9, 13, 14)                     # reboot, proc_destroy, kill, poweroff
SLEEPING = (10, 28)                         # proc_yield, change_to_m

storage = array(CALLS, Syscall)
buffer = array(4096, u64)
seed: u64 = 1


def main() -> i32:
    global seed
    if help_wanted(USAGE):
        return 0
    given = args()
    first = number_or_none(given[1]) if len(given) > 2 else None
    count = number_or_none(given[2]) if len(given) > 2 else None
    if first is None or count is None:
        return misuse("a seed and a number of calls are needed", USAGE)
    seed = first * 7919 + 1
    for i in range(count):
        number = random() % 34 if random() % 2 == 0 else 100 + random() % 16
        if number not in ENDING and (len(given) > 3 or number not in SLEEPING):
            throw(storage[i % CALLS], u32(number))
    return 0


def throw(call: Syscall, number: u32) -> None:
    """One call. Nobody waits for it: it may never be done."""
    call.num = number
    call.flags.store(u32(0))
    for i in range(6):
        call.args[i] = word()
    if random() % 4 != 0:
        call.args[0] = random() % 8         # descriptors and small numbers get further
    wild = random() % 500 == 0
    syscall_trap(KERNEL + random() % 0x1000_0000 if wild else addr_of(call), 1)


def random() -> u64:
    """The next number of the sequence (xorshift)."""
    global seed
    seed = seed ^ (seed << 13)
    seed = seed ^ (seed >> 7)
    seed = seed ^ (seed << 17)
    return seed


def word() -> u64:
    """An argument that is likely to be near something that matters."""
    match random() % 12:
        case 0:
            return 0
        case 1:
            return random()
        case 2:
            return random() % 16
        case 3:
            return random() % 4096
        case 4:
            return addr_of(buffer) + random() % 32768
        case 5:
            return PROCINFO_ADDR + random() % 65536
        case 6:
            return PROCDATA_ADDR + random() % 65536
        case 7:
            return KERNEL + random() % 0x1000_0000
        case 8:
            return USER_TOP - random() % 65536
        case 9:
            return u64(0) - random() % 65536
        case 10:
            return USER_STACK_TOP - random() % 0x20_0000
        case _:
            return random() % 0x40_0000 << 12
