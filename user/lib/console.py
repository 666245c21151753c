# SPDX-License-Identifier: LGPL-2.1-or-later
"""The console as programs see it: is a descriptor one, how does it treat the keyboard, whom does Ctrl-C end.

What cannot be set (no console, none of our business) is let be: an editor without raw mode still works.
"""

from lang import Error, Span, array, i32, text, u8
from kern.abi.file import FileKind, OpenMode, Stat
from rt.io import close, open, read, write_all
from syscalls import sys_fstat, sys_stat

CONSOLE = "/dev/cons"
CONTROL = "/dev/consctl"


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
        fd = open(CONTROL)
        try:
            return read(fd, answer) > 0
        finally:
            close(fd)
    except Error:
        return False


def command(line: str) -> None:
    try:
        fd = open(CONTROL, OpenMode.WRITE)
        try:
            write_all(fd, line)
        finally:
            close(fd)
    except Error:
        return
