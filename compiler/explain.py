# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m compiler explain`: the catalogue of diagnostics, one entry or all titles."""

from __future__ import annotations

import difflib
import re
import sys

from compiler.catalogue import Entry, entries


class UnknownCode(Exception):
    """No entry has this code, and none is about this word; the text says what there is instead."""


def show(wanted: str | None) -> None:
    """Print an entry, or the list of those that are about a word, or of all. Raises UnknownCode."""
    if wanted is None:
        _print(listing(list(entries().values())))
    else:
        found = find(wanted)
        _print(entry_text(found[0]) if len(found) == 1 else listing(found))


def find(wanted: str) -> list[Entry]:
    """The entry of a code (`E0302`, `e302`, `302`), or those whose title holds a word."""
    number = re.fullmatch(r"[Ee]?(\d{1,4})", wanted)
    if number:
        code = f"E{int(number[1]):04}"
        if code in entries():
            return [entries()[code]]
        close = difflib.get_close_matches(code, entries(), n=3, cutoff=0.6)
        raise UnknownCode(f"there is no {code}" + (f"; did you mean {', '.join(close)}?" if close else ""))
    about = [e for e in entries().values() if wanted.lower() in e.title.lower()]
    if not about:
        about = [e for e in entries().values() if wanted.lower() in e.text.lower()]
    if not about:
        raise UnknownCode(f"no error is about `{wanted}`; without an argument, `explain` lists them all")
    return about


def entry_text(entry: Entry) -> str:
    """One entry in Markdown."""
    text = entry.text.replace("```python wrong", "Wrong:\n\n```python").replace("```python right", "Right:\n\n```python")
    imports = "\nThe examples leave out what they import from `lang`, `typing`, `enum` and `abc`.\n" if text != entry.text else ""
    return f"# {entry.code}: {entry.title}\n\n{text}\n{imports}"


def listing(found: list[Entry]) -> str:
    """Codes and titles in Markdown, by theme."""
    out, theme = [], ""
    for entry in found:
        if entry.theme != theme:
            theme = entry.theme
            out.append(f"\n## {theme}\n")
        out.append(f"- {entry.code} {entry.title}")
    return "\n".join(out).strip() + "\n"


def _print(markdown: str) -> None:
    """As Markdown where it is piped, laid out on a terminal."""
    if not sys.stdout.isatty():
        print(markdown, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console(width=min(100, Console().width)).print(Markdown(markdown, code_theme="ansi_dark"))
