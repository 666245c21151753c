# SPDX-License-Identifier: LGPL-2.1-or-later
"""kill: ends processes, or sends them signals."""

from lang import Error, i32, u32, u64
from kern.abi.signal import Signal
from lib.args import complain, complain_about, help_wanted, misuse
from lib.strings import number_or_none
from rt.args import args
from rt.process import kill
from syscalls import sys_kill

USAGE = "usage: kill [-SIGNAL] PID…      (a number or a name: -TERM; without, the process ends whatever it wants)"
MAX_PID = 32767
MOST: u64 = 64                              # signals

wanted: u32 = Signal.KILL


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    first: u64 = 1
    given = args()
    if len(given) > 1 and len(given[1]) > 1 and given[1][0] == ord("-"):
        if not choose_signal(given[1][1:]):
            return misuse(f"{given[1][1:]}: this is no signal", USAGE)
        first = 2
    if len(given) <= first:
        return misuse("a process id is needed", USAGE)
    status: i32 = 0
    for word in given[first:]:
        status = max(status, kill_one(word))
    return status


def choose_signal(name: str) -> bool:
    """By number, or by name with or without SIG."""
    global wanted
    number = number_or_none(name)
    if number is not None:
        wanted = u32(min(number, MOST + 1))
        return 0 < number <= MOST
    short = name[3:] if name.startswith("SIG") else name
    for signal in Signal:
        if signal.name == short:
            wanted = u32(signal)
            return True
    return False


def kill_one(word: str) -> i32:
    pid = number_or_none(word)
    if pid is None or pid == 0 or pid > MAX_PID:
        return complain(f"{word}: this is no process id")
    try:
        if wanted == Signal.KILL:
            kill(i32(pid))
        else:
            sys_kill(i32(pid), wanted)
    except Error as e:
        return complain_about(word, e.message)
    return 0
