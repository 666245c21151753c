# SPDX-License-Identifier: GPL-2.0-or-later
"""`check` and `explain` as a user or an editor calls them."""

import json
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from compiler.__main__ import cli
from compiler.catalogue import entries

REPO = Path(__file__).parents[2]
MIXED = """\
from lang import u32, u64


def f(é: u32, b: u64) -> u64:
    return b + é
"""


@pytest.fixture
def mixed(tmp_path):
    path = tmp_path / "mixed.py"
    path.write_text(MIXED)
    return path


def test_json_counts_lines_and_columns_as_editors_do(mixed):
    done = CliRunner().invoke(cli, ["check", "--json", str(mixed)])
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert said["version"] == 1
    (error,) = said["diagnostics"]
    assert (error["code"], error["severity"], error["file"]) == ("E0302", "error", str(mixed))
    assert error["range"] == {"start": {"line": 5, "column": 12}, "end": {"line": 5, "column": 17}}
    left, right = error["labels"]
    assert (left["text"], right["text"]) == ("this is `u64`", "this is `u32`")
    assert right["range"] == {"start": {"line": 5, "column": 16}, "end": {"line": 5, "column": 17}}


def test_json_of_a_sound_file_is_an_empty_list(tmp_path):
    path = tmp_path / "sound.py"
    path.write_text("def f() -> None: ...\n")
    done = CliRunner().invoke(cli, ["check", "--json", str(path)])
    assert done.exit_code == 0 and json.loads(done.stdout) == {"version": 1, "diagnostics": []}


def test_every_error_is_shown_in_order_with_a_way_to_learn_more(tmp_path):
    path = tmp_path / "many.py"
    path.write_text("".join(f"def f{n}() -> None:\n    x{n}\n" for n in range(12)))
    done = CliRunner().invoke(cli, ["check", str(path)])
    assert re.findall(r"`x(\d+)` is not defined", done.stderr) == [str(n) for n in range(12)]
    assert "`python -m compiler explain E0201` says more" in done.stderr and "12 errors" in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("spelling", ["E0302", "e302", "302"])
def test_explain_shows_an_entry(spelling):
    done = CliRunner().invoke(cli, ["explain", spelling])
    assert done.exit_code == 0 and done.stdout.startswith(f"# E0302: {entries()['E0302'].title}")


def test_explain_alone_lists_every_code():
    done = CliRunner().invoke(cli, ["explain"])
    assert re.findall(r"^- (E\d{4}) ", done.stdout, re.MULTILINE) == list(entries())


def test_explain_answers_what_is_unknown():
    done = CliRunner().invoke(cli, ["explain", "E0399"])
    assert done.exit_code == 2 and re.search(r"there is no E0399; did you mean E03\d\d", done.stderr)
    assert "no error is about `zebra`" in CliRunner().invoke(cli, ["explain", "zebra"]).stderr


def test_explain_finds_by_word():
    assert "- E0201 " in CliRunner().invoke(cli, ["explain", "name"]).stdout


def test_watch_checks_again_at_a_change_and_ends_at_ctrl_c(mixed):
    command = [sys.executable, "-m", "compiler", "check", "--watch", str(mixed)]

    # A test run in the background may have been started with the signal ignored, and what it starts would inherit that.
    def heed_interrupts() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    watcher = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
    deadline = threading.Timer(240, watcher.kill)
    deadline.start()
    try:
        until(watcher, "1 error (")
        mixed.write_text(MIXED.replace("b + é", "b + u64(é)"))
        until(watcher, "no errors (")
        mixed.write_text("def f(:\n")
        until(watcher, "1 error (")
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait() == 0
    finally:
        deadline.cancel()
        watcher.kill()
        watcher.stdout.close()


def until(watcher, text):
    for line in watcher.stdout:
        if text in line:
            return
    raise AssertionError(f"the watcher ended before it said {text!r}")
