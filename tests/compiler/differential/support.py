# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs generated sources: compiled, in a child process, and as CPython with `lang` sees them, in this one."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

REPO = Path(__file__).resolve().parents[3]
EXAMPLES = int(os.environ.get("PYKAROS_EXAMPLES", "6"))  # programs per property; more for a long night
SHRINK = os.environ.get("PYKAROS_SHRINK", "0") != "0"  # each step compiles a program: minutes, for whoever looks into a failure
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES <= 6,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if SHRINK else [])],
)
HEAD = "# SPDX-License-Identifier: GPL-2.0-or-later\n"


def compiled_run(source, release=False):
    """(status, stdout, stderr) of the compiled program."""
    return _run([sys.executable, "-m", "compiler", "run", *(["--release"] if release else [])], source)


def cpython_run(source):
    return _run([sys.executable], source)


def _run(command, source):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        path.write_text(source, encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(REPO)}
        done = subprocess.run([*command, str(path)], cwd=REPO, capture_output=True, timeout=120, env=environment)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def assert_lines(source, expected, got):
    """Compare outputs line by line; a difference shows the function that made the line."""
    status, out, err = got
    assert status == 0, f"status {status}\n{err}\n{source}"
    lines = out.splitlines()
    for i, line in enumerate(expected):
        have = lines[i] if i < len(lines) else "<nothing>"
        assert have == line, f"line {i}: compiled prints {have!r}, CPython {line!r}\n{source}"
    assert len(lines) == len(expected)
