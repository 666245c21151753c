# SPDX-License-Identifier: GPL-2.0-or-later
"""Every diagnostic by its whole text: sentence, source line, caret, hint.

`golden/NAME.py` is checked; what is printed stands in `golden/NAME.txt`. `UPDATE_GOLDEN=1` writes the latter anew: read the
difference before you commit it.
"""

import os
from pathlib import Path

import pytest

from compiler.frontend import World, analyse

GOLDEN = Path(__file__).parent / "golden"


def diagnostics(path: Path) -> str:
    """All that a check of this file reports about the file itself."""
    program = analyse(World("hosted", roots=[path], repo=Path(__file__).parents[2]))
    shown = [e.render() for e in program.errors]
    return "\n".join(shown).replace(str(path.parent) + "/", "").replace("tests/compiler/golden/", "") + "\n"


@pytest.mark.parametrize("name", sorted(p.stem for p in GOLDEN.glob("*.py")))
def test_diagnostics_are_the_golden_ones(name):
    said = diagnostics(GOLDEN / f"{name}.py")
    expected = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(said)
    assert said == expected.read_text()


def test_three_mistakes_are_three_errors():
    assert diagnostics(GOLDEN / "three_mistakes.py").count("error[") == 3
