# SPDX-License-Identifier: GPL-2.0-or-later
"""Diagnostics: one plain sentence with the source line, a caret range and a hint.

Every stage reports through a `Reporter`, which collects all errors of a run; `CompileError` unwinds the statement that
cannot be understood, so that the next one is still checked.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

CODE = re.compile(r"E\d{4}")


@dataclass
class Source:
    """One file: its text, and where it stands in the module tree."""

    path: Path
    module: str
    text: str
    shown: str = ""
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lines = self.text.split("\n")
        self.shown = self.shown or str(self.path)


@dataclass
class Span:
    """A range of source characters; lines from 1, columns from 0, as `ast` counts them (in UTF-8 bytes)."""

    source: Source
    line: int
    col: int
    end_line: int
    end_col: int

    @staticmethod
    def of(source: Source, node: ast.AST) -> Span:
        line = getattr(node, "lineno", 1)
        col = getattr(node, "col_offset", 0)
        return Span(source, line, col, getattr(node, "end_lineno", line) or line, getattr(node, "end_col_offset", col + 1) or col + 1)


@dataclass
class Diagnostic:
    """One error: `code` names its entry in the catalogue (compiler/catalogue/), which explains it."""

    code: str
    message: str
    span: Span | None = None
    hint: str = ""
    notes: list[tuple[Span, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if CODE.fullmatch(self.code) is None:
            raise TypeError(f"{self.code!r} is no code of the catalogue, for: {self.message}")

    def render(self) -> str:
        """The whole text as shown on a terminal, without colour."""
        if self.span is None:
            return f"error[{self.code}]: {self.message}" + (f"\n  hint: {self.hint}" if self.hint else "")
        out = [f"{self.span.source.shown}:{self.span.line}:{self.span.col + 1}: error[{self.code}]: {self.message}"]
        out += caret_lines(self.span)
        if self.hint:
            out.append(f"  hint: {self.hint}")
        for span, text in self.notes:
            out.append(f"{span.source.shown}:{span.line}:{span.col + 1}: note: {text}")
            out += caret_lines(span)
        return "\n".join(out)

    def key(self) -> tuple[str, int, int, str]:
        s = self.span
        return (s.source.shown, s.line, s.col, self.message) if s else ("", 0, 0, self.message)


def caret_lines(span: Span) -> list[str]:
    """The source line and, below it, carets under the range (to the end of the line if it spans several)."""
    if not 1 <= span.line <= len(span.source.lines):
        return []
    line = span.source.lines[span.line - 1]
    raw = line.encode()
    start = len(raw[: span.col].decode(errors="replace"))
    end = len(raw[: span.end_col].decode(errors="replace")) if span.end_line == span.line else len(line.rstrip())
    number = f"{span.line:5} | "
    pad = "".join("\t" if c == "\t" else " " for c in line[:start])
    return [number + line, " " * 5 + " | " + pad + "^" * max(1, end - start)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint naming the closest known name, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"did you mean `{close[0]}`?" if close else ""


class CompileError(Exception):
    """Unwinds to the nearest statement or declaration; carries its diagnostic, or None if the cause was reported before."""

    def __init__(self, diagnostic: Diagnostic | None) -> None:
        super().__init__(diagnostic.message if diagnostic is not None else "")
        self.diagnostic = diagnostic


class Reporter:
    """Collects the diagnostics of a run, without repeats, in source order."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int, int, str], Diagnostic] = {}

    def add(self, diagnostic: Diagnostic | None) -> None:
        if diagnostic is None:
            return
        self._seen.setdefault(diagnostic.key(), diagnostic)

    def mark(self) -> dict[tuple[str, int, int, str], Diagnostic]:
        return dict(self._seen)

    def back_to(self, mark: dict[tuple[str, int, int, str], Diagnostic]) -> None:
        """Forget what was reported since the mark: an attempt that is given up."""
        self._seen = dict(mark)

    @property
    def errors(self) -> list[Diagnostic]:
        return [self._seen[k] for k in sorted(self._seen)]
