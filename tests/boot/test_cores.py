# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots on 1 to 64 cores, and with little and much memory."""

import re
import time
from collections.abc import Callable

import pytest

from compiler.backend.elf import Elf
from scripts.qemu import Settings
from tests.boot.conftest import TEST_OPTIONS, Pool
from tests.boot.guest import Guest

Boot = Callable[[int], Guest]
Fresh = Callable[[Settings], Guest]


def on_cores(*counts: int) -> pytest.MarkDecorator:
    """The test once per machine size; those of a size share one machine."""
    return pytest.mark.parametrize("smp", [pytest.param(n, marks=pytest.mark.xdist_group(f"smp{n}")) for n in counts])


@pytest.mark.feature("boot-12")
@on_cores(1, 2, 4, 8, 64)
def test_all_cores_come_up_and_idle(boot: Boot, smp: int) -> None:
    guest = boot(smp)
    assert f"{smp} cores are up" in guest.log()
    listed = [int(line.split()[0]) for line in guest.output("cores").splitlines() if re.match(r"\s*\d+\b", line)]
    assert listed == list(range(smp))


@on_cores(1, 2, 8, 64)
def test_shell_works_on_every_machine_size(boot: Boot, smp: int) -> None:
    assert boot(smp).output("echo here | cat") == "here\n"


@pytest.mark.feature("boot-02")
@pytest.mark.xdist_group("memory")
def test_free_memory_follows_the_size_of_the_machine(pool: Pool, arch: str) -> None:
    free = {}
    for mem in (256, 512, 4096):
        guest = pool.guest(f"{arch}-mem{mem}", Settings(arch=arch, smp=2, mem=f"{mem}M", append=TEST_OPTIONS))
        found = re.search(r"memory: (\d+) MiB free", guest.log())
        assert found, guest.log()
        free[mem] = int(found[1])
        assert mem * 0.8 < free[mem] < mem
    assert free[256] < free[512] < free[4096]


@pytest.mark.feature("boot-04")
@pytest.mark.xdist_group("memory")
def test_log_shows_the_command_line(pool: Pool, arch: str) -> None:
    options = f'{TEST_OPTIONS} some="thing with blanks"'
    guest = pool.guest(f"{arch} command line", Settings(arch=arch, smp=1, append=options))
    assert options in guest.log()


@pytest.mark.xdist_group("memory")
def test_cores_option_limits_the_cores(pool: Pool, arch: str) -> None:
    guest = pool.guest(f"{arch} cores option", Settings(arch=arch, smp=4, append=f"{TEST_OPTIONS} cores=2"))
    assert "2 cores are up" in guest.log()


def test_a_core_that_comes_late_is_refused(fresh: Fresh, arch: str) -> None:
    """The others count without it by then; it waits where it can disturb nobody, and they work."""
    guest = fresh(Settings(arch=arch, smp=3, append=f"{TEST_OPTIONS} late_core=200"))
    place = {"x86_64": "ap_without_record", "riscv": "asm_halt_forever"}[arch]
    start = next(s.value for s in Elf(guest.settings.symbols.read_bytes()).symbols() if s.name == place)
    deadline = time.monotonic() + 30
    found: list[int] = []
    while not any(start <= pc < start + 24 for pc in found):
        assert time.monotonic() < deadline, f"no core stands at {place}, {start:#x}: {[hex(pc) for pc in found]}\n{guest.log()}"
        said = str(guest.command("human-monitor-command", {"command-line": "info registers -a"}))
        found = [int(pc, 16) for pc in re.findall(r"(?:RIP=|\bpc +)([0-9a-f]{16})", said)]
    assert len(found) == 3 and "2 cores are up" in guest.log()
    assert guest.output("threads 20 5 | tail -n 1").startswith("20 threads finished, 100 loops, 1 vcore")
