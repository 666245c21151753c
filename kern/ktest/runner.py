# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's tests of itself, in the running machine: booted with `ktest`, it runs them all, tells, and powers off; #regress runs them
on order (kern/dev/regress.py).

A test is a class that registers itself; it fails by raising, and what it says stands behind its name. What a host cannot show belongs
here: messages between real cores, threads that leave their stacks, timers, the kernel map. The tests run as a kernel task on core 0, which
may block.
`ktest=NAME` runs those whose name begins so; `ktest_off=NAME,NAME` switches some off; a test that the machine has nothing for says why.
The machine's status is how many failed.
Locks: `running`, a sleeping lock, over a run and its report.
"""

from abc import ABC, abstractmethod

from lang import Array, Error, Format, Registry, addr_of, array, at, copy_bytes, struct, text, u8, u32, u64
from arch import power, serial
from kern.abi.errno import Errno
from kern.boot.cmdline import option_or
from kern.sync.completion import Completion
from kern.sync.kthread import spawn_ktask
from kern.sync.qlock import QLock
from kern.time.clock import NS_PER_MS, now_ns

REPORT_ROOM: u64 = 32768


class KernelTest(ABC):
    name: str = ""
    disabled: str = ""                      # why it does not run; empty if it does
    switched_off: bool = False              # by whoever uses the machine

    @abstractmethod
    def run(self) -> None:
        """Raises if something is not as it should be."""


kernel_tests = Registry[KernelTest]()


def check(good: bool, what: Format) -> None:
    """Fail the test, saying what, unless `good`."""
    if not good:
        raise Error(Errno.EPROTO, what)


def equal(got: u64, expected: u64, what: str) -> None:
    if got != expected:
        raise Error(Errno.EPROTO, f"{what}: got {got}, expected {expected}")


@struct
class Report:
    """What a run says, to be read later, and as it comes on the console when the machine was booted for it."""

    bytes: Array[u8] = array(REPORT_ROOM)
    used: u64
    to_console: bool

    def say(self, message: Format) -> None:
        """A line. What does not fit into the room for all of them is only shown."""
        line = text(240)
        line.write(message)
        line.append("\n")
        if self.to_console:
            serial.put(line.view)
        count = min(line.len, REPORT_ROOM - self.used)
        copy_bytes(self.bytes[self.used : self.used + count], line.view[:count])
        self.used += count


@struct
class Tally:
    passed: u32
    failed: u32
    disabled: u32


@struct
class Order:
    """A run that somebody waits for."""

    wanted: str
    tally: Tally
    done: Completion


report = Report()
running = QLock()


def run_kernel_tests(unused: u64) -> None:
    """As a kernel task: run what the command line asks for; does not return."""
    switch_off_by_option(option_or("ktest_off", ""))
    report.to_console = True
    tally = Tally()
    run_matching(option_or("ktest", ""), tally)
    power.power_off(tally.failed)


def switch_off_by_option(names: str) -> None:
    rest = names
    while rest:
        name, rest = rest.split1(",")
        try:
            switch(name, False)
        except Error as e:
            report.say(f"{e.message}")


def switch(name: str, on: bool) -> None:
    """Have a test run, or not. Raises ENOENT."""
    for test in kernel_tests:
        if test.name == name:
            test.switched_off = not on
            return
    raise Error(Errno.ENOENT, f"there is no kernel test {name}")


def run_and_wait(wanted: str, into: Tally) -> None:
    """Run the tests whose names begin with `wanted`, in a kernel task; sleep until they are over. Raises ENOENT if there are none.

    Caller holds: `running`.
    """
    order = Order(wanted=wanted)
    order.done.expect(1)
    spawn_ktask("ktest", obey, addr_of(order))
    order.done.wait()
    into.passed = order.tally.passed
    into.failed = order.tally.failed
    into.disabled = order.tally.disabled
    if into.passed + into.failed + into.disabled == 0:
        raise Error(Errno.ENOENT, f"no kernel test's name begins with {wanted}")


def obey(address: u64) -> None:
    order = at(Order, address)
    run_matching(order.wanted, order.tally)
    order.done.done()


def run_matching(wanted: str, tally: Tally) -> None:
    report.used = 0
    for test in kernel_tests:
        if test.name.startswith(wanted):
            run_one(test, tally)
    report.say(f"{tally.passed} passed, {tally.failed} failed, {tally.disabled} disabled")


def run_one(test: KernelTest, tally: Tally) -> None:
    if test.switched_off or test.disabled:
        tally.disabled += 1
        report.say(f"DISABLED {test.name}: {'switched off' if test.switched_off else test.disabled}")
        return
    start = now_ns()
    failure = text(160)
    try:
        test.run()
    except Error as e:
        failure.append(e.message)
    took = (now_ns() - start) // NS_PER_MS
    if failure.len == 0:
        tally.passed += 1
        report.say(f"PASSED {test.name} ({took} ms)")
    else:
        tally.failed += 1
        report.say(f"FAILED {test.name} ({took} ms): {failure}")
