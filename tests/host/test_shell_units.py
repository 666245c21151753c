# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of the shell and of the programs that touch nothing but memory, compiled and called from here.

Patterns are compared with Python's own, the parser's tree is read back as text, and what the line editor sends to the screen is
shown on a small terminal. Any input at all must be answered, never crash.
"""

import datetime
import fnmatch
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CompiledError, load

HARNESS = '''\
"""What the tests call."""

from lang import array, text, u32, u64
from lib.calendar import Calendar
from lib.duration import parse_duration_ns
from lib.glob import matches
from lib.paths import basename, clean, dirname
from lib.regex import Regex
from lib.sh.editor import Action, Editor
from lib.sh.history import History
from lib.sh.lexer import Incomplete, SyntaxProblem
from lib.sh.parser import NodeKind, Parser
from lib.strings import sort_strings

parser = Parser()
regex = Regex()
path = text(1024)
shown = text(60000)
history = History()
editor = Editor(history=history)


def glob_matches(pattern: str, name: str) -> bool:
    return matches(pattern, name)


def regex_matches(pattern: str, line: str, fold: bool) -> bool:
    regex.ignore_case = fold
    regex.compile(pattern)
    return regex.matches(line)


def clean_path(value: str) -> str:
    return clean(path, value)


def base(value: str) -> str:
    return basename(value)


def folder(value: str) -> str:
    return dirname(value)


def day(ns: u64) -> tuple[u64, u64, u64, u64]:
    calendar = Calendar()
    calendar.set_ns(ns)
    return calendar.year, calendar.month, calendar.day, calendar.weekday


def duration(value: str) -> u64 | None:
    return parse_duration_ns(value)


def parse(source: str) -> str:
    """All commands of a text as text; a problem as `! at: message`."""
    shown.clear()
    parser.begin(source)
    while not parser.at_end():
        try:
            node = parser.parse()
        except Incomplete:
            shown.append("...")
            return shown.view
        except SyntaxProblem as e:
            shown.write(f"! {parser.lexer.problem_at}: {e.message}")
            return shown.view
        if node != 0:
            put(node)
    return shown.view


def put(index: u32) -> None:
    node = parser.nodes[index]
    if node.kind == NodeKind.WORD or node.kind == NodeKind.ASSIGN:
        shown.append(parser.text(index))
        return
    shown.write(f"{node.kind.name}(")
    if node.kind == NodeKind.REDIRECT:
        shown.write(f"{node.number} {node.op.name} {parser.text(index)}")
    put_all(node.left)
    if node.right != 0:
        shown.append(" | ")
        put(node.right)
    if node.third != 0:
        shown.append(" | ")
        put_all(node.third)
    if node.redirects != 0:
        shown.append(" > ")
        put_all(node.redirects)
    shown.append(")")


def put_all(first: u32) -> None:
    index = first
    while index != 0:
        if index != first:
            shown.append(" ")
        put(index)
        index = parser.nodes[index].next


def edit_begin(width: u64) -> None:
    editor.width = width
    editor.screen.clear()
    editor.begin("$ ")


def edit(keys: str) -> str:
    """Type `keys`; a finished line goes to the history. What was done last."""
    done = Action.NONE
    for byte in keys:
        done = editor.feed(byte)
        if done == Action.LINE:
            history.add(editor.line)
    return done.name


def remember(line: str) -> None:
    history.add(line)


def edit_line() -> str:
    return editor.line


def edit_cursor() -> u64:
    return editor.cursor


def edit_screen() -> str:
    return editor.screen.view


def sort_three(a: str, b: str, c: str) -> bool:
    items = array(3, str)
    items[0] = a
    items[1] = b
    items[2] = c
    sort_strings(items)
    return items[0] <= items[1] and items[1] <= items[2]
'''


@pytest.fixture(scope="module")
def unit() -> Any:
    return load(HARNESS)


# -- patterns ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*", "anything", True),
        ("*", ".hidden", False),
        (".*", ".hidden", True),
        ("", "", True),
        ("", "a", False),
        ("*.txt", "a.txt", True),
        ("*.txt", "a.txtx", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("[abc]x", "bx", True),
        ("[!abc]x", "bx", False),
        ("[a-c]", "b", True),
        ("[]]", "]", True),
        ("[", "[", True),
        ("a[", "a[", True),
        ("\\*", "*", True),
        ("\\*", "x", False),
        ("[\\]]", "]", True),
        ("**a**", "bab", True),
    ],
)
def test_glob(unit: Any, pattern: str, name: str, fits: bool) -> None:
    assert unit.call("glob_matches", pattern, name) is fits


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=20))
def test_glob_is_fnmatch(unit: Any, pattern: str, name: str) -> None:
    assert unit.call("glob_matches", pattern, name) is fnmatch.fnmatchcase(name, pattern)


def test_glob_of_many_stars_is_quick(unit: Any) -> None:
    assert unit.call("glob_matches", "*a" * 500, "a" * 20000 + "b") is False


ATOM = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "[a-c]", "\\.", "\\*"])
REGEX = st.builds(
    lambda start, parts, end: start + "".join(a + r for a, r in parts) + end,
    st.sampled_from(["", "^"]),
    st.lists(st.tuples(ATOM, st.sampled_from(["", "", "*", "+", "?"])), max_size=6),
    st.sampled_from(["", "$"]),
)


@given(REGEX, st.text("abc.*\t", max_size=12))
def test_regex_is_pythons(unit: Any, pattern: str, line: str) -> None:
    assert unit.call("regex_matches", pattern, line, False) is bool(re.search(pattern, line))


def test_regex_is_quick_on_what_makes_others_slow(unit: Any) -> None:
    assert unit.call("regex_matches", "a*" * 100 + "b", "a" * 5000, False) is False


def test_regex_ignores_case_and_refuses_nonsense(unit: Any) -> None:
    assert unit.call("regex_matches", "HeL+o", "say hello", True) is True
    for pattern in ("[a", "a\\", "[z-a]", "x" * 300):
        with pytest.raises(CompiledError):
            unit.call("regex_matches", pattern, "x", False)


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_patterns_answer_any_bytes(unit: Any, pattern: bytes, line: bytes) -> None:
    unit.call("glob_matches", pattern, line)
    try:
        unit.call("regex_matches", pattern, line, True)
    except CompiledError as error:
        assert type(error) is CompiledError


# -- the parser -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ("", ""),
        ("   # just a comment", ""),
        ("\n\n", ""),
        ("echo one  two", "SEQUENCE(SIMPLE(echo one two))"),
        ("a; b", "SEQUENCE(SIMPLE(a) SIMPLE(b))"),
        ("a;", "SEQUENCE(SIMPLE(a))"),
        ("a\nb", "SEQUENCE(SIMPLE(a))SEQUENCE(SIMPLE(b))"),
        ("a | b | c", "SEQUENCE(PIPELINE(SIMPLE(a) SIMPLE(b) SIMPLE(c)))"),
        ("a && b || c", "SEQUENCE(CHAIN(SIMPLE(a) SIMPLE(b) SIMPLE(c)))"),
        ("! a", "SEQUENCE(NOT(SIMPLE(a)))"),
        ("a & b", "SEQUENCE(BACKGROUND(SIMPLE(a)) SIMPLE(b))"),
        (
            "a > f 2>&1 < g >> h",
            "SEQUENCE(SIMPLE(a REDIRECT(1 OUTPUT f) REDIRECT(2 DUPLICATE 1) REDIRECT(0 INPUT g) REDIRECT(1 APPEND h)))",
        ),
        ("X=1 Y='2 3' a Z=4", "SEQUENCE(SIMPLE(X=1 Y='2 3' a Z=4))"),
        ("'a;b' \"c|d\" e\\&f", "SEQUENCE(SIMPLE('a;b' \"c|d\" e\\&f))"),
        ('echo $(a | b; c) "$(d)"', 'SEQUENCE(SIMPLE(echo $(a | b; c) "$(d)"))'),
        ("(a; b) > f", "SEQUENCE(SUBSHELL(SEQUENCE(SIMPLE(a) SIMPLE(b)) > REDIRECT(1 OUTPUT f)))"),
        ("{ a; }", "SEQUENCE(GROUP(SEQUENCE(SIMPLE(a))))"),
        ("if a; then b; fi", "SEQUENCE(IF(SEQUENCE(SIMPLE(a)) | SEQUENCE(SIMPLE(b))))"),
        (
            "if a\nthen b\nelif c\nthen d\nelse e\nfi",
            "SEQUENCE(IF(SEQUENCE(SIMPLE(a)) | SEQUENCE(SIMPLE(b)) | IF(SEQUENCE(SIMPLE(c)) | SEQUENCE(SIMPLE(d)) | SEQUENCE(SIMPLE(e)))))",
        ),
        ("while a; do b; done", "SEQUENCE(WHILE(SEQUENCE(SIMPLE(a)) | SEQUENCE(SIMPLE(b))))"),
        ("for x in 1 2; do a $x; done", "SEQUENCE(FOR(x | SEQUENCE(SIMPLE(a $x)) | 1 2))"),
        ("echo if then done", "SEQUENCE(SIMPLE(echo if then done))"),
        ("a \\\nb", "SEQUENCE(SIMPLE(a b))"),
    ],
)
def test_parser(unit: Any, source: str, tree: str) -> None:
    assert unit.call("parse", source) == tree


@pytest.mark.parametrize(
    "source", ["'", 'echo "a', "a \\", "a |", "a &&", "if a", "if a; then b", "while a; do", "(a", "{ a;", "echo $(a", "for x in a", "! "]
)
def test_parser_asks_for_more(unit: Any, source: str) -> None:
    assert unit.call("parse", source).endswith("...")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("a | | b", "! 4: unexpected `|`"),
        ("; a", "! 0: unexpected `;`"),
        ("a)", "! 1: unexpected `)`"),
        ("fi", "! 0: unexpected `fi`"),
        ("a && \n ; b", "! 7: unexpected `;`"),
        ("if a; fi", "! 6: unexpected `fi`"),
        ("for 1 in a; do b; done", "! 4: unexpected `1`"),
        ("a >\n", "! 3: unexpected end of line"),
        ("a >", "! 3: unexpected end of line"),
        ("a > | b", "! 4: unexpected `|`"),
        ("()", "! 1: unexpected `)`"),
    ],
)
def test_parser_names_the_place(unit: Any, source: str, problem: str) -> None:
    assert unit.call("parse", source) == problem


@pytest.mark.parametrize(
    "source",
    [
        "(" * 100000,
        "{ " * 100000,
        "if " * 50000,
        "a;" * 50000,
        "a|" * 50000 + "a",
        "a " * 50000,
        "$(" * 1000,
        "! " * 50000,
        "a&&" * 50000 + "a",
        "a>" * 9000,
        "x" * 1000000,
        "echo " + "'" * 10001,
    ],
)
def test_parser_bounds_what_it_takes(unit: Any, source: str) -> None:
    unit.call("parse", source)


@settings(max_examples=400)
@given(
    st.one_of(
        st.text("ab '\"\\$(){};|&<>!#\n=12", max_size=60),
        st.binary(max_size=60),
        st.lists(
            st.sampled_from(
                [
                    "if",
                    "then",
                    "else",
                    "fi",
                    "while",
                    "do",
                    "done",
                    "for",
                    "x",
                    "in",
                    ";",
                    "\n",
                    "|",
                    "&&",
                    "(",
                    ")",
                    "{",
                    "}",
                    "!",
                    "a=1",
                    "2>&1",
                    "<",
                    "&",
                ]
            ),
            max_size=30,
        ).map(" ".join),
    )
)
def test_parser_answers_anything(unit: Any, source: str | bytes) -> None:
    unit.call("parse", source)


# -- the line editor --------------------------------------------------------------------------------------------------
class Terminal:
    """As much of a terminal as the editor uses: one screen of characters, a cursor."""

    def __init__(self, width: int) -> None:
        self.width, self.lines, self.row, self.column = width, [""], 0, 0

    def show(self, data: str) -> None:
        for sequence, count, letter, char in re.findall(r"(\x1b\[(\d*)([A-Z]))|((?s:.))", data):
            if sequence:
                self.control(letter, int(count or 1))
            elif char == "\r":
                self.column = 0
            elif char == "\n":
                self.row, self.column = self.row + 1, 0
                self.lines.append("")
            elif char >= " ":
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + char + line[self.column + 1 :]
                self.column += 1
                assert self.column <= self.width, "the line runs over the edge of the screen"

    def control(self, letter: str, count: int) -> None:
        if letter == "G":
            self.column = count - 1
        elif letter == "K":
            self.lines[self.row] = self.lines[self.row][: self.column]
        elif letter == "J":
            self.lines, self.row, self.column = [""], 0, 0
        else:
            assert letter == "H", letter


def typed(unit: Any, keys: str, width: int = 80) -> tuple[str, str, Terminal]:
    """(what was done last, the line, the terminal) after typing `keys` at a fresh prompt."""
    unit.call("edit_begin", width)
    done = unit.call("edit", keys)
    terminal = Terminal(width)
    terminal.show(unit.call("edit_screen"))
    return done, unit.call("edit_line"), terminal


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("abc", "abc"),
        ("abx\x7fc", "abc"),
        ("ac\x1b[Db", "abc"),
        ("bc\x01a", "abc"),
        ("bc\x1b[Ha\x1b[Fd", "abcd"),
        ("bc\x1b[1~a\x1b[4~d", "abcd"),
        ("abc\x01\x04", "bc"),
        ("abc\x1b[D\x1b[D\x1b[3~", "ac"),
        ("one two\x17three", "one three"),
        ("one two\x15x", "x"),
        ("one two\x01\x06\x06\x06\x0b", "one"),
        ("a\x02b", "ba"),
        ("äö\x7f", "ä"),
        ("äö\x1b[Dx", "äxö"),
        ("a\x1b[1;5Cb", "ab"),
        ("a\x00\x1fb", "ab"),
    ],
)
def test_editor_keys(unit: Any, keys: str, line: str) -> None:
    _, found, terminal = typed(unit, keys)
    assert found == line
    assert terminal.lines[0] == "$ " + line


@pytest.mark.parametrize(
    ("keys", "done"), [("abc\r", "LINE"), ("abc\n", "LINE"), ("\x04", "END"), ("abc\x03", "INTERRUPT"), ("ab\t", "COMPLETE")]
)
def test_editor_actions(unit: Any, keys: str, done: str) -> None:
    assert typed(unit, keys)[0] == done


def test_editor_history(unit: Any) -> None:
    for line in ("first one\r", "second two\r", "second two\r", "third three\r"):
        typed(unit, line)
    assert typed(unit, "new\x1b[A")[1] == "third three"
    assert typed(unit, "new\x1b[A\x1b[A")[1] == "second two"
    assert typed(unit, "new\x10\x10\x10")[1] == "first one"
    assert typed(unit, "new\x1b[A\x1b[A\x1b[B\x1b[B")[1] == "new"
    assert typed(unit, "\x12two")[2].lines[0] == "(search 'two') second two"
    assert typed(unit, "\x12o\x12\r")[0:2] == ("LINE", "first one")
    assert typed(unit, "\x12thr\x05!")[1] == "third three!"
    assert typed(unit, "x\x12two\x07y")[1] == "xy"


def test_editor_shows_a_command_of_several_lines_on_one(unit: Any) -> None:
    unit.call("remember", "for x in 1\ndo a\ndone")
    assert typed(unit, "\x1b[A")[1:2] == ("for x in 1\ndo a\ndone",)
    assert typed(unit, "\x1b[A")[2].lines == ["$ for x in 1⏎do a⏎done"]


def test_editor_scrolls_long_lines(unit: Any) -> None:
    _, line, terminal = typed(unit, "abcdefghij" * 10, 40)
    assert line == "abcdefghij" * 10
    assert terminal.lines[0].endswith("j") and len(terminal.lines[0]) < 40
    assert typed(unit, "abcdefghij" * 10 + "\x01X", 40)[2].lines[0].startswith("$ Xabc")
    assert len(typed(unit, "x" * 5000, 40)[1]) == 4096


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "b",
                " ",
                "ö",
                "\x01",
                "\x02",
                "\x05",
                "\x06",
                "\x7f",
                "\x0b",
                "\x15",
                "\x17",
                "\x1b[A",
                "\x1b[B",
                "\x1b[C",
                "\x1b[D",
                "\x1b[3~",
                "\x0c",
                "\x1b[99;99Z",
            ]
        ),
        max_size=80,
    ),
    st.sampled_from([30, 80]),
)
def test_screen_shows_the_line(unit: Any, keys: list[str], width: int) -> None:
    _, line, terminal = typed(unit, "x" + "".join(keys), width)
    room = width - 3
    if len(line) <= room:
        assert terminal.lines[terminal.row].ljust(2) == "$ " + line.replace("\n", "⏎")
        assert terminal.column == 2 + len(line.encode()[: unit.call("edit_cursor")].decode())


@given(st.binary(max_size=200))
def test_editor_answers_any_bytes(unit: Any, keys: bytes) -> None:
    unit.call("edit_begin", 80)
    unit.call("edit", keys)


# -- small things -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("/a/b/../c", "/a/c"),
        ("/", "/"),
        ("//a//b/", "/a/b"),
        ("/../..", "/"),
        ("a/..", "."),
        ("a/../..", ".."),
        ("../../x", "../../x"),
        ("./a/.", "a"),
        ("", "."),
        ("/a/..", "/"),
        ("#proc//1/./status", "#proc/1/status"),
        ("#proc/1/../..", "#proc"),
    ],
)
def test_clean_path(unit: Any, path: str, cleaned: str) -> None:
    assert unit.call("clean_path", path) == cleaned


@pytest.mark.parametrize(
    ("path", "base", "folder"), [("/a/b", "b", "/a"), ("a", "a", "."), ("/a", "a", "/"), ("/", "/", "/"), ("a/b/", "b", "a")]
)
def test_base_and_folder(unit: Any, path: str, base: str, folder: str) -> None:
    assert unit.call("base", path) == base
    if path != "/":
        assert unit.call("folder", path) == folder


@given(st.dates(min_value=datetime.date(1970, 1, 1), max_value=datetime.date(2500, 1, 1)))
def test_calendar_is_pythons(unit: Any, date: Any) -> None:
    days = date.toordinal() - 719163
    assert unit.call("day", days * 86400 * 10**9 + 5) == (date.year, date.month, date.day, date.isoweekday() % 7)


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        ("2", 2 * 10**9),
        ("0.25", 250_000_000),
        (".5", 500_000_000),
        ("many", None),
        ("", None),
        (".", None),
        ("1.2.3", None),
        ("-1", None),
        ("1e3", None),
        ("99999999999999999999", None),
    ],
)
def test_duration(unit: Any, value: str, ns: int | None) -> None:
    assert unit.call("duration", value) == ns


@given(st.binary(max_size=6), st.binary(max_size=6), st.binary(max_size=6))
def test_sort(unit: Any, a: bytes, b: bytes, c: bytes) -> None:
    assert unit.call("sort_three", a, b, c)
