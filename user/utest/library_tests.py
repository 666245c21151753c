# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `library`: time, children, traces, and the errors of threads, as programs use them."""

from lang import Errno, Error, array, i32, text, u8, u64
from lib.show import ErrStr
from parlib.core_set import CoreSet
from pthread import Barrier, Thread
from rt import io
from rt.process import create_child, create_child_with_stdfds, getpid, provision_core_set, run_and_wait, wait
from rt.process import run as start
from rt.time import measured, ndelay, now_ns, now_tsc, timing_overhead, tsc_to_ns, tsc_to_usec, udelay, usec_to_tsc
from rt.trace import trace_print
from utest.harness import Suite, check, equal, run, suites

threads = array(8, Thread)
together = Barrier(parties=8)


@suites
class Library(Suite):
    name: str = "library"

    def run(self) -> None:
        run("library.timing", test_timing)
        run("library.children", test_children)
        run("library.standard_descriptors", test_standard_descriptors)
        run("library.provision", test_provision)
        run("library.trace", test_trace)
        run("library.errors_of_threads", test_errors_of_threads)


def test_timing() -> None:
    for ns in (100, 5_000, 250_000):
        begin = now_ns()
        ndelay(u64(ns))
        check(now_ns() - begin >= u64(ns), f"ndelay({ns}) was too short")
    begin = now_ns()
    udelay(1500)
    check(now_ns() - begin >= 1_500_000, "udelay was too short")
    equal(tsc_to_usec(usec_to_tsc(1_000_000)) // 10, 100_000, "a second there and back")
    check(tsc_to_ns(timing_overhead()) < 10_000, f"reading the counter takes {timing_overhead()} cycles")
    before = now_tsc()
    check(measured(before, before + timing_overhead()) == 0, "the overhead counts")
    equal(measured(before, before + timing_overhead() + 5), 5, "what is left")


def test_children() -> None:
    arguments = array(2, str)
    arguments[0] = "true"
    equal(u64(run_and_wait("/bin/true", arguments[:1])), 0, "status of true")
    equal(u64(run_and_wait("/bin/false", arguments[:1])), 1, "status of false")
    pid = create_child("/bin/true", arguments[:1])
    start(pid)
    equal(u64(wait(pid)), 0, "status of a child that was made first and started then")


def test_standard_descriptors() -> None:
    to_child = io.pipe()
    from_child = io.pipe()
    arguments = array(1, str)
    arguments[0] = "cat"
    pid = create_child_with_stdfds("/bin/cat", arguments[:], to_child[0], from_child[1], io.STDERR)
    start(pid)
    io.close(to_child[0])
    io.close(from_child[1])
    io.write_all(to_child[1], "round trip")
    io.close(to_child[1])
    into = array(32, u8)
    count = io.read_full(from_child[0], into[:])
    check(into[:count] == "round trip", f"{count} bytes came back")
    io.close(from_child[0])
    equal(u64(wait(pid)), 0, "status")


def test_provision() -> None:
    """Core 1 is ours, by right; core 0 is nobody's to have."""
    cores = CoreSet()
    cores.parse("1")
    provision_core_set(getpid(), cores)
    provision_core_set(0, cores)
    cores.add(200)
    refused = Errno.OK
    try:
        provision_core_set(getpid(), cores)
    except Error as error:
        refused = error.errno
    check(refused != Errno.OK, "core 200 of a few")
    cores.remove(200)
    provision_core_set(0, cores)


def test_trace() -> None:
    """What was traced stands in the kernel's log."""
    line = text(60)
    line.write(f"a trace of {now_tsc()}")
    trace_print(f"{line.view}")
    with io.open_file("/proc/log") as file:
        found = False
        while (one := file.read_line()) is not None:
            if one.find(line.view) >= 0:
                found = True
    check(found, "the trace is not in the log")


def fail_in_own_way(number: u64) -> None:
    """All raise at the same time; each has its own number and sentence afterwards, as perror would print them."""
    wanted = text(40)
    wanted.write(f"/no/such/file{number}")
    for _ in range(20):
        try:
            if number % 2 == 0:
                io.open(wanted.view)
            else:
                io.close(i32(40 + number))
        except Error:
            together.wait()
            said = text(160)
            said.write(f"{ErrStr()}")
            if number % 2 == 0:
                check(said.view.startswith("ENOENT: /no"), f"thread {number}: {said.view}")
            else:
                check(said.view.startswith("EBADF: "), f"thread {number}: {said.view}")
            together.wait()


def test_errors_of_threads() -> None:
    for i in range(u64(8)):
        threads[i].start(fail_in_own_way, i)
    for t in threads:
        t.join()
