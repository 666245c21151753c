# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocked calls, and what goes on beside them."""

from lang import array, u8, u64
from kern.abi.syscall import Syscall
from rt import io
from rt.syscall import is_done, result_of, wait_for
from syscalls import submit_read, sys_write
from utest.harness import Suite, check, equal, run, suites

READS: u64 = 1000

calls = array(READS, Syscall)
received = array(READS, u8)
ones = array(READS, u8)


def test_thousand_reads() -> None:
    """They sleep in the kernel, each on a stack of its own; this thread computes; then each gets its byte."""
    source, sink = io.pipe()
    for i in range(READS):
        submit_read(calls[i], source, received[i : i + 1])
    total: u64 = 0
    for i in range(u64(2_000_000)):
        total += i & 7
    equal(total, 7_000_000, "what was computed meanwhile")
    for i in range(READS):
        check(not is_done(calls[i]), "a read of an empty pipe is over")
        ones[i] = u8(i % 251)
    written: u64 = 0
    while written < READS:
        written += u64(sys_write(sink, ones[written:READS]))
    sum: u64 = 0
    expected: u64 = 0
    for i in range(READS):
        wait_for(calls[i])
        equal(result_of(calls[i]), 1, "bytes of a read")
        sum += u64(received[i])
        expected += i % 251
    equal(sum, expected, "what was read, in all")
    io.close(source)
    io.close(sink)


@suites
class Kthreads(Suite):
    """In an SCP, before threads: the calls are submitted, not made one by one."""

    name: str = "kthread"

    def run(self) -> None:
        run("kthread.thousand_reads", test_thousand_reads)
