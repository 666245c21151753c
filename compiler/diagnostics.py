# SPDX-License-Identifier: GPL-2.0-or-later
"""Diagnostics: a code, one plain sentence, the source lines with carets and labels, and a hint.

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
from typing import Any

from compiler.snippets import Mark, Paint, draw, plain

CODE = re.compile(r"E\d{4}")


@dataclass(eq=False)
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


@dataclass(frozen=True)
class Span:
    """A range of source characters; lines from 1, columns from 0, as `ast` counts them (in UTF-8 bytes)."""

    source: Source
    line: int
    col: int
    end_line: int
    end_col: int

    @staticmethod
    def of(source: Source, node: ast.AST) -> Span:
        """Where a node stands; of a statement with a body, its header."""
        line = getattr(node, "lineno", 1)
        col = getattr(node, "col_offset", 0)
        last = header_end(node)
        if last is not None:
            return Span(source, line, col, *last)
        return Span(source, line, col, getattr(node, "end_lineno", line) or line, getattr(node, "end_col_offset", col + 1) or col + 1)

    @property
    def start(self) -> tuple[int, int]:
        """Line and column of the first character, both from 1, in characters."""
        return self.line, 1 + self._characters(self.line, self.col)

    @property
    def end(self) -> tuple[int, int]:
        """Line and column after the last character, both from 1, in characters."""
        return self.end_line, 1 + self._characters(self.end_line, self.end_col)

    @property
    def place(self) -> str:
        return f"{self.source.shown}:{self.line}:{self.start[1]}"

    def _characters(self, line: int, col: int) -> int:
        if not 1 <= line <= len(self.source.lines):
            return col
        return len(self.source.lines[line - 1].encode(errors="replace")[:col].decode(errors="replace"))


def header_end(node: ast.AST) -> tuple[int, int] | None:
    """Line and column after the header of a statement that has a body; None for other nodes."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        word = {"FunctionDef": "def ", "AsyncFunctionDef": "async def ", "ClassDef": "class "}[type(node).__name__]
        return node.lineno, node.col_offset + len(word) + len(node.name.encode())
    if isinstance(node, (ast.If, ast.While)):
        last: ast.AST = node.test
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        last = node.iter
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        last = node.items[-1].optional_vars or node.items[-1].context_expr
    elif isinstance(node, ast.Match):
        last = node.subject
    elif isinstance(node, (ast.Try, ast.TryStar)):
        return node.lineno, node.col_offset + len("try")
    elif isinstance(node, ast.ExceptHandler):
        return (node.type.end_lineno or 0, node.type.end_col_offset or 0) if node.type else (node.lineno, node.col_offset + len("except"))
    else:
        return None
    return (getattr(last, "end_lineno", None) or node.lineno, getattr(last, "end_col_offset", None) or node.col_offset + 1)


@dataclass(frozen=True)
class Label:
    """A span beside the primary one, and what it has to do with the error: "this is `u32`", "first defined here"."""

    span: Span
    text: str


@dataclass
class Diagnostic:
    """One error: `code` names its entry in the catalogue (compiler/catalogue/), which explains it.

    `label` is said at the primary span itself, `labels` at others; `hint` says what to write instead, `notes` what else is known.
    """

    code: str
    message: str
    span: Span | None = None
    hint: str = ""
    labels: list[Label] = field(default_factory=list)
    label: str = ""
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if CODE.fullmatch(self.code) is None:
            raise TypeError(f"{self.code!r} is no code of the catalogue, for: {self.message}")

    def render(self, paint: Paint = plain) -> str:
        """The whole text as shown on a terminal; `paint` puts colours in."""
        head = f"{paint('error', f'error[{self.code}]')}{paint('strong', f': {self.message}')}"
        out = [f"{self.span.place}: {head}" if self.span else head]
        if self.span is not None:
            out += self._snippets(self.span, paint)
        if self.hint:
            out.append(f"{paint('hint', '  hint')}: {self.hint}")
        out += [f"{paint('hint', '  note')}: {note}" for note in self.notes]
        return "\n".join(out)

    def _snippets(self, primary: Span, paint: Paint) -> list[str]:
        """The primary span's file with all that is marked in it, then other files."""
        files: dict[str, tuple[Source, list[Mark]]] = {primary.source.shown: (primary.source, [mark(primary, self.label, True)])}
        for label in self.labels:
            source = label.span.source
            marks = files.setdefault(source.shown, (source, []))[1]
            made = mark(label.span, label.text, False)
            if made not in marks:
                marks.append(made)
        out: list[str] = []
        for shown, (source, marks) in files.items():
            if shown != primary.source.shown:
                out.append(paint("gutter", "  ::: ") + f"{shown}:{marks[0].line}:{marks[0].start + 1}")
            out += draw(source.lines, marks, paint)
        return out

    def as_json(self) -> dict[str, Any]:
        """What `check --json` writes of it; docs/diagnostics.md is the schema."""
        return {
            "code": self.code,
            "severity": "error",
            "message": self.message,
            "file": self.span.source.shown if self.span else None,
            "range": _range(self.span) if self.span else None,
            "label": self.label or None,
            "labels": [{"file": x.span.source.shown, "range": _range(x.span), "text": x.text} for x in self.labels],
            "hint": self.hint or None,
            "notes": self.notes,
        }

    def key(self) -> tuple[str, int, int, str]:
        s = self.span
        return (s.source.shown, s.line, s.col, self.message) if s else ("", 0, 0, self.message)


def labelled(source: Source, labels: Iterable[tuple[ast.AST | Span, str]]) -> list[Label]:
    """Labels from (node or span, text) pairs; nodes stand in this source."""
    return [Label(where if isinstance(where, Span) else Span.of(source, where), text) for where, text in labels]


def sides(node: ast.AST, left: Any, right: Any) -> list[tuple[ast.AST, str]]:
    """Labels that name the types of an expression's two operands."""
    match node:
        case ast.BinOp(left=a, right=b) | ast.AugAssign(target=a, value=b) | ast.Compare(left=a, comparators=[b]):
            pass
        case ast.IfExp(body=a, orelse=b):
            pass
        case _:
            return []
    return [(a, f"this is `{left.name}`"), (b, f"this is `{right.name}`")]


def mark(span: Span, text: str, primary: bool) -> Mark:
    (line, start), (end_line, end) = span.start, span.end
    return Mark(line, start - 1, end_line, end - 1, text, primary)


def _range(span: Span) -> dict[str, dict[str, int]]:
    return {name: {"line": line, "column": column} for name, (line, column) in (("start", span.start), ("end", span.end))}


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
