# SPDX-License-Identifier: GPL-2.0-or-later
"""For all tests: the record that `make features` reads.

A test that shows rows of docs/features.md is marked with them, `@pytest.mark.feature("boot-12")`. At the end of a session the
outcomes go to build/test-results.json: a run of part of the tests updates its part, a run of all replaces everything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

RESULTS = Path(__file__).parent.parent / "build" / "test-results.json"
PROPERTY = "features"
ORDER = ("passed", "skipped", "failed")  # of set-up, call and tear-down the worst counts

# How long an example takes says nothing on a machine that others use.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

outcomes: dict[str, dict[str, Any]] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        rows = sorted({row for mark in item.iter_markers("feature") for row in mark.args})
        item.user_properties.append((PROPERTY, rows))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Runs where the reports come together: in the only process, or in the controller of several."""
    rows = dict(report.user_properties).get(PROPERTY, [])
    # The node's id as it is without workers: xdist adds the group's name behind an @.
    known = outcomes.setdefault(report.nodeid.split("@")[0], {"outcome": "passed", "features": rows})
    known["outcome"] = max(known["outcome"], report.outcome, key=ORDER.index)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput") or not outcomes:
        return
    tests: dict[str, Any] = {}
    whole = not session.config.option.keyword and not session.config.option.markexpr and session.config.args in ([], ["tests"])
    if not whole and RESULTS.exists():
        tests = json.loads(RESULTS.read_text(encoding="utf-8"))["tests"]
    tests.update(outcomes)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"tests": dict(sorted(tests.items()))}, indent=1) + "\n", encoding="utf-8")
