# SPDX-License-Identifier: GPL-2.0-or-later
"""A table of figures with the goals that it shows met or missed, for the terminal and for the page; and how programs print figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from scripts.bench.measure import Wrong

GOAL_HEAD = ("", "goal", "ours", "RISC-V", "Linux", "ratio", "by the clock (least to most)", "")


@dataclass
class Goal:
    """What was to be reached and what was; all but `met` are texts. `ratio`, and `clock` by the clock: Linux' cost by ours."""

    what: str
    limit: str
    ours: str
    met: bool
    riscv: str = ""
    linux: str = ""
    ratio: str = ""
    clock: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.ours} instead of {self.limit}"

    def cells(self, why_missed: str) -> Sequence[str]:
        verdict = "met" if self.met else f"missed: {why_missed}" if why_missed else "missed"
        return (self.what, self.limit, self.ours, self.riscv, self.linux, self.ratio, self.clock, verdict)


@dataclass
class Section:
    """`name` is that of its place in the page, `rows` are texts, `plot` is a file beside the page, `notes` lines below the table."""

    name: str
    title: str
    head: Sequence[str]
    text: str = ""
    rows: list[Sequence[str]] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    plot: str = ""

    @property
    def missed(self) -> list[str]:
        return [str(goal) for goal in self.goals if not goal.met]

    def table(self) -> Table:
        table = Table(title=self.title, title_justify="left")
        for number, head in enumerate(self.head):
            table.add_column(head, justify="right" if number else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        return table

    def lines(self) -> list[str]:
        """Markdown, with what is missed below."""
        lines = [self.text, ""] if self.text else []
        if self.plot:
            lines += [f"![{self.title}]({self.plot})", ""]
        lines += table_lines(self.head, self.rows)
        if self.missed:
            lines += ["", "Missed: " + "; ".join(self.missed) + "."]
        return lines


def table_lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_line(head), "|" + "---|" * len(head), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def put(page: str, name: str, lines: Sequence[str]) -> str:
    """The page with `lines` in the place of that name. Raises Wrong if it has none."""
    start, end = f"<!-- measured: {name} -->\n", "<!-- end -->\n"
    before, found, rest = page.partition(start)
    _, ended, after = rest.partition(end)
    if not found or not ended or "<!-- measured: " in rest.partition(end)[0]:
        raise Wrong(f"the page has no place for these figures: {start.strip()} and {end.strip()}")
    return before + start + "\n".join(lines) + "\n" + end + after


def figures(text: str, unit: str = "ns") -> dict[str, float]:
    """What programs of measurements print, by name: `NAME   1,234.5 ns`."""
    found = re.findall(rf"^(\S.*?)\s+([\d,]+\.\d) {unit}\b", text, re.MULTILINE)
    return {name: float(value.replace(",", "")) for name, value in found}


def in_words(value: float) -> str:
    """Three digits or so: 0.034, 12.3, 1,235."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
