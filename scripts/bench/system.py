# SPDX-License-Identifier: GPL-2.0-or-later
"""What operations cost on this system and on Linux, in the same emulator, and what many cores do: `make bench WHAT=system`.

The operations of one core: user/bench/costs.py against tests/bench/linux/costs.c. Counts: one processor under `-icount`, where a
nanosecond of guest time is an instruction; both systems give the same figures in every run. Times: two processors, the systems in
turn, medians. They are told as ratios, since the clock of a shared host says little more. The other parts:
scripts/bench/cores.py, noise.py, footprint.py.
What was measured goes to build/bench/system.json, and into docs/benchmarks.md with plots beside, each part to its place.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from scripts.bench import report
from scripts.bench.cores import measure_cores, measure_growth, measure_locks
from scripts.bench.footprint import measure_boot, measure_crowd, measure_memory
from scripts.bench.guests import CPU, Guests, build
from scripts.bench.measure import Wrong, keep, processor
from scripts.bench.noise import measure_noise
from scripts.bench.section import Section, figures
from scripts.qemu import ROOT

MOST_ROUNDS = 5  # by the clock

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


# Each with the number of rounds by the clock; in the order of the page.
PARTS: dict[str, Callable[[Guests, int], Section]] = {
    "cores": measure_cores,
    "growth": lambda guests, rounds: measure_growth(guests, report.PLOTS),
    "locks": lambda guests, rounds: measure_locks(guests),
    "noise": lambda guests, rounds: measure_noise(guests),
    "boot": measure_boot,
    "memory": lambda guests, rounds: measure_memory(guests),
    "threads": lambda guests, rounds: measure_crowd(guests),
}


def measure(repeats: int, only: str, console: Console) -> int:
    """Prints the tables, and writes those that are whole into the page. The status is 1 if a goal is missed, and each is named.

    `only`: one of PARTS, or a part of an operation's name.
    """
    rounds = min(repeats, MOST_ROUNDS)
    parts = {only: PARTS[only]} if only in PARTS else {} if only else PARTS
    kept: dict[str, object] = {}
    missed: list[str] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("building")
        guests = Guests(told=lambda what: _tell(progress, task, what))
        for arch in CPU:
            build(arch)
        build("x86_64", checked=True)
        if only not in PARTS:
            rows = _operations(guests, rounds, only)
            console.print(_table(rows, guests.guest().version))
            missed += [_what_is_missed(row) for row in rows if not row.is_met]
            kept |= {"linux": guests.guest().version, "rows": rows}
            if not only:
                report.write_rows(rows, guests.guest().version, rounds)
        for part in parts.values():
            section = part(guests, rounds)
            console.print(section.table())
            missed += section.missed
            kept[section.name] = section
            report.write(section.name, section.lines())
    path = keep("system" if not only else "system-part", kept)
    console.print(f"{processor()}; kept in {path.relative_to(ROOT)}; runs took {sum(guests.seconds.values()):.0f} s", style="dim")
    for what in missed:
        console.print(f"[red]missed[/] {what}", highlight=False)
    return int(bool(missed))


def _tell(progress: Progress, task: int, what: str) -> None:
    """What runs now: on a terminal in place, else a line."""
    progress.update(task, description=what)  # type: ignore[arg-type]
    if not progress.console.is_terminal:
        progress.console.print(f"  {what}", style="dim", highlight=False)


def _operations(guests: Guests, rounds: int, only: str) -> list[Row]:
    rows: dict[str, Row] = {}

    def take(text: str, found: Callable[[Row, float], None]) -> None:
        for name, ns in figures(text).items():
            if only in name:
                found(rows.setdefault(name, Row(name)), ns)

    take(guests.ours("costs"), lambda row, ns: setattr(row, "ours", ns))
    take(guests.ours("costs", arch="riscv"), lambda row, ns: setattr(row, "riscv", ns))
    take(guests.linux("costs"), lambda row, ns: setattr(row, "linux", ns))
    for _ in range(rounds):
        take(guests.ours("costs", smp=2, counted=False), lambda row, ns: row.our_times.append(ns))
        take(guests.linux("costs", smp=2, counted=False), lambda row, ns: row.linux_times.append(ns))
    found = list(rows.values())
    lonely = [row.name for row in found if not (row.ours and row.linux and row.riscv)]
    if lonely or not found:
        raise Wrong(f"not measured everywhere: {', '.join(lonely)}" if found else f"there is neither a part nor an operation {only!r}")
    return found


def _what_is_missed(row: Row) -> str:
    if row.goal is None:
        return f"{row.name}: {row.ours:,.0f} instructions, on Linux {row.linux:,.0f}"
    return f"{row.name}: {row.ours:,.0f} instructions instead of {row.goal:,.0f}"


def _table(rows: list[Row], version: str) -> Table:
    table = Table(title=f"against Linux {version}, instructions", title_justify="left")
    for head in ("", "ours", "goal", "Linux", "ratio", "by the clock", "RISC-V"):
        table.add_column(head, justify="left" if not head else "right", no_wrap=True)
    for row in rows:
        ratio = f"[{'green' if row.is_met else 'red'}]{row.ratio:.1f}[/]"
        goal = f"{row.goal:,}" if row.goal is not None else ""
        table.add_row(row.name, f"{row.ours:,.0f}", goal, f"{row.linux:,.0f}", ratio, f"{row.times_ratio:.1f}", f"{row.riscv:,.0f}")
    return table
