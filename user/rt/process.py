# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes: starting a program with arguments, environment and descriptors, waiting for it, killing it; fork and exec."""

from typing import Callable

from lang import Errno, Error, Span, addr_of, array, at, copy_bytes, free, i32, new, u8, u32, u64
from kern.abi.file import FdPair, SpawnArgs, SpawnFlag, WaitFlag, WaitStatus
from kern.abi.proc import PROCINFO_ADDR, ProcInfo, Resource
from parlib.core_set import LIMIT, CoreSet
from parlib.init import start_anew
from parlib.vcore import disable_notifs, enable_notifs
from rt.args import MAX_ARGS, MAX_ARGUMENTS, environment
from rt.io import flush_locked, flush_stdout, stdout_lock
from syscalls import sys_exec, sys_fork, sys_proc_create, sys_proc_destroy, sys_proc_run, sys_provision, sys_waitpid

KILLED: i32 = -9
MAX_AFTER_FORK = 16

after_fork_actions = array(MAX_AFTER_FORK, Callable[[], None])
after_fork_count: u64 = 0
forks: u64 = 0


def getpid() -> i32:
    return at(ProcInfo, PROCINFO_ADDR).pid


def getppid() -> i32:
    return at(ProcInfo, PROCINFO_ADDR).ppid


def packed_length(strings: Span[str]) -> u64:
    total: u64 = 0
    for s in strings:
        total += len(s) + 1
    return total


def pack(into: Span[u8], start: u64, strings: Span[str]) -> u64:
    """Put NUL-terminated copies one after the other from `start` (the memory is zeroed); where the next would go."""
    place = start
    for s in strings:
        copy_bytes(into[place : place + len(s)], s)
        place += len(s) + 1
    return place


def create(path: str, argv: Span[str], env: Span[str], fds: Span[FdPair], flags: SpawnFlag) -> i32:
    """A child that has not started yet; `run` starts it. `fds` maps our descriptors (first) to the child's (second).

    Raises E2BIG for more arguments or variables than a program takes.
    """
    strings = pack_all(argv, env)
    try:
        args = SpawnArgs(argc=u32(len(argv)), envc=u32(len(env)), strings=addr_of(strings), strings_len=len(strings) - 1)
        args.fds = addr_of(fds)
        args.nfds = u32(len(fds))
        args.flags = u32(flags)
        return sys_proc_create(path, args)
    finally:
        free(strings)


def pack_all(argv: Span[str], env: Span[str]) -> Span[u8]:
    """Arguments and environment as the kernel takes them; on the heap. Raises E2BIG, ENOMEM."""
    if len(argv) > MAX_ARGUMENTS or len(env) > MAX_ARGS:
        raise Error(Errno.E2BIG, f"{len(argv)} arguments and {len(env)} variables are too many")
    strings = new(array(packed_length(argv) + packed_length(env) + 1, u8))
    pack(strings, pack(strings, 0, argv), env)
    return strings


def fork() -> i32:
    """Make a copy of the process: returns 0 in it, and its pid in the original. Raises EINVAL in a many-core process.

    The copy has our descriptors and memory, but none of our calls that are still going on, of our alarms and pending signals, and of our
    threads the calling one alone, with which it ends. What another thread held stays locked there: `after_fork` is for that.
    """
    global forks
    with stdout_lock:                       # no other thread shall be just about to write
        flush_locked()
        disable_notifs()                    # nor shall one run before the copy has forgotten it
        try:
            pid = sys_fork()
            if pid == 0:
                forks += 1
                start_anew()
        finally:
            enable_notifs()
    if pid == 0:
        for i in range(after_fork_count):
            after_fork_actions[i]()
    return pid


def fork_generation() -> u64:
    """How many forks lie between the first of our ancestors, all of them this program, and us: who keeps what is one process' own can
    tell by it that this is another one."""
    return forks


def after_fork(action: Callable[[], None]) -> None:
    """Have `action` called in every copy that a fork makes: to open anew what one process alone can use."""
    global after_fork_count
    assert after_fork_count < MAX_AFTER_FORK, "too many actions after fork"
    after_fork_actions[after_fork_count] = action
    after_fork_count += 1


def exec_program(path: str, argv: Span[str], env: Span[str]) -> None:
    """Go on as another program, with our descriptors but those with CLOEXEC; does not return. Raises if that fails, changing nothing."""
    flush_stdout()
    strings = pack_all(argv, env)
    args = SpawnArgs(argc=u32(len(argv)), envc=u32(len(env)), strings=addr_of(strings), strings_len=len(strings) - 1)
    try:
        while True:
            try:
                sys_exec(path, args)
            except Error as e:
                if e.errno != Errno.EAGAIN:
                    raise
    finally:
        free(strings)


def run(pid: i32) -> None:
    """Start a created child."""
    sys_proc_run(pid)


def spawn(path: str, argv: Span[str], env: Span[str], fds: Span[FdPair]) -> i32:
    """Create and start a child. With empty `fds` it gets all our descriptors, else just those."""
    flags = SpawnFlag.DUP_FDS if len(fds) == 0 else SpawnFlag(0)
    pid = create(path, argv, env, fds, flags)
    run(pid)
    return pid


def wait(pid: i32) -> i32:
    """Wait for a child (any one: -1) to end; its exit status. A killed one has KILLED_EXIT_CODE's low byte."""
    status = WaitStatus()
    sys_waitpid(pid, status, WaitFlag(0))
    return exit_status(status)


def try_wait(pid: i32) -> tuple[i32, i32]:
    """(pid, exit status) of a child that has ended; pid 0 if none has."""
    status = WaitStatus()
    found = sys_waitpid(pid, status, WaitFlag.NOHANG)
    if found == 0:
        return 0, 0
    return status.pid, exit_status(status)


def exit_status(status: WaitStatus) -> i32:
    return i32((status.status >> 8) & 0xFF)


def kill(pid: i32) -> None:
    """End a process. Raises ESRCH, EPERM."""
    sys_proc_destroy(pid, KILLED)


def create_child(path: str, argv: Span[str]) -> i32:
    """A child with our environment and descriptors, that has not started yet; its pid. `run` starts it."""
    none = array(1, FdPair)
    return create(path, argv, environment(), none[:0], SpawnFlag.DUP_FDS)


def create_child_with_stdfds(path: str, argv: Span[str], stdin: i32, stdout: i32, stderr: i32) -> i32:
    """The same with just these as its three standard descriptors."""
    fds = array(3, FdPair)
    fds[0] = FdPair(first=stdin, second=0)
    fds[1] = FdPair(first=stdout, second=1)
    fds[2] = FdPair(first=stderr, second=2)
    return create(path, argv, environment(), fds[:], SpawnFlag(0))


def provision_core_set(pid: i32, cores: CoreSet) -> None:
    """Guarantee these cores to a process; pid 0: to nobody any more. If one is refused, that raises, and those before it stand."""
    core = cores.next_from(0)
    while core < LIMIT:
        sys_provision(pid, Resource.CORES, u32(core))
        core = cores.next_from(core + 1)


def run_and_wait(path: str, argv: Span[str]) -> i32:
    """Run a program with our environment and descriptors; its exit status."""
    fds = array(1, FdPair)
    return wait(spawn(path, argv, environment(), fds[:0]))
