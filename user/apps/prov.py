# SPDX-License-Identifier: LGPL-2.1-or-later
"""prov: guarantees cores to a process. Whoever uses one of them now loses it when the process next wants it."""

from lang import Error, i32, u32, u64
from kern.abi.proc import MAX_CORES, Resource
from lib.args import Options, complain, complain_about, help_wanted, misuse
from lib.strings import number_or_none
from rt.args import args
from syscalls import sys_poke_ksched, sys_provision

USAGE = """usage: prov PID CORE…
PID 0 takes the guarantee back. `cores` shows who has which."""
MAX_PID = 32767


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if options.next_number() is None and options.next() != 0:
        return options.refuse(USAGE)
    words = options.operands()
    if len(words) < 2:
        return misuse("a process id and a core are needed", USAGE)
    pid = number_or_none(words[0])
    if pid is None or pid > MAX_PID:
        return complain(f"{words[0]}: this is no process id")
    status: i32 = 0
    for word in words[1:]:
        status = max(status, provision(i32(pid), word))
    sys_poke_ksched(i32(pid), Resource.CORES)
    return status


def provision(pid: i32, word: str) -> i32:
    core = number_or_none(word)
    if core is None or core >= u64(MAX_CORES):
        return complain(f"{word}: this is no core")
    try:
        sys_provision(pid, Resource.CORES, u32(core))
    except Error as e:
        return complain_about(word, e.message)
    return 0
