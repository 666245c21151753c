# SPDX-License-Identifier: GPL-2.0-or-later
"""The architectures that the other tests do not run on: the same commands, the same answers. `make test ARCH=riscv` runs all there."""

import re

import pytest

from scripts.qemu import BOARDS, DEFAULT_ARCH, Ending, Settings
from tests.boot.conftest import TEST_OPTIONS, Pool

pytestmark = [pytest.mark.xdist_group("architectures"), pytest.mark.parametrize("arch", sorted(set(BOARDS) - {DEFAULT_ARCH}))]


def test_threads_on_eight_cores(pool: Pool, arch: str) -> None:
    guest = pool.guest(f"{arch}-smp8", Settings(arch=arch, smp=8, append=TEST_OPTIONS), 90)
    assert "8 cores are up" in guest.log()
    answer = guest.run("threads 100 10", 60)
    assert answer.status == 0 and re.search(r"^100 threads finished, 1000 loops, \d+ vcores used$", answer.output, re.MULTILINE)


def test_faults_kill_only_the_child(pool: Pool, arch: str) -> None:
    guest = pool.guest(f"{arch}-smp8", Settings(arch=arch, smp=8, append=TEST_OPTIONS), 90)
    answer = guest.run("faults && echo alive", 60)
    assert answer.status == 0 and answer.lines[-1] == "alive" and "NOT" not in answer.output


def test_utest(pool: Pool, arch: str) -> None:
    guest = pool.guest(f"{arch}-smp8", Settings(arch=arch, smp=8, append=TEST_OPTIONS), 90)
    answer = guest.run("utest", 120)
    assert answer.status == 0, answer.output


def test_kernel_tests(pool: Pool, arch: str) -> None:
    machine = pool.machine(f"{arch}-ktest", Settings(arch=arch, smp=4, append=f"{TEST_OPTIONS} ktest"))
    assert machine.wait(120) == (Ending.STATUS, 0), machine.seen()
    assert re.search(r"^\d+ passed, 0 failed", machine.seen(), re.MULTILINE)
    pool.release()
