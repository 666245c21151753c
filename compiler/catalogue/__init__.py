# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue of diagnostics: what each code means, why the rule exists, and what to write instead.

One Markdown file per theme. An entry is a heading `## E0123: title`, prose, a ```` ```python wrong ```` block whose only
error is this one, and a ```` ```python right ```` block without errors; tests compile both. Call sites name the code:
`raise self.error("E0123", node, "the sentence", "the hint")`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
HEADING = re.compile(r"^## (E\d{4}): (.+)$", re.MULTILINE)
EXAMPLE = re.compile(r"^```python (wrong|right)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """One code: `title` names the mistake, `text` is the explanation in Markdown with both examples in it."""

    code: str
    title: str
    theme: str
    text: str

    def examples(self, kind: str) -> list[str]:
        """The sources of its `wrong` or `right` examples."""
        return [source for found, source in EXAMPLE.findall(self.text) if found == kind]


@cache
def entries() -> dict[str, Entry]:
    """Every entry by its code, in the order of codes. Raises ValueError if a code is described twice."""
    found: dict[str, Entry] = {}
    for path in sorted(FOLDER.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        theme = text.split("# ", 1)[1].split("\n", 1)[0]
        parts = HEADING.split(text)[1:]
        for code, title, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            if code in found:
                raise ValueError(f"{code} is described twice: in {found[code].theme} and in {theme}")
            found[code] = Entry(code, title, theme, body.strip())
    return dict(sorted(found.items()))
