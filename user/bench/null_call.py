# SPDX-License-Identifier: LGPL-2.1-or-later
"""null_call [N]: what a system call costs that does nothing, from the stub's first instruction to its last."""

from lang import i32, u64
from lib.args import help_wanted, misuse
from lib.strings import number_or_none
from rt.args import args
from rt.time import now_tsc, tsc_to_ns
from syscalls import sys_null

USAGE = "usage: null_call [CALLS]"
DEFAULT_CALLS: u64 = 100_000


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    calls = number_or_none(args()[1]) if len(args()) > 1 else DEFAULT_CALLS
    if calls is None or calls == 0:
        return misuse("how many calls?", USAGE)
    sys_null()                              # everything is in memory from here on
    start = now_tsc()
    for _ in range(calls):
        sys_null()
    cycles = now_tsc() - start
    ns = tsc_to_ns(cycles * 10) // calls
    print(f"{calls} null calls: {ns // 10}.{ns % 10} ns each, {cycles // calls} cycles each")
    return 0
