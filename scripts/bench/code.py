# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiler's code against gcc -O2: the same algorithm in the language and in C, side by side in tests/bench/code/.

Both are compiled for the plain processor of the host, run outside the emulator on the same data, and must print the same. A
ratio is gcc's time by ours: above 1 ours is faster. f-strings are measured likewise, against snprintf.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from scripts.bench.measure import RESULTS, Sample, Wrong, in_turn, keep, processor

SOURCES = Path(__file__).parents[2] / "tests" / "bench" / "code"
MEDIAN_GOAL, LEAST_GOAL = 1.0, 0.85

PROGRAMS = {
    "sort": ("500000", "5"),
    "hash_map": ("5000", "2000"),
    "crc": ("4000000", "20"),
    "matrix": ("300", "12"),
    "sha256": ("4000000", "12"),
    "red_black": ("20000", "30"),
    "search": ("2000000", "14"),
    "nbody": ("1500000",),
    "spectral": ("1600",),
    "fannkuch": ("10",),
}
FORMATS = {"decimal": 2_000_000, "hexadecimal": 2_000_000, "strings": 3_000_000, "widths": 2_000_000, "floats": 600_000, "mixed": 700_000}


@dataclass
class Row:
    """Seconds of one program; `checked` with run-time checks."""

    name: str
    gcc: Sample
    release: Sample
    checked: Sample

    @property
    def ratio(self) -> float:
        return self.gcc.least / self.release.least


def measure(repeats: int, only: str, console: Console) -> int:
    """Print both tables; the status is 1 if a goal is missed."""
    if shutil.which("gcc") is None:
        raise Wrong("gcc is not installed: `scripts/setup.sh gcc`")
    programs = {n: a for n, a in PROGRAMS.items() if only in n}
    formats = {n: a for n, a in FORMATS.items() if only in f"format {n}"}
    commands = {name: (name, arguments) for name, arguments in programs.items()}
    commands |= {f"format {name}": ("format", (name, str(rounds))) for name, rounds in formats.items()}
    rows = _rows(commands, repeats, console)
    algorithms, lines = rows[: len(programs)], rows[len(programs) :]
    if algorithms:
        console.print(_table("against gcc -O2", algorithms))
        console.print(_verdict(algorithms))
    if lines:
        console.print(_table("f-strings against snprintf, a line", lines, {f"format {n}": r for n, r in formats.items()}))
    console.print(f"{processor()}; kept in {keep('code', [_figures(r) for r in rows]).relative_to(Path.cwd())}", style="dim")
    missed = algorithms and (_median(algorithms) < MEDIAN_GOAL or min(r.ratio for r in algorithms) < LEAST_GOAL)
    return int(bool(missed or any(r.ratio < 1 for r in lines)))


def _rows(commands: dict[str, tuple[str, tuple[str, ...]]], repeats: int, console: Console) -> list[Row]:
    rows = []
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("compiling", total=len(commands) * 3 * repeats)
        built = {name: _build(name) for name in {program for program, _ in commands.values()}}
        for name, (program, arguments) in commands.items():
            progress.update(task, description=name)
            words = {kind: [str(path), *arguments] for kind, path in built[program].items()}
            found = in_turn(words, repeats, lambda: progress.advance(task))
            if len({s.output for s in found.values()}) != 1:
                answers = ", ".join(f"{kind} {s.output.strip()!r}" for kind, s in found.items())
                raise Wrong(f"{name}: the answers differ: {answers}")
            rows.append(Row(name, **found))
    return rows


def _build(name: str) -> dict[str, Path]:
    """Executables of one program: gcc's and ours."""
    from compiler.host.executable import build_executable

    folder = RESULTS / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    paths = {kind: folder / f"{name}.{kind}" for kind in ("gcc", "release", "checked")}
    words = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-no-pie", "-o", str(paths["gcc"]), str(SOURCES / f"{name}.c"), "-lm"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Wrong(f"gcc on {name}.c: {done.stderr}")
    for kind in ("release", "checked"):
        build_executable(SOURCES / f"{name}.py", paths[kind], checked=kind == "checked")
    return paths


def _median(rows: Iterable[Row]) -> float:
    return statistics.median(r.ratio for r in rows)


def _table(title: str, rows: list[Row], rounds: dict[str, int] | None = None) -> Table:
    """Milliseconds a run, or nanoseconds a call where there are `rounds` of them."""
    unit = "ns" if rounds else "ms"
    table = Table(title=title, title_justify="left")
    for head in ("", f"gcc, {unit}", f"ours, {unit}", "ratio", f"checked, {unit}", "spread"):
        table.add_column(head, justify="left" if not head else "right", no_wrap=True)
    for row in rows:
        scale = 1e9 / rounds[row.name] if rounds else 1e3
        times = [f"{s.least * scale:.1f}" for s in (row.gcc, row.release, row.checked)]
        goal = 1 if rounds else LEAST_GOAL
        ratio = f"[{'green' if row.ratio >= goal else 'red'}]{row.ratio:.2f}[/]"
        table.add_row(row.name, times[0], times[1], ratio, times[2], f"{max(row.gcc.spread, row.release.spread):.0%}")
    return table


def _verdict(rows: list[Row]) -> str:
    least = min(rows, key=lambda r: r.ratio)
    return f"median ratio {_median(rows):.2f}, least {least.ratio:.2f} ({least.name})"


def _figures(row: Row) -> dict[str, object]:
    return {"name": row.name, "ratio": round(row.ratio, 3), **{k: getattr(row, k).cpu for k in ("gcc", "release", "checked")}}
