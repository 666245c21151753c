# SPDX-License-Identifier: LGPL-2.1-or-later
"""faults [NAME]: mistakes that kill a process, each made in a child; shows that it dies alone.

`faults NAME child` makes the mistake in this very process: that is how the children are started.
"""

from lang import Error, Ptr, Span, addr_of, array, extern, i32, new, u64, u8, volatile_load, volatile_store
from kern.abi.file import FdPair
from kern.abi.proc import KILLED_EXIT_CODE, VcoreFlag
from lib.args import help_wanted, misuse
from parlib.uthread import Uthread, uthread_yield
from parlib.vcore import proc_data
from rt.args import args, environment
from rt.process import spawn, wait

USAGE = """usage: faults [NAME]
names: divide null wild kernel stack execute privileged illegal vcore early,
and memory, which is not among those done without a name"""
NAMES = "divide null wild kernel stack execute privileged illegal vcore early"
SELF = "/bin/faults"
SURVIVED: i32 = 3
NULL_ADDRESS: u64 = 0
WILD_ADDRESS: u64 = 0x0020_DEAD_B000
KERNEL_ADDRESS: u64 = 0xFFFF_8000_0000_1000
BLOCK: u64 = 1 << 20
PAGE: u64 = 4096

data = array(64, u8)


@extern
def trap_divide() -> None:
    """Divide by zero."""
    ...


@extern
def trap_privileged() -> None:
    """Execute what only the kernel may."""
    ...


@extern
def trap_illegal() -> None:
    """Execute what is no instruction."""
    ...


@extern
def trap_jump(address: u64) -> None:
    """Execute whatever lies there."""
    ...


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    words = args()
    if len(words) > 3 or (len(words) == 3 and words[2] != "child"):
        return misuse("at most one name", USAGE)
    if len(words) >= 2 and not is_name(words[1]):
        return misuse(f"{words[1]}: no such fault", USAGE)
    if len(words) == 3:
        return commit(words[1])
    if len(words) == 2:
        return 0 if try_in_child(words[1]) else 1
    died = True
    rest: str = NAMES
    while len(rest) > 0:
        name, rest = rest.split1(" ")
        died = try_in_child(name) and died
    return 0 if died else 1


def is_name(name: str) -> bool:
    rest: str = NAMES
    while len(rest) > 0:
        known, rest = rest.split1(" ")
        if known == name:
            return True
    return name == "memory"


def try_in_child(name: str) -> bool:
    """Whether the child died as it should."""
    argv = array(3, str)
    argv[0] = "faults"
    argv[1] = name
    argv[2] = "child"
    no_fds = array(1, FdPair)
    try:
        pid = spawn(SELF, argv, environment(), no_fds[:0])
        status = wait(pid)
    except Error as e:
        print(f"{name:<10} could not be tried: {e.message}")
        return False
    if name == "memory":
        print(f"{name:<10} process {pid} ended with status {status}")
        return status != 0
    killed = status == KILLED_EXIT_CODE & 0xFF
    print(f"{name:<10} process {pid} {'was killed, alone' if killed else 'was NOT killed'} (status {status})")
    return killed


def commit(name: str) -> i32:
    """Make the mistake. Who comes back from it survived, and that is an error."""
    match name:
        case "divide":
            trap_divide()
        case "null":
            volatile_load(Ptr[u64](NULL_ADDRESS))
        case "wild":
            volatile_store(Ptr[u64](WILD_ADDRESS), 1)
        case "kernel":
            volatile_store(Ptr[u64](KERNEL_ADDRESS), 1)
        case "stack":
            nothing = array(1, u8)
            return i32(fall(nothing, 0) & 1)
        case "execute":
            trap_jump(addr_of(data))
        case "privileged":
            trap_privileged()
        case "illegal":
            trap_illegal()
        case "vcore":
            uthread_yield(fault_in_vcore_context, 0)
        case "early":
            # As before parlib was there.
            proc_data().vcores[0].flags.or_(VcoreFlag.SCP_NOVCCTX)
            volatile_load(Ptr[u64](NULL_ADDRESS))
        case _:
            return take_all_memory()
    return SURVIVED


def fault_in_vcore_context(uthread: Uthread, arg: u64) -> None:
    volatile_load(Ptr[u64](NULL_ADDRESS))


def fall(above: Span[u8], depth: u64) -> u64:
    """Recursion without end: each level keeps a page of its own that the next one reads."""
    page = array(PAGE, u8)
    page[depth % PAGE] = above[0]
    return fall(page, depth + 1) + u64(page[0])


def take_all_memory() -> i32:
    """Allocate and touch until it fails."""
    taken: u64 = 0
    try:
        while True:
            block = new(array(BLOCK, u8))
            offset: u64 = 0
            while offset < BLOCK:
                block[offset] = 1
                offset += PAGE
            taken += 1
    except Error as e:
        print(f"after {taken} MiB: {e.message}")
    return 1
