# SPDX-License-Identifier: GPL-2.0-or-later
"""Source lines with labelled spans drawn below them, as rustc draws them.

    7 |     return narrow + wide
      |            ------^^^---- this is `u64`
      |            |
      |            this is `u32`

Everything here counts in columns of the terminal: tabs are four wide, wide characters two. Spans of several lines are drawn
as a bar in the margin. The result is text with styles; `plain` and `coloured` turn it into lines.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

TAB = 4
LONG = 6  # of a span with more lines than this the middle is left out
STYLES = {"error": "1;31", "primary": "1;31", "secondary": "1;34", "gutter": "1;34", "code": "", "hint": "1;32", "strong": "1"}
Paint = Callable[[str, str], str]


def plain(style: str, text: str) -> str:
    return text


def coloured(style: str, text: str) -> str:
    """With the escape sequences of ECMA-48 8.3.117 (SGR), which terminals know."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if STYLES[style] else text


@dataclass(frozen=True)
class Mark:
    """One labelled range: lines from 1, columns in characters from 0, the end exclusive."""

    line: int
    start: int
    end_line: int
    end: int
    text: str
    primary: bool = False

    @property
    def sign(self) -> str:
        return "^" if self.primary else "-"

    @property
    def style(self) -> str:
        return "primary" if self.primary else "secondary"


class Row:
    """One line of the picture, written at columns."""

    def __init__(self) -> None:
        self.cells: list[tuple[str, str]] = []

    def put(self, column: int, text: str, style: str) -> None:
        while len(self.cells) < column + len(text):
            self.cells.append((" ", "code"))
        for i, c in enumerate(text):
            self.cells[column + i] = (c, style)

    def render(self, paint: Paint) -> str:
        out, cells = [], self.cells
        while cells:
            style = cells[0][1]
            count = next((i for i, c in enumerate(cells) if c[1] != style), len(cells))
            out.append(paint(style, "".join(c for c, _ in cells[:count])))
            cells = cells[count:]
        return "".join(out).rstrip()


def widths(line: str) -> list[int]:
    """The column at which each character of a line begins, and the column after the last."""
    columns = [0]
    for c in line:
        wide = TAB if c == "\t" else 0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        columns.append(columns[-1] + wide)
    return columns


def draw(lines: list[str], marks: Iterable[Mark], paint: Paint) -> list[str]:
    """The marked lines of a file, each with its marks drawn below it."""
    marks = [m for m in marks if 1 <= m.line <= len(lines)]
    bars = sorted((m for m in marks if m.end_line > m.line), key=lambda m: (m.line, -m.end_line))
    shown = _shown_lines(marks, len(lines))
    out: list[str] = []
    last = 0
    for number in shown:
        if last and number > last + 1:
            out.append(_gutter("...", paint, "") + _margin(bars, number, paint).rstrip())
        line = lines[number - 1].rstrip("\r\n")
        columns = widths(line)
        text = line.replace("\t", " " * TAB)
        out.append(f"{_gutter(str(number), paint)}{_margin(bars, number, paint, line)}{text}".rstrip())
        here = [m for m in marks if m.line == m.end_line == number]
        for row in _underlines(here, columns):
            out.append(f"{_gutter('', paint)}{_margin(bars, number, paint, after=True)}{row.render(paint)}".rstrip())
        out += _bar_ends(bars, number, line, columns, paint)
        last = number
    return out


def _shown_lines(marks: list[Mark], count: int) -> list[int]:
    """Marked lines; a single line between two of them too; of long spans the beginning and the end."""
    wanted: set[int] = set()
    for m in marks:
        inside = range(m.line, min(m.end_line, count) + 1)
        wanted |= set(inside) if len(inside) <= LONG else {*inside[: LONG // 2], *inside[-LONG // 2 :]}
    wanted |= {n + 1 for n in wanted if n + 2 in wanted}
    return sorted(wanted)


def _gutter(text: str, paint: Paint, bar: str = " | ") -> str:
    return paint("gutter", f"{text:>5}{bar}")


def _column(bars: list[Mark], bar: Mark) -> int:
    """Bars that overlap stand beside each other."""
    return 2 * sum(1 for other in bars[: bars.index(bar)] if other.end_line >= bar.line)


def _margin(bars: list[Mark], number: int, paint: Paint, line: str | None = None, after: bool = False) -> str:
    """The bars of spans that pass this line. With the line's text, its beginning is drawn too; `after` is below the line."""
    if not bars:
        return ""
    row = Row()
    for bar in bars:
        if bar.line < number <= bar.end_line or after and bar.line == number and _opens(bar, line):
            row.put(_column(bars, bar), "|", bar.style)
        elif bar.line == number and line is not None and not line[: bar.start].strip():
            row.put(_column(bars, bar), "/", bar.style)
    width = 2 + max(_column(bars, b) for b in bars)
    text = row.render(paint)
    return text + " " * (width - len(row.render(plain)))


def _opens(bar: Mark, line: str | None) -> bool:
    return line is None or not line[: bar.start].strip()


def _bar_ends(bars: list[Mark], number: int, line: str, columns: list[int], paint: Paint) -> list[str]:
    """The rows that join a bar to where its span begins (if not with the line) and ends."""
    out = []
    width = 2 + max((_column(bars, b) for b in bars), default=0)
    for bar in bars:
        begins = bar.line == number and line[: bar.start].strip()
        ends = bar.end_line == number
        if not begins and not ends:
            continue
        row, at = Row(), _column(bars, bar)
        for other in bars:
            if other is not bar and other.line < number < other.end_line:
                row.put(_column(bars, other), "|", other.style)
        target = width + columns[min(bar.start if begins else max(bar.end - 1, 0), len(columns) - 1)]
        row.put(at + 1 if begins else at, ("" if begins else "|") + "_" * (target - at - 1), bar.style)
        row.put(target, bar.sign, bar.style)
        if ends and bar.text:
            row.put(target + 2, bar.text, bar.style)
        out.append(_gutter("", paint) + row.render(paint))
    return out


def _underlines(marks: list[Mark], columns: list[int]) -> list[Row]:
    """The row of carets and dashes, with the rightmost label in it, and rows for the labels that hang below."""
    if not marks:
        return []
    spans = {m: (columns[min(m.start, len(columns) - 1)], columns[min(m.end, len(columns) - 1)]) for m in marks}
    spans = {m: (start, max(end, start + 1)) for m, (start, end) in spans.items()}
    first = Row()
    for m in sorted(marks, key=lambda m: spans[m][0] - spans[m][1]):  # the shorter over the longer
        start, end = spans[m]
        first.put(start, m.sign * (end - start), m.style)
    rows = [first]
    labelled = sorted((m for m in marks if m.text), key=lambda m: (-spans[m][0], spans[m][1], m.text))
    if labelled:
        first.put(max(end for _, end in spans.values()) + 1, labelled[0].text, labelled[0].style)
    hanging = labelled[1:]
    if hanging:
        rows.append(_connectors(hanging, spans))
    for i, m in enumerate(hanging):
        row = _connectors(hanging[i + 1 :], spans)
        row.put(spans[m][0], m.text, m.style)
        rows.append(row)
    return rows


def _connectors(marks: list[Mark], spans: dict[Mark, tuple[int, int]]) -> Row:
    row = Row()
    for m in reversed(marks):
        row.put(spans[m][0], "|", m.style)
    return row
