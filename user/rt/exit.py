# SPDX-License-Identifier: LGPL-2.1-or-later
"""Leaving: what is to be done before the process ends, and its end."""

from typing import Callable, NoReturn

from lang import array, at, i32, u64
from kern.abi.proc import PROCINFO_ADDR, ProcInfo
from kern.abi.syscall import Syscall
from parlib.pdr import PdrLock
from rt.io import flush_stdout
from syscalls import submit_proc_destroy

MAX_AT_EXIT = 32

exit_actions = array(MAX_AT_EXIT, Callable[[], None])
at_exit_count: u64 = 0
lock = PdrLock()


def exit_now(status: i32) -> NoReturn:
    """End the process at once, whatever its other threads do."""
    while True:
        call = Syscall()
        submit_proc_destroy(call, at(ProcInfo, PROCINFO_ADDR).pid, status)


def at_exit(action: Callable[[], None]) -> None:
    """Have `action` called when the process exits in order; the last registered runs first."""
    global at_exit_count
    with lock:
        assert at_exit_count < MAX_AT_EXIT, "too many exit actions"
        exit_actions[at_exit_count] = action
        at_exit_count += 1


def exit(status: i32) -> NoReturn:
    """Run the exit actions, flush standard output, end the process with all its threads."""
    global at_exit_count
    while at_exit_count > 0:
        at_exit_count -= 1
        exit_actions[at_exit_count]()
    flush_stdout()
    exit_now(status)
