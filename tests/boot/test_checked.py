# SPDX-License-Identifier: GPL-2.0-or-later
"""What a checked build finds: the panics on purpose of kern/ktest/check_tests.py, as the log shows them.

The kernel's own test has compared the messages already; here each place that they and their backtraces name is looked up in the sources.
Booted as tests/boot/test_kernel_units.py does, once for both.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.boot.conftest import Pool
from tests.boot.test_kernel_units import results

REPO = Path(__file__).parents[2]
PLACE = re.compile(r"\bin ([\w.]+) at ([\w/]+\.py):(\d+)")
PANIC = re.compile(r"^expected panic on core 0: (.*) \(at \d+\.\d{6} s\)\n((?:  0x[0-9a-f]{16}.*\n)+)", re.MULTILINE)
FRAME = re.compile(r"^  0x[0-9a-f]{16} ([\w.]+)  ([\w/]+\.py):(\d+)$", re.MULTILINE)

# What stands in the source where a message says that something happened, by the beginning of the message and the words before the place.
DONE = [
    ("overrun: byte 100 ", "allocated", "allocate(100, 8)"),
    ("overrun: byte 10012 ", "allocated", "allocate(10000, 8)"),
    ("overrun: byte 24 ", "allocated", "caches[1].alloc()"),
    ("freed twice", "allocated", "new(Job, id=1, name=7)"),
    ("freed twice", "freed", "free(job)"),
    ("write after free: byte 16 ", "freed", "free(job)"),
    ("lock order", "is taken", "with first:"),
    ("lock order", "is held, taken", "with third.irqs_off():"),
    ("lock order", "before: taken", "with second:"),
    ("lock order", "the first was held, taken", "with first.irqs_off():"),
    ("lock order", "that one was taken", "with third:"),
    ("lock order", "it was held, taken", "with second.irqs_off():"),
    ("spinlock 0x", "first taken", "with first.irqs_off(), first:"),
    ("blocking with 1 spinlock held", "taken", "with second.irqs_off():"),
    ("lock 0x", "handler", "with handled:"),
    ("lock 0x", "with interrupts on", "with handled:"),
    ("sleeping lock 0x", "first taken", "with mutex:"),
]
# The place of a check itself, and what stands there.
CHECKED = [
    ("in index_past_the_end: index 12 is not below 8", "table[i] = 1"),
    ("in overflow: i32 overflow: 2147483647 + 12", "cost += i32(i)"),
    ("in null_reference: at(Job, 0): a null address", "at(Job, i - 12).id = 3"),
    ("in misaligned_reference: at(Job, 0xffff80000000000d): not a multiple of 8", "at(Job, 0xFFFF_8000_0000_0001 + i).id = 3"),
]

pytestmark = pytest.mark.xdist_group("kernel-units")


def line_of(file: str, number: str) -> str:
    return (REPO / file).read_text(encoding="utf-8").splitlines()[int(number) - 1]


@pytest.fixture
def panics(pool: Pool, arch: str) -> list[tuple[str, str]]:
    """(message, backtrace) of each panic on purpose, on one core."""
    shown, _ = results(pool, arch, 1)
    found = PANIC.findall(shown)
    assert len(found) > 20, shown
    return found


@pytest.mark.parametrize(("message", "there"), CHECKED)
def test_a_failed_check_names_its_line(panics: list[tuple[str, str]], message: str, there: str) -> None:
    said = next(text for text, _ in panics if message in text)
    found = re.match(r"([\w/]+\.py):(\d+): ", said)
    assert found and line_of(found[1], found[2]).strip().startswith(there), said


@pytest.mark.parametrize(("start", "before", "there"), DONE)
def test_a_report_names_the_lines_where_it_came_about(panics: list[tuple[str, str]], start: str, before: str, there: str) -> None:
    place = re.compile(re.escape(before) + " " + PLACE.pattern)
    found = next(place.search(text) for text, _ in panics if text.startswith(start) and place.search(text))
    assert found
    assert there in line_of(found[2], found[3]), f"{found[0]}: {line_of(found[2], found[3])}"


def test_each_has_a_backtrace_down_to_who_tripped_it(panics: list[tuple[str, str]]) -> None:
    for message, trace in panics:
        frames = FRAME.findall(trace)
        # What the kernel must not reach (protection_tests.py): it was sent there by a tail call, or jumped to where there are no frames.
        if "kern.ktest.protection_tests." in trace or re.match(r"page fault in the kernel, (error code 0x11|cause 12)\b", message):
            continue
        assert any(function.startswith(("kern.ktest.check_tests.", "kern.ktest.proc_tests.")) for function, _, _ in frames), (
            f"{message}\n{trace}"
        )
        if "interrupt depth 1" in message:
            continue  # on the stack of the handler
        assert any("fn(wire.arg)" in line_of(file, line) for _, file, line in frames if file == "kern/debug/tripwire.py"), trace
