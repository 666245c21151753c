# SPDX-License-Identifier: GPL-2.0-or-later
"""make format: every Python source by ruff; in sources of the language comments behind code then stand in one column."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import tokenize
from pathlib import Path

from scripts.qemu import ROOT

LANGUAGE = ("kern", "user", "arch")  # folders of the language
COLUMN = 44  # where a comment behind code begins, if the code leaves room


def run(paths: list[Path], check: bool) -> int:
    """Formats `paths`, or all sources; with `check` only names those that would change. The status to exit with."""
    wrong = {path: text for path, text in formatted(paths or sources()).items() if text != path.read_text(encoding="utf-8")}
    for path, text in sorted(wrong.items()):
        print(f"{path.relative_to(ROOT)} {'is not formatted' if check else 'formatted'}")
        if not check:
            path.write_text(text, encoding="utf-8")
    if wrong and check:
        print(f"{len(wrong)} files; `make format` formats them")
    return int(check and bool(wrong))


def sources() -> list[Path]:
    """Every Python file that git knows, but for those of the golden tests, whose lines are quoted."""
    listed = subprocess.run(["git", "ls-files", "-z", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and not name.startswith("tests/compiler/golden/")]


def formatted(paths: list[Path]) -> dict[Path, str]:
    """Each file's text as it should be. What is no Python ruff says, and it stays as it is."""
    with tempfile.TemporaryDirectory(prefix="pykaros-format-") as name:
        folder = Path(name)
        copies = {path: folder / path.relative_to(ROOT) for path in paths}
        for path, copy in copies.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        shutil.copyfile(ROOT / "pyproject.toml", folder / "pyproject.toml")
        subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", "."], cwd=folder, check=False)
        texts = {path: copy.read_text(encoding="utf-8") for path, copy in copies.items()}
    return {p: aligned(t) if p.relative_to(ROOT).parts[0] in LANGUAGE else t for p, t in texts.items()}


def aligned(text: str) -> str:
    """Comments behind code moved to their column, or two spaces behind code that reaches further."""
    lines = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        row, start = token.start
        code = lines[row - 1][:start].rstrip()
        if token.type == tokenize.COMMENT and code:
            lines[row - 1] = f"{code:<{COLUMN - 2}}  {token.string}"
    return "\n".join(lines)
