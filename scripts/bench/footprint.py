# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a boot takes, what memory a system, a process and a thread need, and whether a process can have 100,000 threads at once."""

from __future__ import annotations

import re
import statistics

from scripts.bench.guests import Guests
from scripts.bench.measure import Wrong
from scripts.bench.section import Goal, Section, figures, in_words

BOOT_CORES = (1, 8, 64)
LINUX_BOOT_CORES = (1, 8)
BOOT_GOAL_S = 0.5  # on one core
KIB = 1 << 20  # of a machine of 1 GiB
THREADS = 100_000
CROWD = re.compile(r"(\d+) threads alive at once, on \d+ vcores\n(\d+) ns each to start and meet, (\d+) ns each to wake, end and join")


def measure_boot(guests: Guests, rounds: int) -> Section:
    head = ("cores", "ours, s (least to most)", "Linux to its first process, s", "ratio")
    section = Section("boot", "from the start of the emulator to the prompt, by the clock", head)
    for smp in BOOT_CORES:
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(guests.boot_seconds(smp))
            if smp in LINUX_BOOT_CORES:
                theirs.append(guests.linux_boot_seconds(smp))
        mine = statistics.median(ours)
        cells = [f"{mine:.2f} ({min(ours):.2f} to {max(ours):.2f})", "", ""]
        if theirs:
            other = statistics.median(theirs)
            cells[1:] = [f"{other:.2f} ({min(theirs):.2f} to {max(theirs):.2f})", f"{other / mine:.1f}"]
        section.rows.append((str(smp), *cells))
        if smp == 1:
            limit = f"at most {BOOT_GOAL_S} s"
            section.goals.append(
                Goal(
                    "boot to the prompt, one core",
                    limit,
                    f"{mine:.2f} s",
                    mine <= BOOT_GOAL_S,
                    linux=cells[1],
                    ratio=cells[2],
                    clock=cells[0],
                )
            )
    return section


def measure_memory(guests: Guests) -> Section:
    section = Section("memory", "memory in use, of a machine of 1 GiB with one core, KiB", ("", "ours", "RISC-V", "Linux", "ratio"))
    ours = figures(guests.ours(f"memory {KIB}"), "KiB")
    on_riscv = figures(guests.ours(f"memory {KIB}", arch="riscv"), "KiB")
    theirs = figures(guests.linux("memory", str(KIB)), "KiB")
    if not ours.keys() == theirs.keys() == on_riscv.keys() or not ours:
        raise Wrong(f"memory was measured of {', '.join(ours) or 'nothing'} here, of {', '.join(theirs) or 'nothing'} on Linux")
    for name, kib in ours.items():
        one, other, ratio = in_words(kib), in_words(theirs[name]), f"{theirs[name] / kib:.1f}"
        section.rows.append((name, one, in_words(on_riscv[name]), other, ratio))
        section.goals.append(
            Goal(name, "at most Linux'", f"{one} KiB", kib <= theirs[name], f"{in_words(on_riscv[name])} KiB", f"{other} KiB", ratio)
        )
    return section


def measure_crowd(guests: Guests) -> Section:
    head = ("threads", "start and meet, instructions each", "wake, end and join")
    section = Section("threads", "threads alive at once in one process", head)
    text = guests.ours(f"crowd {THREADS}", smp=2, mem="4G")
    found = CROWD.search(text)
    if found is None:
        raise Wrong(f"crowd {THREADS} does not say what it did:\n{text[-1500:]}")
    alive, start, end = map(int, found.groups())
    section.rows.append((f"{alive:,}", f"{start:,}", f"{end:,}"))
    section.goals.append(Goal("threads alive at once in one process", f"{THREADS:,}", f"{alive:,}", alive == THREADS))
    return section
