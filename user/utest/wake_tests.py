# SPDX-License-Identifier: LGPL-2.1-or-later
"""How soon a single-core process runs when another core wakes it: this suite's process has cores of its own, its child has not."""

from lang import array, u64, u8
from kern.abi.file import FdPair
from pthread import Thread
from rt import io
from rt.process import spawn, wait
from rt.time import now_ns
from utest.harness import Suite, check, equal, run, suites

ROUNDS: u64 = 40
TICK_NS: u64 = 10_000_000

argv = array(1, str)
map = array(3, FdPair)
buffer = array(16, u8)


def nothing(number: u64) -> None:
    """A thread that ends at once: with the first one the process becomes a many-core process."""


def test_latency() -> None:
    """There and back through a sleeping `cat`, in less than half a tick: not always, on a host that is busy itself, but if it were the tick
    that woke it, never."""
    starter = Thread()
    starter.start(nothing, 0)
    starter.join()
    there = io.pipe()
    back = io.pipe()
    argv[0] = "cat"
    map[0].first, map[0].second = there[0], 0
    map[1].first, map[1].second = back[1], 1
    pid = spawn("/bin/cat", argv[:], argv[:0], map[:2])
    io.close(there[0])
    io.close(back[1])
    quick: u64 = 0
    for _ in range(ROUNDS):
        start = now_ns()
        io.write_all(there[1], "x")
        equal(io.read(back[0], buffer[:]), 1, "bytes that come back")
        if now_ns() - start < TICK_NS // 2:
            quick += 1
    io.close(there[1])
    equal(io.read(back[0], buffer[:]), 0, "the end")
    io.close(back[0])
    equal(u64(wait(pid)), 0, "status")
    check(quick >= 2, f"{quick} of {ROUNDS} rounds took less than half a tick")


@suites
class Wake(Suite):
    name: str = "wake"

    def run(self) -> None:
        run("wake.latency", test_latency)
