# SPDX-License-Identifier: LGPL-2.1-or-later
"""strace: runs a program, then shows the system calls that it made, as the kernel logged them, and its exit status.

The log forgets what is oldest: of a program with thousands of calls only the last are shown.
"""

from lang import Error, array, i32, text, u64
from kern.abi.file import OpenMode
from lib.args import complain_about
from lib.command import Command
from lib.files import read_file
from lib.strings import number_or_none
from rt.args import args
from rt.io import STDERR, close, open, write_all
from rt.process import run, wait

USAGE = """usage: strace [-f] PROGRAM [ARG…]
-f: those of its children too, each behind its process id."""
MAX_FAMILY: u64 = 256
CHILD = "child "                            # how the kernel names one that is traced from its start


def main() -> i32:
    words = args()[1:]
    follow = len(words) > 0 and words[0] == "-f"
    if follow:
        words = words[1:]
    command = Command(words=words)
    if not command.is_found(USAGE):
        return command.status
    try:
        pid = command.create()
        order(pid, "trace all" if follow else "trace")
        run(pid)
        status = wait(pid)
    except Error as e:
        return complain_about(command.words[0], e.message)
    if follow:
        show_all(pid)
    else:
        show(pid)
    return status


def order(pid: i32, command: str) -> None:
    """Tell the kernel what to log of a process."""
    path = text(32)
    path.write(f"/proc/{pid}/ctl")
    fd = open(path.view, OpenMode.WRITE)
    try:
        write_all(fd, command)
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


def show_all(pid: i32) -> None:
    """What it says of this process and of all that descend from it, in the order of time: a call and its result may stand apart."""
    family = array(MAX_FAMILY, u64)
    family[0] = u64(pid)
    count: u64 = 1
    rest: str = read_file("/proc/log")
    while len(rest) > 0:
        line, rest = rest.split1("\n")
        at = line.find(" trace ")
        if at < 0:
            continue
        who, said = line[u64(at) + len(" trace ") :].split1(": ")
        number = number_or_none(who)
        if number is None or number not in family[:count]:
            continue
        print(f"{number} {said}", file=STDERR)
        child = number_or_none(said[len(CHILD) :]) if said.startswith(CHILD) else None
        if child is not None and count < MAX_FAMILY:
            family[count] = child
            count += 1
