# SPDX-License-Identifier: LGPL-2.1-or-later
"""Running tests and telling of them: a line `PASSED name` or `FAILED name: why` for each, and a summary."""

from typing import Callable

from lang import Error, Format, Raises, text, u32, u64
from parlib.sync import Mutex
from rt.time import now_ns

failed_tests: u32 = 0
passed_tests: u32 = 0
reason = text(200)
reason_lock = Mutex()
only: str = ""


def select(name: str) -> None:
    """Run just the tests whose name contains this."""
    global only
    only = name


def check(condition: bool, what: Format) -> None:
    """A test fails if any of its checks does; the first one is told."""
    if condition:
        return
    with reason_lock:
        if reason.len == 0:
            reason.write(what)


def equal(got: u64, wanted: u64, what: str) -> None:
    check(got == wanted, f"{what}: got {got}, expected {wanted}")


def run(name: str, test: Callable[[], Raises[None]]) -> None:
    global failed_tests, passed_tests
    if name.find(only) < 0:
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
