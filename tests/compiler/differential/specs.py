# SPDX-License-Identifier: GPL-2.0-or-later
"""Format specs: every form that the language supports for a type. `choose(list)` picks, so that `random` and hypothesis both can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Choose = Callable[[Sequence[Any]], Any]
FILLS = ["", "*", "0", " ", "-", "x", "."]
WIDTHS = ["", "", "1", "5", "12", "30", "36", "37", "70"]


def layout(choose: Choose, aligns: str) -> str:
    """Fill and alignment, or nothing."""
    align = choose(["", "", *aligns])
    return choose(FILLS) + align if align else ""


def integer_spec(choose: Choose) -> str:
    kind = choose(["", "d", "x", "X", "o", "b"])
    group = choose(["", "", "_", ","] if kind in ("", "d") else ["", "", "_"])
    width = choose(WIDTHS)
    zero = choose(["", "0"]) if width else ""
    return f"{layout(choose, '<>^=')}{choose(['', '+', ' ', '-'])}{choose(['', '#'])}{zero}{width}{group}{kind}"


def text_spec(choose: Choose) -> str:
    return f"{layout(choose, '<>^')}{choose(WIDTHS)}{choose(['', '.0', '.3', '.20'])}{choose(['', 's'])}"


def float_spec(choose: Choose) -> str:
    width = choose(WIDTHS)
    zero = choose(["", "", "0"]) if width else ""
    group = choose(["", "", "_", ","])
    precision, kind = choose(["", ".0", ".1", ".2", ".3", ".12", ".17", ".18"]), choose(["", "f", "e", "g"])
    return f"{layout(choose, '<>^=')}{choose(['', '+', ' ', '-'])}{zero}{width}{group}{precision}{kind}"


def char_spec(choose: Choose) -> str:
    return f"{layout(choose, '<>^')}{choose(WIDTHS)}c"
