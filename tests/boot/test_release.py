# SPDX-License-Identifier: GPL-2.0-or-later
"""Release builds: the same machine without checks. It works, and nothing of the checks is left in it.

The other tests run checked builds.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from scripts.qemu import Ending, Settings
from tests.boot.conftest import ARCHES, TEST_OPTIONS, Pool
from tests.boot.guest import Guest

RELEASE = {arch: Settings(arch=arch, smp=4, checked=False, append=TEST_OPTIONS) for arch in ARCHES}
CHECKS = re.compile(r"kern\.mm\.sanitize\.|kern\.sync\.lockcheck\.|kern\.abi\.guard\.|kern\.debug\.tripwire\.|check_failed|__stack_chk_")

pytestmark = [
    pytest.mark.xdist_group("release"),
    pytest.mark.skipif(
        not all(settings.kernel.is_file() for settings in RELEASE.values()),
        reason="not all release images are built: make build CHECKED=0 and make build CHECKED=0 ARCH=riscv",
    ),
]


def functions(path: Path) -> set[str]:
    with path.open("rb") as file:
        return {s.name for s in ELFFile(file).get_section_by_name(".symtab").iter_symbols() if s["st_size"]}


@pytest.fixture
def release(pool: Pool, arch: str) -> Guest:
    return pool.guest(f"release-{arch}", RELEASE[arch])


def test_nothing_of_the_checks_is_in_the_kernel(arch: str) -> None:
    named = functions(RELEASE[arch].symbols)
    assert "kern.mm.heap.allocate" in named, "no symbols at all?"
    assert not [name for name in named if CHECKS.match(name) or name.endswith(".check_failed")]
    image = RELEASE[arch].kernel.read_bytes()
    kernel = image[: image.find(b"070701")]  # up to the archive of programs
    assert b"is not below" not in kernel and b"does not fit (" not in kernel and b" overflow: %" not in kernel


def test_nothing_of_the_checks_is_in_programs(arch: str) -> None:
    program = RELEASE[arch].kernel.parent / "root" / "bin" / "threads"
    assert not [name for name in functions(program) if CHECKS.match(name) or name.endswith(".check_failed")]
    assert b"is not below" not in program.read_bytes()


def test_a_checked_kernel_has_all_that(arch: str) -> None:
    """So that the tests above look for what there is."""
    settings = Settings(arch=arch)
    for prefix in ("kern.mm.sanitize.", "kern.sync.lockcheck.", "kern.abi.guard.", "kern.debug.tripwire."):
        assert any(name.startswith(prefix) for name in functions(settings.symbols)), prefix
    assert b"is not below" in settings.kernel.read_bytes()


def test_threads_run_on_all_cores(release: Guest) -> None:
    assert re.search(r"^100 threads finished, 1000 loops, \d vcores used$", release.output("threads 100 10", 60), re.MULTILINE)


def test_faults_kill_only_the_child(release: Guest) -> None:
    answer = release.run("faults && echo alive", 60)
    assert answer.status == 0 and answer.lines[-1] == "alive" and "NOT" not in answer.output


def test_the_programs_tests_of_the_kernel(release: Guest) -> None:
    assert re.search(r"^\d+ passed, 0 failed", release.output("utest", 120), re.MULTILINE)


def test_the_kernels_tests_of_itself(pool: Pool, arch: str) -> None:
    machine = pool.machine("release-ktest", Settings(arch=arch, smp=4, checked=False, append=f"{TEST_OPTIONS} ktest"))
    assert machine.wait(120) == (Ending.STATUS, 0), machine.seen()
    assert re.search(r"^\d+ passed, 0 failed", machine.seen(), re.MULTILINE)
    pool.release()
