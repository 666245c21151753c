# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of `make bench WHAT=system` for readers: a part of docs/benchmarks.md, between two marks, and a plot beside it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from scripts.bench.measure import Wrong
from scripts.qemu import ROOT

if TYPE_CHECKING:
    from scripts.bench.system import Row

PAGE = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "benchmarks" / "against-linux.svg"
START, END = "<!-- measured: system -->\n", "<!-- end -->\n"


def write(rows: Sequence[Row], version: str, rounds: int, console: Console) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise Wrong(f"{PAGE.relative_to(ROOT)} has no place for the figures: {START.strip()} and {END.strip()}")
    PAGE.write_text(before + start + "\n".join(_lines(rows, version, rounds)) + "\n" + end + after, encoding="utf-8")
    _plot(rows, version)
    console.print(f"written: {PAGE.relative_to(ROOT)}, {PLOT.relative_to(ROOT)}", style="dim")


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
    try:
        import matplotlib
    except ImportError:
        raise Wrong("matplotlib is missing: `scripts/setup.sh plots`") from None
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "pykaros", "font.size": 9})
    from matplotlib import pyplot

    shown = [row for row in reversed(rows) if row.ratio]
    figure, axes = pyplot.subplots(figsize=(9, 0.36 * len(shown) + 1.2), layout="constrained")
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
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, metadata={"Date": None})
    pyplot.close(figure)
