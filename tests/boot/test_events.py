# SPDX-License-Identifier: GPL-2.0-or-later
"""Events between kernel and processes: mailboxes, flags, queues that threads wait for, and the diagnosis of a running process."""

import re
import time
from collections.abc import Callable

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")

EVENTS = [
    ("types", ["event-15", "sys-24", "event-20"]),
    ("handlers", ["event-22"]),
    ("private_first", ["event-25", "event-18", "event-21", "sys-23"]),
    ("vc_entry", ["sys-25"]),
    ("bits", ["event-03"]),
    ("ceq_or", []),
    ("ceq_overflow", ["event-04"]),
    ("single_core", ["event-19"]),
    ("throttling", ["event-11"]),
    ("indirection", ["event-07"]),
    ("queues", ["event-23"]),
    ("kevent", ["event-24"]),
    ("check_queues", ["event-27"]),
    ("block_on_queues", ["event-14", "event-26"]),
    ("block_with_timeout", ["event-26"]),
]


@pytest.fixture
def guest4(boot: Callable[[int], Guest]) -> Guest:
    return boot(4)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.feature(f) for f in features]) for n, features in EVENTS])
def test_events_of_a_single_core_process(guest4: Guest, name: str) -> None:
    answer = guest4.run(f"utest events.{name}", 60)
    assert answer.status == 0 and f"PASSED events.{name}" in answer.output, answer.output


def diagnosis(guest: Guest, command: str) -> str:
    """What a program that runs in the background says of itself, once it has said all. It has to run for as long as that takes."""
    guest.output(f"{command} > /dev/null 2> /tmp/pie &")
    found = re.search(rf"^ *(\d+) .* {command.split()[0]}$", guest.output("ps"), re.MULTILINE)
    assert found, guest.output("ps")
    end = time.monotonic() + 20
    guest.output(f"notify {found[1]} 9")
    while len(re.findall("^  thread ", shown := guest.output("cat /tmp/pie"), re.MULTILINE)) < (4 if "block" in command else 1):
        assert time.monotonic() < end, shown
    guest.output("wait", 30)
    return shown.replace(f"process {found[1]}:", "process N:")


@pytest.mark.feature("event-29", "sys-22")
def test_notify_9_prints_where_threads_stand(guest4: Guest) -> None:
    """A sleeping many-core process is woken, prints, and goes on sleeping; a single-core one as well."""
    shown = diagnosis(guest4, "block 3 4000")
    assert re.match(r"process N: \d+ of 3 vcores, asked on vcore \d+\n(  vcore .*\n){3}  thread 0: ready or waiting, at 0x", shown), shown
    assert shown.count(": blocked in system call 2, at 0x") == 3
    assert diagnosis(guest4, "sleep 3").startswith("process N: single-core\n  vcore 0: ")


def test_notify_refuses_nonsense(guest4: Guest) -> None:
    for line, words in (
        ("notify", "a process id and an event type are needed"),
        ("notify x 9", "x: this is no process id"),
        ("notify 1 50", "50: event types are numbers below 50"),
        ("notify 30000 9", "30000: no process 30000"),
    ):
        answer = guest4.run(line)
        assert answer.status != 0 and words in answer.output, (line, answer.output)
