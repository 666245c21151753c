# SPDX-License-Identifier: LGPL-2.1-or-later
"""strace: runs a program, then shows the system calls that it made, as the kernel logged them, and its exit status.

The log forgets what is oldest: of a program with thousands of calls only the last are shown.
"""

from lang import Error, array, i32, text, u64
from kern.abi.file import FdPair, OpenMode, SpawnFlag
from lib.args import complain, complain_about, misuse
from lib.files import read_file
from lib.process import find_program
from rt.args import args, environment
from rt.env import get_env
from rt.io import STDERR, close, open, write_all
from rt.process import create, run, wait

USAGE = "usage: strace PROGRAM [ARG…]"
PATH_ROOM = 1024
NOT_FOUND: i32 = 127


def main() -> i32:
    words = args()[1:]
    if len(words) == 1 and words[0] == "--help":
        print(USAGE)
        return 0
    if len(words) == 0:
        return misuse("which program?", USAGE)
    path = text(PATH_ROOM)
    if not find_program(words[0], get_env("PATH"), path):
        complain(f"{words[0]}: command not found")
        return NOT_FOUND
    no_fds = array(1, FdPair)
    try:
        pid = create(path.view, words, environment(), no_fds[:0], SpawnFlag.DUP_FDS)
        trace(pid)
        run(pid)
        status = wait(pid)
    except Error as e:
        return complain_about(words[0], e.message)
    show(pid)
    return status


def trace(pid: i32) -> None:
    """Have the kernel log the calls of a process."""
    path = text(32)
    path.write(f"/proc/{pid}/ctl")
    fd = open(path.view, OpenMode.WRITE)
    try:
        write_all(fd, "trace")
    finally:
        close(fd)


def show(pid: i32) -> None:
    """What the kernel's log says of this process, a call and its result on one line."""
    mark = text(32)
    mark.write(f" trace {pid}: ")
    rest: str = read_file("/proc/log")
    open_line = False
    while len(rest) > 0:
        line, rest = rest.split1("\n")
        at = line.find(mark.view)
        if at < 0:
            continue
        said = line[u64(at) + mark.len :]
        is_result = said.startswith("= ")
        if open_line:
            print("" if is_result else "\n", end=" " if is_result else "", file=STDERR)
        print(said, end="\n" if is_result else "", file=STDERR)
        open_line = not is_result
    if open_line:
        print("", file=STDERR)
