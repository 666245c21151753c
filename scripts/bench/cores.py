# SPDX-License-Identifier: GPL-2.0-or-later
"""Many cores: getting and losing them, reaching what runs on another one; how operations grow with them; how long locks are held.

Linux cannot be counted on several processors (it hangs when they start under `-icount`), so it stands beside by the clock. Nor can a
RISC-V machine be: QEMU 7.2 lets a processor run until it waits, and takes x86's PAUSE for that, but of RISC-V's instructions WFI alone.
Under `-icount` the processors take turns, each until it waits, so that no wait is seen, and all work is: what an operation costs in
all, over all cores. What could be waited for follows from how long locks are held. A core waits for a lock at most as long as all others
hold it, each once: that grows linearly with the cores if a hold does not grow. So each place that takes a spinlock is looked at on few
cores and on many.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.guests import Guests
from scripts.bench.measure import Wrong
from scripts.bench.plots import drawing
from scripts.bench.section import Goal, Section, figures, in_words

COUNTED_CORES = (4, 64)
# As many as the host has, or it would be its scheduler that is measured. Ours has one more, which is not given out and sleeps.
CLOCK_CORES = 2
GROWTH_CORES = (1, 2, 4, 8, 16, 32, 64)
LOCK_CORES = (4, 16, 64)
MOST_GROWTH = 1.5  # of an operation from the first to the last of GROWTH_CORES; but of those that reach every core
PER_CORE = {"map and unmap a page": 250}  # instructions more for each core more, at most: it takes the page out of each one's TLB
MOST_HOLD_GROWTH = 2.0  # of a lock's mean hold, from the first to the last of LOCK_CORES
SLACK = 1000  # instructions that it may grow by in any case
# Work on all cores of a process at once, which each core is in once: it may hold a lock for as many steps, each as long as before.
AT_ONCE = ("proc.run.give_and_run", "proc.destroy.begin_dying", "proc.preempt.preempt_all", "core.sched.forget")
FEW = 50  # a place that takes a lock less often than this, on many cores, is looked at by its longest hold alone
LOCK_LINE = re.compile(r"^ *(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) in (\S+) at (\S+)$", re.MULTILINE)
HEAD_LOCKS = ("place", *(f"mean, {n}" for n in LOCK_CORES), *(f"longest, {n}" for n in LOCK_CORES), f"taken, {LOCK_CORES[-1]}")


def measure_cores(guests: Guests, rounds: int) -> Section:
    few, many = COUNTED_CORES
    head = ("", f"instructions, {few} cores", f"{many} cores", "us by the clock", "Linux, us", "ratio (least to most)", "RISC-V, us")
    section = Section("cores", "cores that come and go, and messages between them", head)
    counted = {smp: figures(guests.ours("corecosts", smp=smp, mem="2G")) for smp in COUNTED_CORES}
    ours, theirs, on_riscv = [], [], []
    for _ in range(rounds):
        ours.append(figures(guests.ours("corecosts", smp=CLOCK_CORES + 1, counted=False)))
        theirs.append(figures(guests.linux("corecosts", smp=CLOCK_CORES, counted=False)))
        on_riscv.append(figures(guests.ours("corecosts", arch="riscv", smp=CLOCK_CORES + 1, counted=False)))
    for name in counted[many]:
        instructions = [in_words(found[name]) if name in found else "" for found in counted.values()]
        one, other, ratio = _by_the_clock(name, ours, theirs)
        there = in_words(_median(name, on_riscv) / 1000) if ratio else ""
        section.rows.append((name, *instructions, one, other, ratio, there))
        if ratio:
            met = _median(name, theirs) / _median(name, ours) >= 0.5  # less than twice is noise
            goal = Goal(name, "below twice Linux' time", f"{one} us", met, f"{there} us", f"{other} us", clock=ratio)
            section.goals.append(goal)
    return section


def _median(name: str, runs: list[dict[str, float]]) -> float:
    return statistics.median(run[name] for run in runs)


def _by_the_clock(name: str, ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> tuple[str, str, str]:
    if not all(name in run for run in (*ours, *theirs)):
        return "", "", ""
    ratios = [their[name] / our[name] for our, their in zip(ours, theirs, strict=True)]
    one, other = _median(name, ours), _median(name, theirs)
    return in_words(one / 1000), in_words(other / 1000), f"{other / one:.1f} ({min(ratios):.1f} to {max(ratios):.1f})"


# -- growth -----------------------------------------------------------------------------------------------------------
def measure_growth(guests: Guests, plots: Path) -> Section:
    counts = {smp: figures(guests.ours("growth", smp=smp, mem="2G")) for smp in GROWTH_CORES}
    section = growth_section(counts)
    plot_growth(counts, plots / "growth.svg")
    return section


def growth_section(counts: Mapping[int, Mapping[str, float]]) -> Section:
    head = ("", *(f"{smp} core{'' if smp == 1 else 's'}" for smp in counts))
    section = Section("growth", "instructions of an operation that all vcores do at once", head, plot="benchmarks/growth.svg")
    first, last = min(counts), max(counts)
    for name in counts[first]:
        if any(name not in row for row in counts.values()):
            raise Wrong(f"growth: {name} was not measured everywhere")
        section.rows.append((name, *(f"{row[name]:,.0f}" for row in counts.values())))
        one, many = counts[first][name], counts[last][name]
        limit = one + PER_CORE[name] * last if name in PER_CORE else one * MOST_GROWTH
        bound = f"at most {PER_CORE[name]} more for each core" if name in PER_CORE else f"at most {MOST_GROWTH} times"
        section.goals.append(Goal(f"{name}, {first} to {last} cores", bound, f"{one:,.0f} to {many:,.0f}", many <= limit))
    return section


def plot_growth(counts: Mapping[int, Mapping[str, float]], path: Path) -> None:
    first = min(counts)
    with drawing(path, (7, 4)) as axes:
        for name in counts[first]:
            axes.plot(list(counts), [row[name] / counts[first][name] for row in counts.values()], marker="o", markersize=3, label=name)
        axes.set_xscale("log", base=2)
        axes.set_xticks(list(counts), [str(smp) for smp in counts])
        axes.set_ylim(bottom=0)
        axes.set_xlabel("cores")
        axes.set_ylabel("instructions, relative to one core")
        axes.legend(frameon=False)


# -- locks ------------------------------------------------------------------------------------------------------------
@dataclass
class Holds:
    """Of one place that takes a lock, in instructions of a checked build."""

    taken: int = 0
    total: float = 0
    longest: float = 0

    @property
    def mean(self) -> float:
        return self.total / self.taken if self.taken else 0


def measure_locks(guests: Guests) -> Section:
    found: dict[int, dict[str, Holds]] = {}
    for smp in LOCK_CORES:
        found[smp] = {}
        for line in ("lockstat growth", "lockstat corecosts '' 20"):
            read_locks(guests.ours(line, smp=smp, mem="2G", checked=True), found[smp])
    return lock_section(found)


def read_locks(text: str, into: dict[str, Holds]) -> None:
    """Adds what `lockstat` printed. Code that was inlined in several places is one place. Raises Wrong if there is nothing."""
    lines = LOCK_LINE.findall(text)
    if not lines:
        raise Wrong(f"lockstat printed no locks:\n{text[-1500:]}")
    for taken, _, _, _, mean, longest, function, place in lines:
        holds = into.setdefault(f"{function.removeprefix('kern.')}, {place.rpartition(':')[2]}", Holds())
        holds.taken += int(taken)
        holds.total += int(mean) * int(taken)
        holds.longest = max(holds.longest, int(longest))


def lock_section(found: Mapping[int, Mapping[str, Holds]]) -> Section:
    """The places with the longest mean holds, and all that grow."""
    few, many = min(found), max(found)
    section = Section("locks", "how long spinlocks are held, instructions (checked build)", HEAD_LOCKS)
    times = (many - 1) / (few - 1)  # so many more vcores
    growing = [place for place in found[many] if place in found[few] and grows(place, found[few][place], found[many][place], times)]
    by_hold = sorted(found[many], key=lambda place: -found[many][place].mean)
    for place in by_hold:
        if place in growing or by_hold.index(place) < 12:
            holds = [found[smp].get(place, Holds()) for smp in found]
            means, longest = [f"{h.mean:,.0f}" for h in holds], [f"{h.longest:,.0f}" for h in holds]
            section.rows.append((place, *means, *longest, f"{holds[-1].taken:,}"))
    held = [f"{place}: {found[few][place].mean:,.0f} to {found[many][place].mean:,.0f}" for place in growing]
    what = f"locks held longer on {many} cores than on {few}, of {len(found[many])} places"
    section.goals.append(Goal(what, "none", "; ".join(held) if held else "none", not growing))
    return section


def grows(place: str, few: Holds, many: Holds, times: float) -> bool:
    """Whether a wait would grow faster than linearly: the mean hold grows, or, of few, the longest by more than the cores do."""
    if many.taken >= FEW and not place.startswith(AT_ONCE):
        return many.mean > few.mean * MOST_HOLD_GROWTH + SLACK
    return many.longest > few.longest * times + SLACK
