# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting for what the user waits for. While it runs, Ctrl-C on the console is meant for it, not for the shell."""

from lang import Error, Span, i32
from lib import console
from lib.sh.shell import Shell
from rt.process import wait

KILLED_BY_KEY: i32 = 130


def set_foreground(sh: Shell, pids: Span[i32]) -> None:
    """Have the interrupt key end these processes; 0 stands for one that could not be started."""
    if sh.interactive:
        console.set_foreground(pids)


def wait_foreground(sh: Shell, pids: Span[i32]) -> i32:
    """Wait for all of `pids`; the status of the last. If the interrupt key ended one, what follows in the line is dropped."""
    set_foreground(sh, pids)
    status: i32 = 0
    for pid in pids:
        status = 0
        if pid != 0:
            status = _wait_one(sh, pid)
        if sh.interactive and status == KILLED_BY_KEY:
            sh.interrupted = True
    set_foreground(sh, pids[:0])
    return status


def _wait_one(sh: Shell, pid: i32) -> i32:
    try:
        return wait(pid)
    except Error as e:
        print(f"{sh.name}: cannot wait for process {pid}: {e.message}", file=2)
        return 1
