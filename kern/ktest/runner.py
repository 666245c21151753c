# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's tests of itself, in the running machine: booted with `ktest`, it runs them all, tells, and powers off.

A test is a class that registers itself; it fails by raising. What a host cannot show belongs here: messages between real
cores, threads that leave their stacks, timers, the kernel map. The machine's status is how many failed.
`ktest=NAME` runs those whose name begins so. The tests run as a kernel task on core 0, which may block.
"""

from abc import ABC, abstractmethod

from lang import Error, Format, Registry, text, u32, u64
from arch import power, serial
from kern.abi.errno import Errno
from kern.boot.cmdline import option_or
from kern.time.clock import NS_PER_MS, now_ns


class KernelTest(ABC):
    name: str = ""

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


def run_kernel_tests(unused: u64) -> None:
    """As a kernel task: run what the command line asks for; does not return."""
    wanted = option_or("ktest", "")
    passed: u32 = 0
    failed: u32 = 0
    for test in kernel_tests:
        if not test.name.startswith(wanted):
            continue
        if run_one(test):
            passed += 1
        else:
            failed += 1
    say(f"{passed} passed, {failed} failed")
    power.power_off(failed)


def run_one(test: KernelTest) -> bool:
    start = now_ns()
    try:
        test.run()
    except Error as e:
        say(f"FAILED {test.name}: {e.message}")
        return False
    say(f"PASSED {test.name} ({(now_ns() - start) // NS_PER_MS} ms)")
    return True


def say(message: Format) -> None:
    """To the console, booted quiet or not."""
    line = text(200)
    line.write(message)
    line.append("\n")
    serial.put(line.view)
