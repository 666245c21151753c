# SPDX-License-Identifier: GPL-2.0-or-later
"""The long run: random programs by the thousand, compiled in all ways and under CPython.

    python -m tests.compiler.differential.soak --programs 10000
    python -m tests.compiler.differential.soak --seed 42 --programs 1 --show        # the program of a seed

A program that differs is saved, with what differs and made small, in build/soak/oracle/. Exit status 1 if there was any.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from compiler.backend.cache import Cache
from tests.compiler.differential.oracle import REPO, WAYS, Difference, Way, differences, same_failure
from tests.compiler.differential.programs import make, program
from tests.compiler.differential.reduce import reduce

BATCH = 40
SAVED = REPO / "build" / "soak" / "oracle"
CACHE_BYTES = 200 << 20  # objects of generated programs are of no further use
QUIET_SECONDS = 30  # between lines of progress where there is no terminal


@dataclass
class Report:
    """What a batch was like."""

    programs: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)
    used: Counter[str] = field(default_factory=Counter)


def run_batch(seeds: list[int], ways: tuple[Way, ...], cache_root: str, shrink_seconds: float) -> Report:
    """In a worker."""
    cache = Cache(Path(cache_root))
    modules = [make(seed) for seed in seeds]
    report = Report(len(seeds))
    for module in modules:
        report.used += module.used
    for seed, difference in zip(seeds, differences([program(s) for s in seeds], ways, cache), strict=True):
        if difference is not None:
            report.failures.append((seed, save(seed, difference, cache, shrink_seconds)))
    cache.prune(CACHE_BYTES)
    return report


def save(seed: int, difference: Difference, cache: Cache, shrink_seconds: float) -> str:
    """Keep a failing program, whole and small; what to tell the user."""
    SAVED.mkdir(parents=True, exist_ok=True)
    source = program(seed)
    head = "".join(f"# {line}\n" for line in str(difference).splitlines())
    (SAVED / f"{seed}.py").write_text(head + source, encoding="utf-8")
    small = SAVED / f"{seed}-small.py"
    small.write_text(head + reduce(source, lambda text: same_failure(text, difference, cache), shrink_seconds), encoding="utf-8")
    return f"seed {seed} {difference}\n{small.relative_to(REPO)}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--programs", default=10_000, show_default=True, help="How many to run.")
@click.option("--minutes", type=float, default=None, help="Stop after that time, however many there were.")
@click.option("--seed", type=int, default=None, help="The first program's; the others follow. By itself a random one.")
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="Processes.")
@click.option("--most", default=10, show_default=True, help="Stop after so many failures.")
@click.option("--shrink", default=120.0, show_default=True, help="Seconds to spend on making a failing program small.")
@click.option("--quick", is_flag=True, help="Compile each program in one of the four ways only, in turn: thrice as many in the same time.")
@click.option("--show", is_flag=True, help="Print the program of the seed, run nothing.")
def main(programs: int, minutes: float | None, seed: int | None, jobs: int, most: int, shrink: float, quick: bool, show: bool) -> None:
    """Random programs of the language do the same compiled (checked and release, LLVM levels 0 and 2) and under CPython."""
    first = seed if seed is not None else random.SystemRandom().randrange(1 << 40)
    if show:
        print(program(first), end="")
        return
    print(f"oracle: {programs} programs from seed {first}" + (f", at most {minutes:g} minutes" if minutes else ""), flush=True)
    total = Report()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="oracle-") as cache, Display(programs, total) as display:
        batches = [list(range(s, min(s + BATCH, first + programs))) for s in range(first, first + programs, BATCH)]
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
            waiting: set[Future[Report]] = set()
            while batches or waiting:
                late = minutes is not None and time.monotonic() - start > minutes * 60
                if late or len(total.failures) >= most:
                    batches = []
                while batches and len(waiting) < 2 * jobs:
                    seeds = batches.pop(0)
                    ways = (WAYS[seeds[0] // BATCH % len(WAYS)],) if quick else WAYS
                    waiting.add(pool.submit(run_batch, seeds, ways, cache, shrink))
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for report in (f.result() for f in done):
                    total.programs += report.programs
                    total.used += report.used
                    total.failures += report.failures
                    display.update(report)
    seconds = time.monotonic() - start
    print(f"oracle: {total.programs} programs in {seconds:.0f} s, {total.programs / seconds:.1f}/s, {len(total.failures)} failures")
    sys.exit(bool(total.failures))


class Display:
    """A bar on a terminal; else a line now and then."""

    def __init__(self, programs: int, total: Report) -> None:
        self.programs, self.total = programs, total
        columns = (TextColumn("programs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns) if sys.stdout.isatty() else None
        self.said = time.monotonic()

    def __enter__(self) -> Display:
        if self.bar:
            self.bar.start()
            self.task = self.bar.add_task("", total=self.programs)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def update(self, report: Report) -> None:
        say = self.bar.console.print if self.bar else print
        for _, text in report.failures:
            say(text)
        if self.bar:
            self.bar.update(self.task, completed=self.total.programs)
        elif time.monotonic() - self.said > QUIET_SECONDS:
            self.said = time.monotonic()
            print(f"oracle: {self.total.programs} of {self.programs} programs, {len(self.total.failures)} failures", flush=True)


if __name__ == "__main__":
    main()
