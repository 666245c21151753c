# SPDX-License-Identifier: GPL-2.0-or-later
"""What disturbs a thread that has a core for itself: kernel entries by the kernel's own counts, and work lost in quanta of fixed time.

Ours: user/bench/noise.py on cores that are provisioned to it. Linux: tests/bench/linux/noise.c, alone on the last processor, as the
kernel comes, and with that processor isolated as far as it can be. Counted by instructions, what
is lost is the system's doing; by the clock it is mostly the host's, and the entries tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scripts.bench.guests import Guests
from scripts.bench.measure import Wrong
from scripts.bench.section import Goal, Section

OURS_MS = 60_000
COUNTED_MS = 4_000  # where each second is like the one before
CLOCK_MS = 60_000
ISOLATED = "isolcpus=1 nohz_full=1 rcu_nocbs=1"
HELD = re.compile(r"^core (\d+) held, (\d+) entries", re.MULTILINE)
WORK = re.compile(r"^  (\d+) quanta of (\d+) us, .*? lost (\d+) ns of (\d+), .*? in (\d+) detours of up to (\d+) ns$", re.MULTILINE)


@dataclass
class Noise:
    """Of all held cores together."""

    cores: int
    entries: int
    seconds: float  # of one core
    lost: float  # a part of all time
    detours: int
    longest_ns: int


def read_noise(text: str) -> Noise:
    """What either program printed. Raises Wrong."""
    held, work = HELD.findall(text), WORK.findall(text)
    if not held or len(held) != len(work):
        raise Wrong(f"the noise was not measured:\n{text[-1500:]}")
    total = sum(int(row[3]) for row in work)
    lost = sum(int(row[2]) for row in work) / total
    seconds = int(work[0][0]) * int(work[0][1]) / 1e6
    return Noise(len(held), sum(int(row[1]) for row in held), seconds, lost, sum(int(r[4]) for r in work), max(int(r[5]) for r in work))


def measure_noise(guests: Guests) -> Section:
    head = ("", "seconds", "entries a second", "work lost", "detours a second", "the longest, us")
    section = Section("noise", "what disturbs a core that one thread has for itself", head)
    ours = read_noise(guests.ours(f"noise -v 1 {OURS_MS}", smp=2))
    clock = read_noise(guests.ours(f"noise -v 1 {CLOCK_MS}", smp=2, counted=False))
    riscv = read_noise(guests.ours(f"noise -v 1 {CLOCK_MS}", arch="riscv", smp=2, counted=False))
    counted = read_noise(guests.linux("noise", str(COUNTED_MS)))
    runs = {
        "ours, counted": ours,
        "Linux, one processor, counted": counted,
        "ours, by the clock": clock,
        "ours on RISC-V, by the clock": riscv,
        "Linux, by the clock": read_noise(guests.linux("noise", str(CLOCK_MS), smp=2, counted=False)),
        f"Linux, `{ISOLATED}`": read_noise(guests.linux("noise", str(CLOCK_MS), smp=2, counted=False, options=ISOLATED)),
    }
    for name, noise in runs.items():
        spent = noise.seconds * noise.cores
        cells = (f"{noise.seconds:g}", f"{noise.entries / spent:,.1f}", f"{noise.lost:.4%}", f"{noise.detours / spent:,.1f}")
        section.rows.append((name, *cells, f"{noise.longest_ns / 1000:,.1f}"))
    default, isolated = (runs[name] for name in ("Linux, by the clock", f"Linux, `{ISOLATED}`"))
    lost, entries = f"work lost in quanta of 1 ms, {ours.seconds:g} s counted", f"entries to the kernel, {ours.seconds:g} s counted"
    by_the_clock = f"entries to the kernel, {clock.seconds:g} s by the clock"
    of_linux = f"{default.entries:,}; isolated {isolated.entries:,}"
    section.goals += [
        Goal(lost, "none", f"{ours.lost:.4%}", ours.lost == 0, linux=f"{counted.lost:.4%}"),
        Goal(entries, "none", str(ours.entries), ours.entries == 0, linux=f"{counted.entries / counted.seconds:,.0f} a second"),
        Goal(by_the_clock, "none", str(clock.entries), clock.entries == riscv.entries == 0, str(riscv.entries), of_linux),
    ]
    return section
