# SPDX-License-Identifier: GPL-2.0-or-later
"""Each program of this folder prints the same under CPython and compiled, and ends with the same status."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[2]
PROGRAMS = sorted(p.name for p in HERE.glob("*.py") if not p.name.startswith(("test_", "__")))
ARGUMENTS = {"arguments.py": ["1", "2x", "30", "ü"]}


def outcome(command, name, **environment):
    """Status, stdout and stderr of a run of the program."""
    path = str((HERE / name).relative_to(REPO))
    done = subprocess.run(
        [*command, path, *ARGUMENTS.get(name, [])], cwd=REPO, capture_output=True, timeout=240, env={**os.environ, **environment}
    )
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


@pytest.fixture(scope="module")
def by_cpython():
    known = {}

    def run(name):
        if name not in known:
            known[name] = outcome([sys.executable], name)
        return known[name]

    return run


@pytest.mark.parametrize("name", PROGRAMS)
def test_checked_build_does_what_cpython_does(name, by_cpython):
    assert outcome([sys.executable, "-m", "compiler", "run"], name) == by_cpython(name)


@pytest.mark.parametrize("name", [n for n in PROGRAMS if not n.startswith("fails_") or n in ("fails_error.py", "fails_panic.py")])
def test_release_build_does_what_cpython_does(name, by_cpython):
    """Without checks; programs whose point is a failed check are left out."""
    assert outcome([sys.executable, "-m", "compiler", "run", "--release"], name) == by_cpython(name)


def test_standard_error_may_be_a_file(tmp_path):
    """Also for a program that is in no cache: LLVM's own words go there meanwhile."""
    path = tmp_path / "program.py"
    path.write_text(f'from lang import i32\n\n\ndef main() -> i32:\n    print("{tmp_path}")\n    return 0\n')
    with (tmp_path / "errors").open("w") as errors:
        command = [sys.executable, "-m", "compiler", "run", str(path)]
        done = subprocess.run(command, cwd=REPO, stdout=subprocess.PIPE, stderr=errors, timeout=240)
    assert (done.returncode, done.stdout.decode()) == (0, f"{tmp_path}\n")
