# SPDX-License-Identifier: LGPL-2.1-or-later
"""time: runs a program and tells how long it took."""

from lang import Error, i32
from kern.abi.time import NS_PER_SEC
from lib.args import complain_about
from lib.command import Command
from rt.args import args
from rt.io import STDERR
from rt.process import wait
from rt.time import now_ns

USAGE = "usage: time PROGRAM [ARG…]"


def main() -> i32:
    command = Command(words=args()[1:])
    if not command.is_found(USAGE):
        return command.status
    start = now_ns()
    try:
        status = wait(command.start())
    except Error as e:
        return complain_about(command.words[0], e.message)
    took = now_ns() - start
    print(f"{took // NS_PER_SEC}.{took % NS_PER_SEC // 1000:06} s", file=STDERR)
    return status
