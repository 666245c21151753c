# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines for tests: booted on first use, kept while tests ask the same one, at most one alive in each test process.

Every test that asks for a machine is a test of each architecture (`arch`), unless it is marked `only_on`.
Tests of one configuration stand in one group (`xdist_group`), so that with two test processes there are at most two machines.
Logs stay in build/test-logs/<process>/<machine>/ and are named, with their ends, by what a failing test prints.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.machine import Machine
from scripts.qemu import BOARDS, BUILD, DEFAULT_ARCH, Settings
from tests.boot.guest import Guest

# Each test process has its own: two may run machines of the same name at once.
LOGS = BUILD / "test-logs" / os.environ.get("PYTEST_XDIST_WORKER", "")
TEST_OPTIONS = "quiet panic=exit"
ARCHES = sorted(BOARDS, key=lambda arch: arch != DEFAULT_ARCH)


def only_on(arch: str) -> pytest.MarkDecorator:
    """For what the other boards have nothing of the kind of."""
    return pytest.mark.parametrize("arch", [arch], indirect=True, scope="session")


class Pool:
    """Holds the one machine of this process."""

    def __init__(self) -> None:
        self.current: Machine | None = None
        self.name = ""

    def guest(self, name: str, settings: Settings, deadline_s: float = 60) -> Guest:
        """The running machine of that name, or a fresh one with a prompt."""
        if isinstance(self.current, Guest) and self.name == name and self.current.running:
            return self.current
        self.release()
        guest = Guest(settings, log_folder(name), deadline_s)
        self.current, self.name = guest, name
        return guest

    def machine(self, name: str, settings: Settings) -> Machine:
        """A fresh machine of which nothing is expected yet."""
        self.release()
        self.current, self.name = Machine(settings, log_folder(name)), name
        return self.current

    def release(self) -> None:
        if self.current is not None:
            self.current.close()
            self.current = None


def log_folder(name: str) -> Path:
    return LOGS / re.sub(r"[^A-Za-z0-9_.-]+", "-", name)


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    machines = Pool()
    yield machines
    machines.release()


@pytest.fixture(scope="session", params=ARCHES)
def arch(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def boot(pool: Pool, arch: str) -> Callable[[int], Guest]:
    """The machine with so many cores, at its prompt."""

    def booted(smp: int) -> Guest:
        settings = Settings(arch=arch, smp=smp, mem="2G" if smp > 8 else "1G", append=TEST_OPTIONS)
        return pool.guest(f"{arch}-smp{smp}", settings, 60 + 3 * smp)

    return booted


@pytest.fixture
def guest(boot: Callable[[int], Guest]) -> Guest:
    """The usual machine: 4 cores, shared by all tests that leave it as it was."""
    return boot(4)


@pytest.fixture
def fresh(pool: Pool, request: pytest.FixtureRequest) -> Iterator[Callable[..., Guest]]:
    """Machines of a test's own, for tests that bring them down. The argument: boot options beyond the usual ones."""

    def booted(settings: Settings) -> Guest:
        return pool.guest(f"{request.node.name} alone", settings)

    yield booted
    pool.release()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failing test of a machine shows where its logs are, how they end, and what the screen shows."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    machines = getattr(item, "funcargs", {}).get("pool")
    if report.failed and machines is not None and machines.current is not None:
        machine = machines.current
        report.sections.append(("machine", machine.report() + screenshot(machine)))
        machines.release()  # what the test has left running there is not for the next one to stumble over


def screenshot(machine: Machine) -> str:
    if not machine.running or "-vga" not in machine.settings.board.machine:
        return ""
    path = machine.folder / "screen.ppm"
    machine.command("screendump", {"filename": str(path)})
    return f"\nscreen: {path}"
