# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of `make bench WHAT=system` for readers: docs/benchmarks.md, each part between two marks, and a table of all goals before them.

What was measured is kept beside the page, docs/benchmarks/figures.json: a part that is measured again takes the place of its old figures,
and the page says all of them. With a part stands which images it was measured with, and how long that took.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from scripts.bench.goals import WHY_MISSED
from scripts.bench.guests import CPU
from scripts.bench.section import GOAL_HEAD, Goal, Section, put, table_lines
from scripts.qemu import ROOT, image_folder

PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"
FIGURES = PLOTS / "figures.json"


@dataclass
class Kept:
    """One part's figures, the digest of the images, the day, and the seconds that it took to measure."""

    section: Section
    images: str
    day: str
    seconds: float


def images_digest() -> str:
    """Of the images that are measured."""
    digest = hashlib.sha256()
    for folder in (*(image_folder(arch, False) for arch in CPU), image_folder("x86_64", True)):
        digest.update((folder / "kernel.elf").read_bytes())
    return digest.hexdigest()[:16]


def kept_figures() -> dict[str, Kept]:
    if not FIGURES.exists():
        return {}
    kept = {}
    for name, part in json.loads(FIGURES.read_text(encoding="utf-8")).items():
        goals = [Goal(**goal) for goal in part["section"].pop("goals")]
        kept[name] = Kept(**{**part, "section": Section(**part["section"], goals=goals)})
    return kept


def keep(section: Section, images: str, seconds: float, order: Sequence[str]) -> None:
    """Into the figures, and from there into the page. `order`: all names, as they stand there."""
    kept = kept_figures()
    kept[section.name] = Kept(section, images, time.strftime("%Y-%m-%d"), round(seconds))
    kept = {name: kept[name] for name in order if name in kept}
    FIGURES.write_text(json.dumps(kept, indent=1, default=asdict) + "\n", encoding="utf-8")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), kept), encoding="utf-8")


def written(page: str, kept: Mapping[str, Kept]) -> str:
    """The page with all figures in their places. Raises Wrong if it has none for some."""
    for name, part in kept.items():
        page = put(page, name, [f"Measured on {part.day}.", "", *part.section.lines()])
    return put(page, "goals", goal_lines(kept))


def goal_lines(kept: Mapping[str, Kept]) -> list[str]:
    goals = [goal for part in kept.values() for goal in part.section.goals]
    met = sum(goal.met for goal in goals)
    return [f"Met: {met} of {len(goals)}.", "", *table_lines(GOAL_HEAD, (goal.cells(WHY_MISSED.get(goal.what, "")) for goal in goals))]
