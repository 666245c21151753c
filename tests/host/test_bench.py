# SPDX-License-Identifier: GPL-2.0-or-later
"""`make bench WHAT=system`: reading what guests print, judging it, and writing it into the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bench.cores import Holds, grows, growth_section, lock_section, plot_growth, read_locks
from scripts.bench.footprint import CROWD
from scripts.bench.measure import Wrong
from scripts.bench.noise import read_noise
from scripts.bench.goals import WHY_MISSED
from scripts.bench.operations import Row, operations_section
from scripts.bench.report import PAGE, Kept, keep, kept_figures, written
from scripts.bench.section import Goal, Section, figures, put
from scripts.bench.system import PARTS, what_is_left

LOCKS = """\
     TAKEN   WAITED    NS EACH    LONGEST    HELD NS    LONGEST PLACE
      1597        3         10         20        700       7596 in kern.proc.run.give_and_run at kern/proc/run.py:125
       403        0          0          0        500        600 in kern.proc.run.give_and_run at kern/proc/run.py:125
        27        0          0          0        105       1175 in arch.serial.put at arch/x86_64/serial.py:110
"""
NOISE = """\
core 0 not held, 12 entries: calls 1
core 1 held, 0 entries: calls 0 faults 0 ipis 0 timer 0 devices 0 nmis 0
  4000 quanta of 1000 us, 71 to 72 units of 14005 ns each, 9 in all; lost 0 ns of 4000000000, 0.0000 %, in 0 detours of up to 0 ns
core 2 held, 8 entries: calls 0 faults 0 ipis 8 timer 0 devices 0 nmis 0
  4000 quanta of 1000 us, 1 to 72 units of 14005 ns each, 9 in all; lost 40000000 ns of 4000000000, 1 %, in 8 detours of up to 9000 ns
"""


def test_lines_of_figures_are_read() -> None:
    text = "noise\r\nnull call                     1,234.5 ns     99 cycles\nmemory of a thread   12.0 KiB\n"
    assert figures(text) == {"null call": 1234.5} and figures(text, "KiB") == {"memory of a thread": 12.0}


def test_figures_take_their_place_and_leave_the_rest() -> None:
    page = "a\n<!-- measured: one -->\nold\n<!-- end -->\nb\n<!-- measured: two -->\n<!-- end -->\n"
    assert put(page, "one", ["x", "y"]) == page.replace("old", "x\ny")
    assert put(put(page, "two", ["z"]), "two", ["w"]) == page.replace("two -->\n", "two -->\nw\n")


@pytest.mark.parametrize("page", ["", "<!-- measured: one -->\n", "<!-- measured: one -->\n<!-- measured: two -->\n<!-- end -->\n"])
def test_a_page_without_the_place_is_told(page: str) -> None:
    with pytest.raises(Wrong, match="no place"):
        put(page, "one", ["x"])


def test_the_page_has_a_place_for_every_part() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in ("goals", *PARTS):
        put(page, name, [])


def test_the_page_says_what_is_kept_and_why_goals_are_missed() -> None:
    """Whoever changes a reason or a figure by hand changes the other too."""
    page, kept = PAGE.read_text(encoding="utf-8"), kept_figures()
    assert list(kept) == [name for name in PARTS if name in kept]
    assert written(page, kept) == page
    missed = {goal.what for part in kept.values() for goal in part.section.goals if not goal.met}
    assert missed <= WHY_MISSED.keys(), "each with its reason"


def section_of(name: str, ours: str) -> Section:
    return Section(name, "some figures", ("", "ns"), rows=[("one", ours)], goals=[Goal("one", "at most 5", ours, int(ours) <= 5)])


def test_a_section_names_what_is_missed() -> None:
    assert section_of("x", "4").lines() == ["|  | ns |", "|---|---|", "| one | 4 |"]
    assert section_of("x", "6").lines()[3:] == ["", "Missed: one: 6 instead of at most 5."]


def test_a_part_that_is_measured_again_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, figures_file = tmp_path / "page.md", tmp_path / "figures.json"
    places = "".join(f"<!-- measured: {name} -->\n<!-- end -->\n" for name in ("goals", "first", "second"))
    page.write_text(places, encoding="utf-8")
    monkeypatch.setattr("scripts.bench.report.PAGE", page)
    monkeypatch.setattr("scripts.bench.report.FIGURES", figures_file)
    for name, ours in (("second", "6"), ("first", "4"), ("second", "5")):
        keep(section_of(name, ours), "images", 61.0, ["first", "second"])
    kept = kept_figures()
    assert [(name, part.section.rows, part.seconds) for name, part in kept.items()] == [
        ("first", [["one", "4"]], 61),
        ("second", [["one", "5"]], 61),
    ]
    text = page.read_text(encoding="utf-8")
    assert "Met: 2 of 2." in text and "| one | 4 |" in text and "| one | 5 |" in text and "| one | 6 |" not in text


def test_what_is_left_is_told_with_the_time_that_it_took() -> None:
    kept = {"first": Kept(section_of("first", "1"), "images", "today", 600)}
    assert what_is_left(["first", "second"], kept) == "to measure: first, second (about 10 minutes; 1 for the first time)"


def test_goals_of_operations() -> None:
    assert Row("page fault", ours=800.4, linux=1).is_met and not Row("page fault", ours=801, linux=9000).is_met
    assert Row("no goal", ours=10, linux=10).is_met and not Row("no goal", ours=10, linux=9).is_met
    assert Row("x", ours=1, linux=2, our_times=[1, 2, 3], linux_times=[8, 8, 8]).times_ratio == 4


def test_a_switch_on_riscv_has_a_goal_of_its_own() -> None:
    rows = [Row("raw switch", ours=28, riscv=36), Row("thread switch, 2 threads", ours=70, riscv=92, linux=2000)]
    assert operations_section(rows, "6.1", 5).missed == [
        "thread switch, 2 threads, on RISC-V: 1.31 times instead of at most 1.3 times x86_64's"
    ]


# -- many cores -----------------------------------------------------------------------------------------------------
def test_growth_is_judged_from_the_first_to_the_last() -> None:
    counts = {1: {"null call": 100.0, "map and unmap a page": 2000.0}, 64: {"null call": 149.0, "map and unmap a page": 17000.0}}
    assert not growth_section(counts).missed
    counts[64] = {"null call": 151.0, "map and unmap a page": 19000.0}
    assert len(growth_section(counts).missed) == 2
    del counts[64]["null call"]
    with pytest.raises(Wrong, match="null call"):
        growth_section(counts)


def test_growth_is_drawn_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    counts = {1: {"null call": 100.0}, 2: {"null call": 110.0}}
    for name in ("a.svg", "b.svg"):
        plot_growth(counts, tmp_path / name)
    assert b"null call" in (tmp_path / "a.svg").read_bytes() or (tmp_path / "a.svg").stat().st_size > 1000
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_places_that_take_locks_are_added_up() -> None:
    found: dict[str, Holds] = {}
    read_locks(LOCKS, found)
    read_locks(LOCKS, found)
    holds = found["proc.run.give_and_run, 125"]
    assert holds.taken == 4000 and holds.longest == 7596 and holds.mean == (1597 * 700 + 403 * 500) / 2000
    with pytest.raises(Wrong, match="no locks"):
        read_locks("lockstat: only checked builds\n", {})


def test_work_for_all_cores_at_once_may_take_a_step_for_each() -> None:
    few, many = Holds(100, 100_000, 2_000), Holds(100, 1_000_000, 40_000)
    assert grows("proc.run.run_s, 9", few, many, 21) and not grows("proc.run.give_and_run, 9", few, many, 21)
    assert grows("proc.run.give_and_run, 9", few, Holds(100, 1_000_000, 44_000), 21)


@pytest.mark.parametrize(
    ("few", "many", "times", "expected"),
    [
        (Holds(100, 10_000, 200), Holds(100, 30_000, 900), 16, False),  # a mean of 300 after 100: within the slack
        (Holds(100, 100_000, 2000), Holds(100, 310_000, 9000), 16, True),
        (Holds(3, 3000, 1000), Holds(5, 60_000, 20_000), 21, False),  # seldom: as much longer as there are cores more
        (Holds(3, 3000, 1000), Holds(5, 60_000, 23_000), 21, True),
    ],
)
def test_a_wait_grows_faster_than_linearly_if_holds_grow(few: Holds, many: Holds, times: float, expected: bool) -> None:
    assert grows("here", few, many, times) is expected
    missed = lock_section({4: {"here": few}, 64: {"here": many, "only there": Holds(1, 1, 1)}}).missed
    assert len(missed) == expected and all("here" in what for what in missed)


# -- noise, threads -------------------------------------------------------------------------------------------------
def test_noise_of_all_held_cores() -> None:
    noise = read_noise(NOISE)
    assert (noise.cores, noise.entries, noise.seconds, noise.lost, noise.detours, noise.longest_ns) == (2, 8, 4.0, 0.005, 8, 9000)
    with pytest.raises(Wrong, match="not measured"):
        read_noise("core 1 held, 0 entries\n")


def test_the_line_of_a_crowd_is_read() -> None:
    text = "5 threads alive at once, on 1 vcores\n10 ns each to start and meet, 20 ns each to wake, end and join\n"
    found = CROWD.search(text)
    assert found and found.groups() == ("5", "10", "20")
