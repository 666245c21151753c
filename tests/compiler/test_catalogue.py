# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue of diagnostics and the call sites name the same codes."""

import ast
from pathlib import Path

from compiler.catalogue import entries
from compiler.diagnostics import CODE

COMPILER = Path(__file__).parents[2] / "compiler"


def codes_in_use():
    """Every code that the compiler's sources name, and where."""
    found = {}
    for path in sorted(COMPILER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.setdefault(node.value, f"{path.relative_to(COMPILER.parent)}:{node.lineno}")
    return found


def test_every_code_in_use_is_in_the_catalogue():
    missing = {code: where for code, where in codes_in_use().items() if code not in entries()}
    assert not missing, f"describe in compiler/catalogue/: {missing}"


def test_every_entry_is_in_use():
    assert not set(entries()) - set(codes_in_use())
