# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls with nonsense in them, from many processes: the kernel stays sound, and gives back what they had."""

import re
from collections.abc import Callable

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")
SILENT = "< /dev/null > /dev/null 2> /dev/null"


@pytest.fixture
def guest4(boot: Callable[[int], Guest]) -> Guest:
    return boot(4)


def used_kib(guest: Guest) -> int:
    found = re.search(r"^KiB +\d+ +(\d+)", guest.output("free"), re.MULTILINE)
    assert found
    return int(found[1])


@pytest.mark.feature("vm-17")
def test_nonsense_from_single_core_processes(guest4: Guest) -> None:
    guest4.output(f"for i in $(seq 1 20); do fuzz $i 2000 {SILENT}; done; true", 60)
    before = used_kib(guest4)
    guest4.output(f"for i in $(seq 1 60); do fuzz 1$i 2000 {SILENT}; done; true", 120)
    assert used_kib(guest4) - before < 1024
    assert guest4.output("hello").startswith("Hello")


def test_nonsense_from_many_core_processes(guest4: Guest) -> None:
    start = f'for i in $(seq 1 20); do fuzz $i 2000 any {SILENT} & pids="$pids $!"; done'
    guest4.output(f"{start}; sleep 1; kill $pids {SILENT}; wait; true", 60)
    assert not re.search(r" fuzz$", guest4.output("ps"), re.MULTILINE)
    assert "20 threads finished" in guest4.output("threads 20 5", 60)
