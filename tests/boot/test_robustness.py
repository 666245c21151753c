# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel under attack: allocations that fail, nonsense in system calls, kills at any moment; afterwards it has back what it gave.

Short forms, with fixed seeds, of what `make soak` does for as long as one likes.
"""

import re
from collections.abc import Callable

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")
QUIET = "2> /dev/null"  # what ends a child is told there


@pytest.fixture
def guest4(boot: Callable[[int], Guest]) -> Guest:
    return boot(4)


def test_every_allocation_of_a_call_may_fail(guest4: Guest) -> None:
    """Each is refused with ENOMEM, or does without, and nothing is left behind: `failing` says so of each operation."""
    answer = guest4.run(f"failing {QUIET}", 240)
    assert answer.status == 0, answer.output
    found = re.search(r"^(\d+) operations, 0 of them wrong; (\d+) places allocate, (\d+) of them failed$", answer.output, re.MULTILINE)
    assert found and int(found[1]) >= 17 and int(found[3]) > 100, answer.output
    assert re.search(r"^fork: \d\d+ allocations failed in turn, \d\d+ times refused", answer.output, re.MULTILINE), answer.output


def test_places_that_failed_are_told_with_their_callers(guest4: Guest) -> None:
    assert guest4.run(f"failing pipes {QUIET}", 60).status == 0
    places = guest4.output("grep -c pipe.py '#mem/fail_places'")
    assert int(places) > 0
