# SPDX-License-Identifier: GPL-2.0-or-later
"""What operations of one core cost, here and on Linux: user/bench/costs.py against tests/bench/linux/costs.c.

Counts: one processor under `-icount`, where a nanosecond of guest time is an instruction; both systems give the same figures in every
run. Times: two processors, the systems in turn, medians. They are told as ratios, since the clock of a shared host says little more.
The raw switch is too short to be timed in a loop: QEMU steps through some, and the instructions of the function are counted.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench.guests import CPU, Guests
from scripts.bench.measure import Wrong
from scripts.bench.plots import drawing
from scripts.bench.section import Goal, Section, figures
from scripts.bench.trace import instructions_of

# Instructions that we allow ourselves; what is not named has no goal but Linux' figure.
GOALS = {
    "raw switch": 30,
    "thread switch, 2 threads": 100,
    "thread switch, 16 threads": 100,
    "thread switch, 256 threads": 100,
    "thread switch, 1024 threads": 100,
    "thread switch, 4096 threads": 100,
    "thread create and join": 700,
    "mutex and condition variable, per hand-over": 300,
    "null call": 150,
    "page fault": 800,
    "spawn and wait": 300_000,
    "pipe round trip, two threads": 2500,
}
RAW_SWITCH = "raw switch"
MOST_ON_RISCV = 1.3  # of a switch there by one on x86_64
SWITCHES = (RAW_SWITCH, "thread switch, 2 threads")
HEAD = ("operation", "ours, instructions", "goal", "Linux, instructions", "ratio", "ratio by the clock", "ours on RISC-V")


@dataclass
class Row:
    """One operation: instructions, and nanoseconds by the clock, a run each. `riscv`: instructions there. Linux has no raw switch."""

    name: str
    ours: float = 0
    linux: float = 0
    riscv: float = 0
    our_times: list[float] = field(default_factory=list)
    linux_times: list[float] = field(default_factory=list)

    @property
    def limit(self) -> float | None:
        return GOALS.get(self.name)

    @property
    def ratio(self) -> float:
        """How many of ours one of Linux' is worth, in instructions."""
        return self.linux / self.ours if self.ours else 0

    @property
    def ratios_by_the_clock(self) -> list[float]:
        """Of each pair of runs."""
        return [theirs / ours for ours, theirs in zip(self.our_times, self.linux_times, strict=False) if ours]

    @property
    def times_ratio(self) -> float:
        return statistics.median(self.linux_times) / statistics.median(self.our_times) if self.ratios_by_the_clock else 0

    @property
    def is_met(self) -> bool:
        return round(self.ours) <= self.limit if self.limit is not None else self.ratio >= 1

    def clock(self) -> str:
        ratios = self.ratios_by_the_clock
        return f"{self.times_ratio:.1f} ({min(ratios):.1f} to {max(ratios):.1f})" if ratios else ""

    def cells(self) -> Sequence[str]:
        limit = f"{self.limit:,}{'' if self.is_met else ' (missed)'}" if self.limit is not None else ""
        linux, ratio = (f"{self.linux:,.0f}", f"{self.ratio:.1f}") if self.linux else ("", "")
        return (self.name, f"{self.ours:,.0f}", limit, linux, ratio, self.clock(), f"{self.riscv:,.0f}")

    def goal(self) -> Goal:
        _, ours, _, linux, ratio, clock, riscv = self.cells()
        limit = f"at most {self.limit:,}" if self.limit is not None else f"at most Linux' {self.linux:,.0f}"
        return Goal(self.name, limit, ours, self.is_met, riscv, linux, ratio, clock)


def measure_operations(guests: Guests, rounds: int, plots: Path) -> Section:
    rows = measure_rows(guests, rounds, "")
    version = guests.guest().version
    section = operations_section(rows, version, rounds)
    plot(rows, version, plots / "against-linux.svg")
    return section


def measure_rows(guests: Guests, rounds: int, only: str) -> list[Row]:
    """Those with `only` in their names. Raises Wrong if there is none, or one is not measured everywhere."""
    rows: dict[str, Row] = {}

    def take(text: str, found: Callable[[Row, float], None]) -> None:
        for name, ns in figures(text).items():
            if only in name:
                found(rows.setdefault(name, Row(name)), ns)

    if only in RAW_SWITCH:
        guests.told("raw switch")
        counts = {arch: instructions_of("switch_direct", arch, "semaphore") for arch in CPU}
        rows[RAW_SWITCH] = Row(RAW_SWITCH, ours=counts["x86_64"], riscv=counts["riscv"])
    argument = f"costs '{only}'" if only else "costs"
    take(guests.ours(argument), lambda row, ns: setattr(row, "ours", ns))
    take(guests.ours(argument, arch="riscv"), lambda row, ns: setattr(row, "riscv", ns))
    take(guests.linux("costs"), lambda row, ns: setattr(row, "linux", ns))
    for _ in range(rounds):
        take(guests.ours(argument, smp=2, counted=False), lambda row, ns: row.our_times.append(ns))
        take(guests.linux("costs", smp=2, counted=False), lambda row, ns: row.linux_times.append(ns))
    found = list(rows.values())
    lonely = [row.name for row in found if not (row.ours and row.riscv and (row.linux or row.name == RAW_SWITCH))]
    if lonely or not found:
        raise Wrong(f"not measured everywhere: {', '.join(lonely)}" if found else f"there is neither a part nor an operation {only!r}")
    return found


def operations_section(rows: Sequence[Row], version: str, rounds: int) -> Section:
    text = (
        f"Linux {version}; a ratio above 1 says that ours is cheaper. By the clock: medians of {rounds} runs, in brackets the least and\n"
        "the most of the single runs' ratios."
    )
    section = Section("operations", f"against Linux {version}, instructions", HEAD, text, plot="benchmarks/against-linux.svg")
    for row in rows:
        section.rows.append(row.cells())
        section.goals.append(row.goal())
        if row.name in SWITCHES:
            ratio = row.riscv / row.ours
            limit = f"at most {MOST_ON_RISCV} times x86_64's"
            section.goals.append(Goal(f"{row.name}, on RISC-V", limit, f"{ratio:.2f} times", ratio <= MOST_ON_RISCV, f"{row.riscv:,.0f}"))
    return section


def plot(rows: Sequence[Row], version: str, path: Path) -> None:
    """Ratios as bars on a logarithmic axis, the clock's spread as lines."""
    shown = [row for row in reversed(rows) if row.ratio]
    with drawing(path, (9, 0.36 * len(shown) + 1.2)) as axes:
        places = range(len(shown))
        axes.barh([p + 0.2 for p in places], [row.ratio for row in shown], 0.38, label="instructions, one core", color="#3465a4")
        medians = [row.times_ratio for row in shown]
        axes.barh([p - 0.2 for p in places], medians, 0.38, label="time, two cores (median)", color="#bcd0e8")
        for place, row in zip(places, shown, strict=True):
            if ratios := row.ratios_by_the_clock:
                axes.plot([min(ratios), max(ratios)], [place - 0.2] * 2, color="#555555", linewidth=1)
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda ratio, _: f"{ratio:g}x")
        axes.set_yticks(list(places), [row.name for row in shown])
        axes.set_xlabel(f"cost on Linux {version} / cost here")
        axes.legend(loc="lower right", frameon=False)
