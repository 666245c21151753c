# SPDX-License-Identifier: LGPL-2.1-or-later
"""The console as programs see it: is a descriptor one, how does it treat the keyboard, whom does Ctrl-C end.

What cannot be set (no console, none of our business) is let be: an editor without raw mode still works.
"""

from lang import ACQUIRE, Error, Ref, Span, array, i32, text, u8
from kern.abi.event import EventMsg, EventQueue, MailboxKind
from kern.abi.file import FileKind, OpenMode, Stat
from kern.abi.syscall import Syscall
from parlib.blockon import register_for
from parlib.queues import FOREVER, RELIABLE, attach_wakeup, block_on_queues, cancel, get_queue, put_queue
from rt.io import close, open, read, write_all
from rt.syscall import wait_for
from syscalls import submit_read, sys_fstat, sys_stat

CONSOLE = "/dev/cons"
CONTROL = "/dev/consctl"
FINISHED = 1                                # SyscallFlag.DONE


def is_console(fd: i32) -> bool:
    mine = Stat()
    console = Stat()
    try:
        sys_fstat(fd, mine)
        sys_stat(CONSOLE, console)
    except Error:
        return False
    return mine.kind == FileKind.CHAR and mine.dev == console.dev and mine.ino == console.ino


def begin_editing() -> None:
    """Every key comes at once and is not echoed."""
    command("raw")


def end_editing() -> None:
    """The console echoes and hands over lines, as programs expect it."""
    command("cooked")


def set_foreground(pids: Span[i32]) -> None:
    """Ctrl-C ends these processes; with none it is a key like others."""
    line = text(200)
    line.append("fg")
    for pid in pids:
        if pid != 0:
            line.write(f" {pid}")
    command(line.view)


def take_interrupt() -> bool:
    """Whether Ctrl-C was typed since, with nobody in the foreground. Asking forgets it."""
    answer = array(16, u8)
    try:
        fd = open(CONTROL, OpenMode.READ | OpenMode.NONBLOCK)
        try:
            return read(fd, answer) > 0
        finally:
            close(fd)
    except Error:
        return False


def wait_or_interrupt(call: Syscall) -> None:
    """Wait until a call of ours is over. If Ctrl-C comes before, with nobody in the foreground, the call is aborted: then it has EINTR."""
    try:
        control = open(CONTROL)
        try:
            wait_for_first(call, control)
        finally:
            close(control)
    except Error:
        pass                                # no console, or no memory: then Ctrl-C does nothing
    wait_for(call)


def wait_for_first(call: Syscall, control: i32) -> None:
    """Either call, this one or one that reads the key, tells the same queue; then neither goes on."""
    answer = array(16, u8)
    key = Syscall()
    queues = array(1, Ref[EventQueue])
    queues[0] = get_queue(MailboxKind.BITMAP, RELIABLE, 0)
    attach_wakeup(queues[0])
    submit_read(key, control, answer)
    try:
        if register_for(key, queues[0]) and register_for(call, queues[0]):
            while not has_ended(key) and not has_ended(call):
                block_on_queues(queues[:], EventMsg(), FOREVER)
    finally:
        cancel(call)
        cancel(key)
        put_queue(queues[0])


def has_ended(call: Syscall) -> bool:
    """The kernel may still be about to tell somebody."""
    return call.flags.load(order=ACQUIRE) & FINISHED != 0


def command(line: str) -> None:
    try:
        fd = open(CONTROL, OpenMode.WRITE)
        try:
            write_all(fd, line)
        finally:
            close(fd)
    except Error:
        return
