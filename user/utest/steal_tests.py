# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `steal`: what the work-stealing 2LS promises, however busy all vcores are."""

from lang import Atomic, array, pause, u32, u64
from parlib.vcore import max_vcores
from pthread import Thread, yield_now
from pthread.choose import use_2ls
from rt.time import now_ns
from utest.harness import PATIENCE_NS, Suite, check, is_wanted, run, suites

YIELDERS: u64 = 16

yielders = array(YIELDERS, Thread)
busy = Thread()
hidden = Thread()
running = Atomic[u32](0)
found = Atomic[u32](0)
over = Atomic[u32](0)


@suites
class Stealing(Suite):
    name: str = "steal"

    def run(self) -> None:
        if is_wanted("steal"):
            use_2ls("steal")
        run("steal.from_the_busy", test_from_the_busy)


def yield_until_over(number: u64) -> None:
    running.add(1)
    while over.load() == 0:
        yield_now()


def be_found(number: u64) -> None:
    found.store(u32(1))


def keep_vcore(number: u64) -> None:
    """Makes a thread, which is queued here, and never comes to run it."""
    hidden.start(be_found, 0)
    while over.load() == 0:
        pause()


def test_from_the_busy() -> None:
    """A thread whose vcore is busy for ever is run by others, though each of them always has a thread of its own that yields."""
    if max_vcores() < 2:
        return                              # there is nobody else
    for yielder in yielders:
        yielder.start(yield_until_over, 0)
    while u64(running.load()) < YIELDERS:
        yield_now()
    busy.start(keep_vcore, 0)
    deadline = now_ns() + PATIENCE_NS
    while found.load() == 0 and now_ns() < deadline:
        yield_now()
    check(found.load() != 0, "nobody took it")
    over.store(u32(1))
    for yielder in yielders:
        yielder.join()
    busy.join()
    hidden.join()
