# SPDX-License-Identifier: GPL-2.0-or-later
"""What a build says while it works: a moving line on a terminal, plain lines elsewhere. Errors go to standard error."""

from __future__ import annotations

import os
import sys
import time
from typing import TextIO

from compiler.snippets import Paint, coloured, plain


def paint_for(stream: TextIO) -> Paint:
    """Colours on a terminal, unless NO_COLOR (no-color.org) is set or the terminal is dumb."""
    wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return coloured if wanted else plain


class Report:
    """Plain lines: one for each stage."""

    def __init__(self, quiet: bool = False) -> None:
        self.start = time.monotonic()
        self.quiet = quiet

    def stage(self, text: str) -> None:
        """A new stage begins."""
        if not self.quiet:
            print(f"[{time.monotonic() - self.start:5.1f} s] {text}", flush=True)

    def step(self, text: str, done: int, total: int) -> None:
        """One of the current stage's parts is done. Shown on terminals only."""

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self.quiet:
            print(text, flush=True)

    def error(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """No more moving line."""


class TerminalReport(Report):
    """One line that moves, by rich."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console

        self.console = Console(highlight=False)
        self.status = self.console.status("starting", spinner="line")
        self.status.start()
        self.current = ""

    def stage(self, text: str) -> None:
        self.current = text
        self.status.update(f"{text} …")

    def step(self, text: str, done: int, total: int) -> None:
        self.status.update(f"{self.current}: {done} of {total} ({text})")

    def say(self, text: str) -> None:
        self.close()
        print(text, flush=True)

    def error(self, text: str) -> None:
        self.close()
        super().error(text)

    def close(self) -> None:
        self.status.stop()


def make_report(quiet: bool = False) -> Report:
    return TerminalReport() if sys.stdout.isatty() and not quiet else Report(quiet)


def count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def size(n: int) -> str:
    return f"{n / 1024:.0f} KiB" if n < 1 << 20 else f"{n / (1 << 20):.1f} MiB"
