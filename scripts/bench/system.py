# SPDX-License-Identifier: GPL-2.0-or-later
"""What operations cost on this system and on Linux, in the same emulator: user/bench/costs.py against tests/bench/linux/costs.c.

Counts: one processor under `-icount`, where a nanosecond of guest time is an instruction; both systems give the same figures in every run.
Times: two processors, the systems in turn, medians. They are told as ratios, since the clock of a shared host says little more.
What was measured goes to build/bench/system.json, and, if all of it was, into docs/benchmarks.md with a plot beside.
"""

from __future__ import annotations

import re
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from scripts.bench import linux, report
from scripts.bench.measure import RESULTS, Wrong, keep, processor
from scripts.qemu import ROOT, Settings, command

LINE = re.compile(r"^(\S.*?)\s+([\d,]+\.\d) ns", re.MULTILINE)
LONGEST_S = 600  # a run of either system
COUNTED = ("-icount", "shift=0,sleep=off", "-seed", "42", "-rtc", "base=2026-01-01T00:00:00,clock=vm")
CPU = {"x86_64": "max,-erms", "riscv": ""}

# Instructions that we allow ourselves; what is not named has no goal but Linux' figure.
GOALS = {
    "null call": 150,
    "page fault": 800,
    "spawn and wait": 300_000,
    "thread create and join": 700,
    "thread switch, 2 threads": 100,
    "thread switch, 16 threads": 100,
    "thread switch, 256 threads": 100,
    "thread switch, 1024 threads": 100,
    "thread switch, 4096 threads": 100,
    "mutex and condition variable, per hand-over": 300,
    "pipe round trip, two threads": 2500,
}


@dataclass
class Row:
    """One operation: instructions, and nanoseconds by the clock, a run each. `riscv`: instructions there."""

    name: str
    ours: float = 0
    linux: float = 0
    riscv: float = 0
    our_times: list[float] = field(default_factory=list)
    linux_times: list[float] = field(default_factory=list)

    @property
    def goal(self) -> float | None:
        return GOALS.get(self.name)

    @property
    def ratio(self) -> float:
        """How many of ours one of Linux' is worth, in instructions."""
        return self.linux / self.ours if self.ours else 0

    @property
    def times_ratio(self) -> float:
        return statistics.median(self.linux_times) / statistics.median(self.our_times) if self.our_times and self.linux_times else 0

    @property
    def is_met(self) -> bool:
        return self.ours <= self.goal if self.goal is not None else self.ratio >= 1


def measure(repeats: int, only: str, console: Console) -> int:
    """Prints the table; the status is 1 if a goal is missed."""
    opponent = linux.guest()
    for arch in CPU:
        _build(arch)
    rows: dict[str, Row] = {}
    rounds = min(repeats, 5)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=3 + 2 * rounds)

        def run(what: str, words: list[str], found: Callable[[Row, float], None]) -> None:
            progress.update(task, description=what)
            for name, ns in _costs(what, words).items():
                if only in name:
                    found(rows.setdefault(name, Row(name)), ns)
            progress.advance(task)

        run("ours, counted", _ours("x86_64", True), lambda row, ns: setattr(row, "ours", ns))
        run("RISC-V, counted", _ours("riscv", True), lambda row, ns: setattr(row, "riscv", ns))
        run("Linux, counted", _linux(opponent, True), lambda row, ns: setattr(row, "linux", ns))
        for _ in range(rounds):
            run("ours, by the clock", _ours("x86_64", False), lambda row, ns: row.our_times.append(ns))
            run("Linux, by the clock", _linux(opponent, False), lambda row, ns: row.linux_times.append(ns))
    found = list(rows.values())
    lonely = [row.name for row in found if not (row.ours and row.linux and row.riscv)]
    if lonely:
        raise Wrong(f"not measured everywhere: {', '.join(lonely)}")
    console.print(_table(found, opponent.version))
    path = keep("system", {"linux": opponent.version, "rows": found})
    console.print(f"{processor()}; kept in {path.relative_to(ROOT)}", style="dim")
    if not only:
        report.write(found, opponent.version, rounds, console)
    return int(not all(row.is_met for row in found))


def _build(arch: str) -> None:
    done = subprocess.run(["make", "build", "emulator", f"ARCH={arch}", "CHECKED=0"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Wrong(f"the build for {arch} fails:\n{done.stderr}")


def _ours(arch: str, counted: bool) -> list[str]:
    return _words(arch, counted, append='quiet panic=exit run="costs"')


def _linux(guest: linux.Guest, counted: bool) -> list[str]:
    return _words("x86_64", counted, loader=guest.kernel, extra=("-initrd", str(guest.initrd)), append=linux.OPTIONS)


def _words(arch: str, counted: bool, **more: Any) -> list[str]:
    """The machine that both run on: one processor that counts, or two by the clock."""
    smp, accel = (1, "tcg,thread=single") if counted else (2, "tcg,thread=multi")
    settings = Settings(arch=arch, cpu=CPU[arch], smp=smp, checked=False, accel=accel, **more)
    words = command(settings, ["-chardev", "stdio,id=console"], RESULTS / "system.log")
    return [*words, *COUNTED] if counted else words


def _costs(what: str, words: list[str]) -> dict[str, float]:
    """What one run printed: nanoseconds by operation. Raises Wrong."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        raise Wrong(f"{what}: no end after {LONGEST_S} s") from None
    text = done.stdout.decode(errors="replace").replace("\r\n", "\n")
    found = {name: float(ns.replace(",", "")) for name, ns in LINE.findall(text)}
    if not found:
        raise Wrong(f"{what}: nothing was measured:\n{text[-2000:]}\n{done.stderr.decode(errors='replace')[-1000:]}")
    return found


def _table(rows: list[Row], version: str) -> Table:
    table = Table(title=f"against Linux {version}, instructions", title_justify="left")
    for head in ("", "ours", "goal", "Linux", "ratio", "by the clock", "RISC-V"):
        table.add_column(head, justify="left" if not head else "right", no_wrap=True)
    for row in rows:
        ratio = f"[{'green' if row.is_met else 'red'}]{row.ratio:.1f}[/]"
        goal = f"{row.goal:,}" if row.goal is not None else ""
        table.add_row(row.name, f"{row.ours:,.0f}", goal, f"{row.linux:,.0f}", ratio, f"{row.times_ratio:.1f}", f"{row.riscv:,.0f}")
    return table
