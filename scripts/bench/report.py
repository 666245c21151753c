# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of `make bench WHAT=system` for readers: parts of docs/benchmarks.md, each between two marks, and plots beside it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.bench.measure import Wrong
from scripts.bench.section import put
from scripts.qemu import ROOT

if TYPE_CHECKING:
    from scripts.bench.system import Row

PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"


def write(name: str, lines: Sequence[str]) -> None:
    """Put lines into the place of that name. Raises Wrong if the page has none."""
    PAGE.write_text(put(PAGE.read_text(encoding="utf-8"), name, lines), encoding="utf-8")


def write_rows(rows: Sequence[Row], version: str, rounds: int) -> None:
    write("system", _lines(rows, version, rounds))
    _plot(rows, version)


def _lines(rows: Sequence[Row], version: str, rounds: int) -> list[str]:
    lines = [
        f"Linux {version}; a ratio above 1 says that ours is cheaper. By the clock: medians of {rounds} runs, in brackets the least and",
        "the most of the single runs' ratios.",
        "",
        "| operation | ours, instructions | goal | Linux, instructions | ratio | ratio by the clock | ours on RISC-V |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        goal = f"{row.goal:,}{'' if row.is_met else ' (missed)'}" if row.goal is not None else ""
        clock = f"{row.times_ratio:.1f} ({_extremes(row)})" if row.times_ratio else ""
        cells = [row.name, f"{row.ours:,.0f}", goal, f"{row.linux:,.0f}", f"{row.ratio:.1f}", clock, f"{row.riscv:,.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _extremes(row: Row) -> str:
    ratios = [theirs / ours for ours, theirs in zip(row.our_times, row.linux_times, strict=False) if ours]
    return f"{min(ratios):.1f} to {max(ratios):.1f}"


def _plot(rows: Sequence[Row], version: str) -> None:
    """Ratios as bars on a logarithmic axis, the clock's spread as lines."""
    shown = [row for row in reversed(rows) if row.ratio]
    with drawing(PLOTS / "against-linux.svg", (9, 0.36 * len(shown) + 1.2)) as axes:
        places = range(len(shown))
        axes.barh([p + 0.2 for p in places], [row.ratio for row in shown], 0.38, label="instructions, one core", color="#3465a4")
        medians = [row.times_ratio for row in shown]
        axes.barh([p - 0.2 for p in places], medians, 0.38, label="time, two cores (median)", color="#bcd0e8")
        for place, row in zip(places, shown, strict=True):
            if row.our_times and row.linux_times:
                least = min(row.linux_times) / statistics.median(row.our_times)
                most = max(row.linux_times) / statistics.median(row.our_times)
                axes.plot([least, most], [place - 0.2] * 2, color="#555555", linewidth=1)
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda ratio, _: f"{ratio:g}x")
        axes.set_yticks(list(places), [row.name for row in shown])
        axes.set_xlabel(f"cost on Linux {version} / cost here")
        axes.legend(loc="lower right", frameon=False)


@contextmanager
def drawing(path: Path, size: tuple[float, float]) -> Iterator[Any]:
    """Axes to draw on, which are then kept as a file: the same drawing gives the same file. Raises Wrong without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        raise Wrong("matplotlib is missing: `scripts/setup.sh plots`") from None
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "pykaros", "font.size": 9})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=size, layout="constrained")
    try:
        yield axes
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
    finally:
        pyplot.close(figure)
