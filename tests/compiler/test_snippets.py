# SPDX-License-Identifier: GPL-2.0-or-later
"""Source lines with several labelled spans: what is drawn, character by character."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from compiler.diagnostics import Diagnostic, Label, Source, Span
from compiler.snippets import Mark, coloured, draw, plain

CALL = ["def f(a: u32) -> u64:", "    total += small", "    x = f(a,", "        b,", "        c)", "    return 1", "", "", "", "end"]


def drawn(*marks):
    return "\n".join(draw(CALL, [Mark(*m) for m in marks], plain))


def test_labels_on_one_line_hang_from_the_right():
    assert (
        drawn((2, 4, 2, 18, "", True), (2, 4, 2, 9, "this is `u64`"), (2, 13, 2, 18, "this is `u8`"))
        == """\
    2 |     total += small
      |     -----^^^^----- this is `u8`
      |     |
      |     this is `u64`"""
    )


def test_lines_between_are_left_out():
    assert (
        drawn((10, 0, 10, 3, "here", True), (1, 6, 1, 12, "declared here"))
        == """\
    1 | def f(a: u32) -> u64:
      |       ------ declared here
  ...
   10 | end
      | ^^^ here"""
    )


def test_a_span_of_several_lines_is_a_bar():
    assert (
        drawn((3, 8, 5, 10, "this call", True))
        == """\
    3 |       x = f(a,
      |  _________^
    4 | |         b,
    5 | |         c)
      | |__________^ this call"""
    )


def test_bars_nest():
    assert (
        drawn((3, 4, 5, 10, "inner", True), (1, 0, 6, 12, "outer"))
        == """\
    1 | /   def f(a: u32) -> u64:
    2 | |       total += small
    3 | | /     x = f(a,
    4 | | |         b,
    5 | | |         c)
      | | |__________^ inner
    6 | |       return 1
      | |______________- outer"""
    )


def test_tabs_and_wide_characters_keep_the_columns():
    line, below = draw(["\tx = '日本' + y"], [Mark(1, 12, 1, 13, "here", True)], plain)
    assert (line, below) == ("    1 |     x = '日本' + y", "      |                  ^ here")


def test_a_label_in_another_file_names_it():
    here, there = Source(Path("a.py"), "a", "f(1)\n"), Source(Path("b.py"), "b", "\ndef f() -> None: ...\n")
    found = Diagnostic("E0801", "too many", Span(here, 1, 2, 1, 3), labels=[Label(Span(there, 2, 4, 2, 5), "declared here")]).render()
    assert (
        found
        == """\
a.py:1:3: error[E0801]: too many
    1 | f(1)
      |   ^
  ::: b.py:2:5
    2 | def f() -> None: ...
      |     - declared here"""
    )


def test_colour_changes_nothing_but_colour():
    source = Source(Path("a.py"), "a", "f(1)\n")
    error = Diagnostic("E0801", "too many", Span(source, 1, 2, 1, 3), hint="fewer")
    text = error.render(coloured)
    assert "\x1b[1;31m^\x1b[0m" in text
    for style in ("1", "1;31", "1;32", "1;34", "0"):
        text = text.replace(f"\x1b[{style}m", "")
    assert text == error.render()


LINES = st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]) | st.just("\t"), max_size=30), min_size=1, max_size=12)


@given(LINES, st.data())
def test_any_spans_can_be_drawn(lines, data):
    marks = []
    for _ in range(data.draw(st.integers(1, 4))):
        line = data.draw(st.integers(1, len(lines)))
        end_line = data.draw(st.integers(line, len(lines)))
        start, end = data.draw(st.integers(0, 30)), data.draw(st.integers(0, 30))
        marks.append(Mark(line, start, end_line, end, data.draw(st.sampled_from(["", "label"])), data.draw(st.booleans())))
    rows = draw(lines, marks, plain)
    for m in marks:
        assert any(row.startswith(f"{m.line:>5} |") for row in rows)
    assert any("^" in row or "-" in row for row in rows)
