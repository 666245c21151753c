# SPDX-License-Identifier: LGPL-2.1-or-later
"""notify PID TYPE [ARG]: sends a process an event of that type, which it gets if it has asked for such. 9 makes it print a diagnosis."""

from lang import Error, Uaddr, addr_of, i32, u32, u64
from kern.abi.event import NR_EVENT_TYPES, EventMsg
from lib.args import complain, complain_about, help_wanted, misuse
from lib.strings import number_or_none
from rt.args import args
from syscalls import sys_notify

USAGE = "usage: notify PID TYPE [ARG]"
MAX_PID = 32767


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    words = args()[1:]
    if len(words) < 2 or len(words) > 3:
        return misuse("a process id and an event type are needed", USAGE)
    pid = number_or_none(words[0])
    if pid is None or pid == 0 or pid > MAX_PID:
        return complain(f"{words[0]}: this is no process id")
    kind = number_or_none(words[1])
    if kind is None or kind >= u64(NR_EVENT_TYPES):
        return complain(f"{words[1]}: event types are numbers below {NR_EVENT_TYPES}")
    msg = EventMsg()
    if len(words) == 3:
        arg = number_or_none(words[2])
        if arg is None:
            return complain(f"{words[2]}: this is no number")
        msg.arg3 = arg
    try:
        sys_notify(i32(pid), u32(kind), Uaddr(addr_of(msg)))
    except Error as e:
        return complain_about(words[0], e.message)
    return 0
