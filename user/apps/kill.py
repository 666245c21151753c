# SPDX-License-Identifier: LGPL-2.1-or-later
"""kill: ends processes."""

from lang import Error, i32
from lib.args import Options, complain, complain_about, help_wanted, misuse
from lib.strings import number_or_none
from rt.args import args
from rt.process import kill

USAGE = "usage: kill PID…"
MAX_PID = 32767


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if options.next_number() is None and options.next() != 0:
        return options.refuse(USAGE)
    if len(options.operands()) == 0:
        return misuse("a process id is needed", USAGE)
    status: i32 = 0
    for word in options.operands():
        status = max(status, kill_one(word))
    return status


def kill_one(word: str) -> i32:
    pid = number_or_none(word)
    if pid is None or pid == 0 or pid > MAX_PID:
        return complain(f"{word}: this is no process id")
    try:
        kill(i32(pid))
    except Error as e:
        return complain_about(word, e.message)
    return 0
