# SPDX-License-Identifier: LGPL-2.1-or-later
"""time: runs a program and tells how long it took."""

from lang import Error, array, i32, text
from kern.abi.file import FdPair
from kern.abi.time import NS_PER_SEC
from lib.args import complain, complain_about, misuse
from lib.process import find_program
from rt.args import args, environment
from rt.env import get_env
from rt.io import STDERR
from rt.process import spawn, wait
from rt.time import now_ns

USAGE = "usage: time PROGRAM [ARG…]"
PATH_ROOM = 1024
NOT_FOUND: i32 = 127


def main() -> i32:
    if help_wanted_first():
        return 0
    words = args()[1:]
    if len(words) == 0:
        return misuse("which program?", USAGE)
    path = text(PATH_ROOM)
    if not find_program(words[0], get_env("PATH"), path):
        complain(f"{words[0]}: command not found")
        return NOT_FOUND
    no_fds = array(1, FdPair)
    start = now_ns()
    try:
        status = wait(spawn(path.view, words, environment(), no_fds[:0]))
    except Error as e:
        return complain_about(words[0], e.message)
    took = now_ns() - start
    print(f"{took // NS_PER_SEC}.{took % NS_PER_SEC // 1000:06} s", file=STDERR)
    return status


def help_wanted_first() -> bool:
    """Only our own --help: one that comes later is the program's."""
    if len(args()) == 2 and args()[1] == "--help":
        print(USAGE)
        return True
    return False
