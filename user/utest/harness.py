# SPDX-License-Identifier: LGPL-2.1-or-later
"""The framework of the unit tests: suites, the choice of tests by name, and telling what came of them.

    @suites
    class Arithmetic(Suite):
        name: str = "arithmetic"

        def run(self) -> None:
            run("arithmetic.sum", test_sum)

A suite has a process of its own (utest.py starts it), so it may turn it into a many-core process, or leave it as it is. A test fails if any
of its checks does, or if it raises; for each there is a line `PASSED name (n ms)` or `FAILED name: why`.
"""

from abc import ABC, abstractmethod
from typing import Callable

from lang import Errno, Error, Format, Raises, Registry, text, u32, u64
from parlib.sync import Mutex
from rt.args import args
from rt.time import now_ns, sleep_usec


class Suite(ABC):
    name: str = ""

    @abstractmethod
    def run(self) -> None:
        """Calls `run` for each test."""


suites = Registry[Suite]()

PATIENCE_NS: u64 = 30_000_000_000           # a host may stop us for seconds

failed_tests: u32 = 0
passed_tests: u32 = 0
reason = text(200)
reason_lock = Mutex()
chosen_from: u64 = 0                        # the argument that names begin at; 0: all tests run
whole_suite: bool = True


def choose_by_arguments() -> None:
    """Run just the tests that the program's arguments name; a name without a dot stands for all that begin with it and a dot."""
    global chosen_from, whole_suite
    chosen_from = 1
    whole_suite = False


def begin_suite(name: str) -> None:
    """What runs next is of this suite; with its name all of it is chosen."""
    global whole_suite
    whole_suite = chosen_from == 0 or name in args()[chosen_from:]


def until(holds: Callable[[], bool]) -> None:
    """Until that is so, or has not been for so long that it never will: the check that follows tells which."""
    deadline = now_ns() + PATIENCE_NS
    while not holds() and now_ns() < deadline:
        sleep_usec(500)


def is_chosen(name: str) -> bool:
    if whole_suite:
        return True
    for one in args()[chosen_from:]:
        if name == one or name.startswith(one) and name[len(one)] == ord("."):
            return True
    return False


def is_wanted(suite: str) -> bool:
    """Whether a test of the suite may be chosen: for suites that change the process before their first test."""
    if chosen_from == 0:
        return True
    for one in args()[chosen_from:]:
        if one.startswith(suite) and (len(one) == len(suite) or one[len(suite)] == ord(".")):
            return True
    return False


def check(condition: bool, what: Format) -> None:
    """A test fails if any of its checks does; the first one is told."""
    if condition:
        return
    with reason_lock:
        if reason.len == 0:
            reason.write(what)


def equal(got: u64, wanted: u64, what: str) -> None:
    check(got == wanted, f"{what}: got {got}, expected {wanted}")


def fails(wanted: Errno, what: str, action: Callable[[], Raises[None]]) -> None:
    """`action` must raise that error."""
    try:
        action()
    except Error as e:
        check(e.errno == wanted, f"{what}: {e.errno.name} instead of {wanted.name}")
        return
    check(False, f"{what}: no error")


def run(name: str, test: Callable[[], Raises[None]]) -> None:
    global failed_tests, passed_tests
    if not is_chosen(name):
        return
    reason.clear()
    start = now_ns()
    try:
        test()
    except Error as error:
        check(False, f"{error.errno.name}: {error.message}")
    if reason.len == 0:
        passed_tests += 1
        print(f"PASSED {name} ({(now_ns() - start) // 1_000_000} ms)")
    else:
        failed_tests += 1
        print(f"FAILED {name}: {reason}")
