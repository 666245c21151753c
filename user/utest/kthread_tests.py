# SPDX-License-Identifier: LGPL-2.1-or-later
"""Blocked calls, and what goes on beside them."""

from lang import array, u8, u64
from kern.abi.syscall import Syscall
from rt import io
from rt.syscall import is_done, result_of, wait_for
from syscalls import submit_write
from utest.harness import Suite, check, equal, run, suites

WRITES: u64 = 1000
CAPACITY: u64 = 65536                       # of a pipe

calls = array(WRITES, Syscall)
received = array(CAPACITY, u8)
ones = array(WRITES, u8)


def test_thousand_writes() -> None:
    """They sleep in the kernel, each on a stack of its own; this thread computes; then there is room for each one's byte."""
    source, sink = io.pipe()
    io.write_all(sink, received[:])
    for i in range(WRITES):
        ones[i] = u8(i % 251)
        submit_write(calls[i], sink, ones[i : i + 1])
    total: u64 = 0
    for i in range(u64(2_000_000)):
        total += i & 7
    equal(total, 7_000_000, "what was computed meanwhile")
    for i in range(WRITES):
        check(not is_done(calls[i]), "a write to a full pipe is over")
    equal(io.read_full(source, received[:]), CAPACITY, "what was in the pipe")
    equal(io.read_full(source, received[:WRITES]), WRITES, "what was written then")
    sum: u64 = 0
    expected: u64 = 0
    for i in range(WRITES):
        wait_for(calls[i])
        equal(result_of(calls[i]), 1, "bytes of a write")
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
        run("kthread.thousand_writes", test_thousand_writes)
