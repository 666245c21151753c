# SPDX-License-Identifier: LGPL-2.1-or-later
"""fuzz SEED COUNT [any]: throws COUNT system calls with nonsense in them at the kernel, which must answer each, or end this process.

What a call takes it has from the declarations (`CALLS`): an argument is of its kind three times out of four, else near anything.

Left out are calls that would end the machine, other processes or this one; with `any` those that may put it to sleep, or change
it to a many-core process, are in. How it ends says nothing: what is tested is that everything else goes on.
"""

from lang import addr_of, array, i32, u32, u64, wrap
from kern.abi.call_model import CallModel, WordKind, WordModel
from kern.abi.proc import PROCDATA_ADDR, PROCINFO_ADDR, USER_STACK_TOP, USER_TOP
from kern.abi.syscall import Syscall
from lib.args import help_wanted, misuse
from lib.strings import number_or_none
from parlib.machine import syscall_trap
from rt.args import args
from syscalls import CALLS

USAGE = "usage: fuzz SEED COUNT [any]"
STORED = 512
KERNEL: u64 = 0xFFFF_8000_0000_0000
ENDING = ("reboot", "proc_destroy", "kill", "poweroff")
SLEEPING = ("proc_yield", "change_to_m")

storage = array(STORED, Syscall)
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
        call = storage[i % STORED]
        model = CALLS[random() % len(CALLS)]
        if random() % 16 == 0:
            fill_unknown(call)
        elif model.name not in ENDING and (len(given) > 3 or model.name not in SLEEPING):
            fill(call, model)
        else:
            continue
        throw(call)
    return 0


def fill(call: Syscall, model: CallModel) -> None:
    """Arguments of the right kind, but for some."""
    call.num = model.number
    for i in range(len(call.args)):
        call.args[i] = argument(model.words[i]) if i < u64(model.count) and random() % 4 != 0 else word()


def fill_unknown(call: Syscall) -> None:
    """A number that no call has."""
    call.num = 0
    while call.num == 0 or any(model.number == call.num for model in CALLS):
        call.num = wrap(u32, random() % 200)
    for i in range(len(call.args)):
        call.args[i] = word()


def throw(call: Syscall) -> None:
    """Nobody waits for it: it may never be done."""
    call.flags.store(u32(0))
    wild = random() % 500 == 0
    syscall_trap(KERNEL + random() % 0x1000_0000 if wild else addr_of(call), 1)


def argument(model: WordModel) -> u64:
    """A word as the declaration asks for it."""
    match model.kind:
        case WordKind.UNSIGNED:
            return random() % 16 if model.size < 8 else random() % 65536
        case WordKind.SIGNED:
            return random() % 20 - 4
        case WordKind.BOOL:
            return random() % 2
        case WordKind.MEMBER:
            return random() & model.bits
        case WordKind.ADDRESS:
            return 0 if random() % 4 == 0 else addr_of(buffer) + random() % 4 * 4096
        case WordKind.POINTER:
            return addr_of(buffer) + random() % 512 * 8
        case WordKind.COUNT:
            return random() % 64


def random() -> u64:
    """The next number of the sequence (xorshift)."""
    global seed
    seed = seed ^ (seed << 13)
    seed = seed ^ (seed >> 7)
    seed = seed ^ (seed << 17)
    return seed


def word() -> u64:
    """A word that is likely to be near something that matters."""
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
