# SPDX-License-Identifier: GPL-2.0-or-later
"""Who knows one architecture's folder finds everything in the other's: the same files, and the same names for what others use.

That each gives what kern/arch_api.py asks for is tests/test_house.py's.
"""

from __future__ import annotations

import ast
import re
from itertools import combinations
from pathlib import Path

import pytest

ARCH = Path(__file__).parent.parent / "arch"
FOLDERS = sorted(p for p in ARCH.iterdir() if p.is_dir() and not p.name.startswith("_"))
PAIRS = [pytest.param(a, b, id=f"{a.name}-{b.name}") for a, b in combinations(FOLDERS, 2)]
# What the language's modules outside arch/ see of an architecture beside kern/arch_api.py's functions.
SHARED_MODULES = ("abi.py", "user_abi.py", "usercopy.py")


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.suffix in (".py", ".S", ".ld", ".inc"))


def public_names(path: Path) -> dict[str, str]:
    """Functions with their signatures; classes and constants by name."""
    found: dict[str, str] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = f"({ast.unparse(node.args)}) -> {ast.unparse(node.returns) if node.returns else None}"
        elif isinstance(node, ast.ClassDef):
            found[node.name] = "class"
    return found


def functions_for_user_land(folder: Path) -> list[str]:
    """What assembly defines for user/parlib and user/rt."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("user_*.S"))]
    return sorted(name for text in texts for name in re.findall(r"^FUNCTION (\w+)", text, re.MULTILINE))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_same_files(one: Path, other: Path) -> None:
    assert files(one) == files(other)


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("module", SHARED_MODULES)
def test_the_same_names_in_what_others_use(one: Path, other: Path, module: str) -> None:
    assert public_names(one / module) == public_names(other / module)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_same_functions_for_user_land(one: Path, other: Path) -> None:
    """But for what one processor must find out at the start of a program."""
    optional = {"user_find_features", "late_notification"}
    assert set(functions_for_user_land(one)) - optional == set(functions_for_user_land(other)) - optional
