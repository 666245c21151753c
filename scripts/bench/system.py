# SPDX-License-Identifier: GPL-2.0-or-later
"""What this system costs, on one core and on many, and Linux in the same emulator: `make bench WHAT=system`.

It is made of parts, each a table of the page with the goals that it shows (scripts/bench/operations.py, cores.py, noise.py, footprint.py).
A part is kept, and written into docs/benchmarks.md, as soon as it is measured; so one that fails, or an end by Ctrl-C, loses that part
alone. `--resume` goes on there: it leaves out what these very images were measured for. Before each part stands how long what is left
should take, by the time that it took last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from scripts.bench import report
from scripts.bench.cores import measure_cores, measure_growth, measure_locks
from scripts.bench.footprint import measure_boot, measure_crowd, measure_memory
from scripts.bench.guests import CPU, Guests, build
from scripts.bench.measure import Wrong, processor
from scripts.bench.noise import measure_noise
from scripts.bench.operations import HEAD, measure_operations, measure_rows
from scripts.bench.report import Kept
from scripts.bench.section import Section
from scripts.qemu import ROOT

MOST_ROUNDS = 5  # by the clock

# Each with the number of rounds by the clock; in the order of the page.
PARTS: dict[str, Callable[[Guests, int], Section]] = {
    "operations": lambda guests, rounds: measure_operations(guests, rounds, report.PLOTS),
    "cores": measure_cores,
    "growth": lambda guests, rounds: measure_growth(guests, report.PLOTS),
    "locks": lambda guests, rounds: measure_locks(guests),
    "noise": lambda guests, rounds: measure_noise(guests),
    "boot": measure_boot,
    "memory": lambda guests, rounds: measure_memory(guests),
    "threads": lambda guests, rounds: measure_crowd(guests),
}


def measure(repeats: int, only: Sequence[str], resume: bool, console: Console) -> int:
    """Prints the tables, and writes them into the page. The status is 1 if a goal is missed, or a part fails, and each is named.

    `only`: names of PARTS, or parts of the names of operations, which are told and not kept.
    """
    rounds = min(repeats, MOST_ROUNDS)
    wanted = [name for name in PARTS if not only or name in only]
    troubles: list[str] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("building")
        guests = Guests(told=lambda what: _tell(progress, task, what))
        for arch in CPU:
            build(arch)
        build("x86_64", checked=True)
        for name in only:
            if name not in PARTS:
                console.print(_operations(guests, rounds, name))
        images, kept = report.images_digest(), report.kept_figures()
        left = [name for name in wanted if not (resume and name in kept and kept[name].images == images)]
        while left:
            _tell(progress, task, what_is_left(left, kept))
            name = left.pop(0)
            start = time.monotonic()
            try:
                section = PARTS[name](guests, rounds)
            except Wrong as wrong:
                troubles.append(f"{name} was not measured: {wrong}")
                continue
            report.keep(section, images, time.monotonic() - start, list(PARTS))
            console.print(section.table())
            troubles += [f"missed {what}" for what in section.missed]
    if wanted:
        console.print(
            f"{processor()}; {report.PAGE.relative_to(ROOT)} has the figures of {', '.join(wanted)}", style="dim", highlight=False
        )
    for trouble in troubles:
        console.print(trouble, style="red", highlight=False)
    return int(bool(troubles))


def what_is_left(left: Sequence[str], kept: Mapping[str, Kept]) -> str:
    """Which parts, and for how long by what they took last."""
    known = [kept[name].seconds for name in left if name in kept]
    minutes = f"about {sum(known) / 60:.0f} minutes" if known else ""
    new = len(left) - len(known)
    unknown = f"{new} for the first time" if new else ""
    return f"to measure: {', '.join(left)} ({'; '.join(filter(None, (minutes, unknown)))})"


def _tell(progress: Progress, task: int, what: str) -> None:
    """What runs now: on a terminal in place, else a line."""
    progress.update(task, description=what)  # type: ignore[arg-type]
    if not progress.console.is_terminal:
        progress.console.print(f"  {what}", style="dim", highlight=False)


def _operations(guests: Guests, rounds: int, name: str) -> Table:
    rows = measure_rows(guests, rounds, name)
    section = Section("", f"against Linux {guests.guest().version}", HEAD, rows=[row.cells() for row in rows])
    return section.table()
