# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for children to end. The parent's list holds a reference to each child until it was waited for, or disowned.

Locks: the parent's `child_cv.lock` guards its list of children and their `parent` fields.
"""

from lang import Error, i32, u32
from kern.abi.errno import Errno
from kern.proc.proc import Proc, proc_get, proc_put
from kern.sync.abort import AbortableSleep


def add_child(parent: Proc, child: Proc) -> bool:
    """List the child; False if the parent is dying: then nobody would ever take it off again."""
    proc_get(child)
    with parent.child_cv.lock.irqs_off():
        listed = not parent.is_dying()
        if listed:
            child.parent = parent
            child.ppid = parent.pid
            child.info.ppid = parent.pid
            parent.children.push_back(child)
    if not listed:
        proc_put(child)
    return listed


def remove_child(parent: Proc, child: Proc) -> None:
    """A child that never came to run: as if it had not been."""
    with parent.child_cv.lock.irqs_off():
        was_listed = parent.children.contains(child) and child.parent is parent
        if was_listed:
            parent.children.remove(child)
            child.parent = None
    if was_listed:
        proc_put(child)


def wait_for_child(p: Proc, pid: i32, nohang: bool) -> Proc | None:
    """Wait until a child (`pid`, or any for -1) has ended, and take it from the list: the caller gets its reference.

    None with `nohang` if none has ended. Raises ECHILD if there is no such child, EINTR if aborted. May block.
    """
    with AbortableSleep(cv=p.child_cv) as sleep:
        with p.child_cv.lock.irqs_off() as held:
            while True:
                child = find_child(p, pid)
                if child is None:
                    raise Error(Errno.ECHILD, f"no child {pid} to wait for")
                if child.is_dying_abort():
                    p.children.remove(child)
                    child.parent = None
                    return child
                if nohang:
                    return None
                sleep.wait(held)


def find_child(p: Proc, pid: i32) -> Proc | None:
    """The child with that pid; for -1, one that has ended if there is one, else any. Caller holds: `child_cv.lock`."""
    any_child: Proc | None = None
    child = p.children.first()
    while child is not None:
        if pid == child.pid:
            return child
        if pid == -1:
            if child.is_dying_abort():
                return child
            any_child = child
        child = p.children.after(child)
    return any_child


def wait_status(exit_code: i32) -> u32:
    """As waitpid reports it: the exit code in bits 8 to 15."""
    return (u32(exit_code & 0xFF)) << 8
