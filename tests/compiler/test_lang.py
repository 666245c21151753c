# SPDX-License-Identifier: GPL-2.0-or-later
"""`lang` under CPython refuses what the compiler refuses at compile time, and checks what a checked build checks."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import lang
import pytest
from lang.convert import to

MIXES = [
    lambda: lang.u8(1) + lang.u16(1),
    lambda: lang.i32(1) < lang.i32(2) and lang.u64(1) - lang.i64(1),
    lambda: lang.u8(1) & lang.i8(1),
    lambda: lang.u8(1) + 256,
    lambda: lang.u32(3) / 2,
    lambda: lang.Paddr(4096) + lang.Kaddr(1),
    lambda: lang.Paddr(4096) + lang.Paddr(1),
    lambda: to(lang.u16, lang.u8(3)),
    lambda: to(lang.u8, 300),
    lambda: lang.u8(1) + True,
]


@pytest.mark.parametrize("mix", MIXES)
def test_widths_do_not_mix(mix):
    with pytest.raises(TypeError):
        mix()


def test_results_keep_their_type_and_wrap():
    assert (lang.u8(255) + 1, type(lang.u8(255) + 1)) == (0, lang.u8)
    assert (1 - lang.u16(2), type(1 - lang.u16(2))) == (65535, lang.u16)
    assert lang.wrap(lang.i8, 200) == -56
    assert lang.u64("17") * 2 == 34
    assert type(lang.Paddr(8192) - lang.Paddr(4096)) is lang.u64
    assert f"{lang.u32(255):#06x}" == "0x00ff"


def test_signed_results_wrap_without_checks():
    code = "import lang; print(lang.i8(127) + 1, lang.u8(300))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYKAROS_CHECKED": "0"})
    assert done.stdout == "-128 44\n"


def test_a_program_runs_though_its_neighbours_have_names_of_the_standard_library(tmp_path):
    """As those in user/apps do."""
    for name in ("random", "tempfile", "time", "stat", "ast"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the wrong one')\n", encoding="utf-8")
    (tmp_path / "neighbour.py").write_text("VALUE = 7\n", encoding="utf-8")
    program = tmp_path / "squares.py"
    program.write_text(
        "import sys\nfrom lang import i32, u64\nfrom neighbour import VALUE\n\n\n"
        "def main() -> i32:\n    print(u64(sys.argv[1]) * VALUE)\n    return 0\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(program), "3"], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("21\n", "", 0)


def test_the_first_program_of_readme_prints_what_it_says(tmp_path):
    """In CPython and compiled; as a program of the image it is one like all others."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    text, rest = readme.partition("Write `user/apps/squares.py`:\n")[2].split("\nand run it:\n")
    printed = textwrap.dedent(rest.partition('CMD="squares 4"\n')[2].partition("\nIt is")[0])
    program = tmp_path / "squares.py"
    program.write_text(textwrap.dedent(text), encoding="utf-8")
    for words in ([str(program)], ["-m", "compiler", "run", str(program)]):
        done = subprocess.run([sys.executable, *words, "4"], capture_output=True, text=True, check=False)
        assert textwrap.dedent(done.stdout).strip("\n") == printed.strip("\n") and done.stderr == "" and done.returncode == 0
        refused = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
        assert refused.stdout == "" and refused.stderr.startswith("usage: ") and refused.returncode == 2


def test_texts_are_cut_at_whole_characters():
    line = lang.text(5)
    line.write("abcdé")
    assert (line.view, line.truncated) == ("abcd", True)
    line.append("x")
    assert line.view == "abcd"
    line.pop(1)
    line.append("é")
    assert (line.view, len(line)) == ("abcé", 5)


def test_enums_of_other_programs_stay_as_they_are():
    import signal
    import socket

    assert f"{signal.SIGTERM}" == "15"
    assert "AF_INET" in repr(socket.AF_INET)
    assert f"{lang.Errno.ENOENT} {lang.Errno.ENOENT:d} {lang.Errno.ENOENT + 1}" == "ENOENT 2 3"
