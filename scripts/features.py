# SPDX-License-Identifier: GPL-2.0-or-later
"""make features: which rows of docs/features.md passing tests have shown, per area.

The rows come from the ledger's tables, the evidence from build/test-results.json, which tests/conftest.py writes at the end of
every test session: for each test its outcome and the rows that it is marked with. A row counts as shown when at least one
test of it passed and none failed. Of the rows that are not shown, two kinds are told apart, and stay in scope: those that
cannot work before a row of another area does, and those which a page of docs/decisions/ gives up for something better.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from scripts.qemu import BUILD, ROOT

LEDGER = ROOT / "docs" / "features.md"
RESULTS = BUILD / "test-results.json"
AREA = re.compile(r"^## (.+?)\s+\(`([a-z0-9]+)-\*`\)")
ROW = re.compile(r"^\| ([a-z0-9]+-\d+) \| (.+)$")
OUT = "**out**"  # marks a row that is out of scope
REASON = re.compile(r"\*\*(waits for [a-z0-9]+-\d+|given up: docs/decisions/[a-z-]+\.md)\*\*")


@dataclass
class Area:
    title: str
    prefix: str
    rows: list[str] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)  # why some of `rows` are not shown, as the ledger words it


def ledger(path: Path = LEDGER) -> list[Area]:
    """The areas of the ledger with their rows, in order."""
    areas: list[Area] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if heading := AREA.match(line):
            areas.append(Area(heading[1], heading[2]))
        elif row := ROW.match(line):
            area = areas[-1]
            (area.out if OUT in row[2] else area.rows).append(row[1])
            if reason := REASON.search(row[2]):
                area.reasons[row[1]] = reason[1]
    return areas


def evidence(path: Path = RESULTS) -> tuple[set[str], set[str]]:
    """Rows shown by passing tests, and rows of which a test failed."""
    if not path.exists():
        return set(), set()
    passed: set[str] = set()
    failed: set[str] = set()
    for test in json.loads(path.read_text(encoding="utf-8"))["tests"].values():
        if test["outcome"] == "passed":
            passed.update(test["features"])
        elif test["outcome"] == "failed":
            failed.update(test["features"])
    return passed - failed, failed


def report(missing: bool) -> int:
    shown, failed = evidence()
    if not RESULTS.exists():
        print("no test results yet: run make test first")
    areas = ledger()
    in_scope = shown_count = 0
    for area in areas:
        rows = [row for row in area.rows if row in shown]
        in_scope += len(area.rows)
        shown_count += len(rows)
        print(f"{area.prefix:8} {len(rows):3} of {len(area.rows):3}  {area.title}")
        print_rows("shown", rows)
        print_rows("a test of it fails", [row for row in area.rows if row in failed])
        open_rows = [row for row in area.rows if row not in shown | failed]
        if missing:
            print_rows("not shown", [row for row in open_rows if row not in area.reasons])
            for reason in sorted({area.reasons[row] for row in open_rows if row in area.reasons}):
                print_rows(reason, [row for row in open_rows if area.reasons.get(row) == reason])
    print(f"{'all':8} {shown_count:3} of {in_scope:3}  rows in scope are shown by passing tests")
    known = {row for area in areas for row in area.rows + area.out}
    if unknown := sorted((shown | failed) - known):
        print("marks that name no row: " + " ".join(unknown))
        return 1
    return 0


def print_rows(what: str, rows: list[str]) -> None:
    """Rows of one area by their numbers: their common prefix is on the line above."""
    if rows:
        print(f"           {what}: " + " ".join(row.split("-")[1] for row in rows))
