# SPDX-License-Identifier: GPL-2.0-or-later
"""Assembles `.S` files (with the C preprocessor) into cached objects.

An object's key covers the file, everything it includes by `#include "…"` or `.incbin "…"`, the options and the tool.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from compiler.backend import tools
from compiler.backend.cache import Cache, digest
from compiler.backend.target import Target

_INCLUDE = re.compile(rb'^\s*(?:#\s*include|\.include|\.incbin)\s+"([^"]+)"', re.MULTILINE)


def assemble(path: Path, target: Target, cache: Cache, repo: Path, defines: dict[str, str] | None = None) -> Path:
    """The object of one assembly file. Raises ToolError with the assembler's messages."""
    places = [path.parent, repo]
    options = [f"-D{name}={value}" for name, value in sorted((defines or {}).items())]
    parts = sorted((str(p), p.read_bytes()) for p in closure(path, places))
    shown = _relative(path, repo)
    key = digest("asm", tools.version(), target.key(), shown, *options, *(d for _, d in parts))
    found = cache.find(key)
    if found is not None:
        return found
    out = cache.path(key)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.{path.stem}")
    # The folder map keeps objects the same wherever the repository stands.
    tools.run(
        "clang",
        [
            f"--target={target.triple}",
            *target.assembler,
            "-g",
            f"-fdebug-prefix-map={repo}=.",
            "-x",
            "assembler-with-cpp",
            *options,
            *(f"-I{p}" for p in places),
            "-c",
            shown,
            "-o",
            str(temporary),
        ],
        cwd=repo,
    )
    temporary.replace(out)
    return out


def closure(path: Path, places: list[Path]) -> set[Path]:
    """The file and all it includes, as far as they are found (a missing one is the assembler's to report)."""
    seen: set[Path] = set()
    todo = [path]
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        if current.suffix not in (".S", ".s", ".h", ".inc"):
            continue
        for name in _INCLUDE.findall(current.read_bytes()):
            for place in [current.parent, *places]:
                found = place / name.decode()
                if found.is_file():
                    todo.append(found)
                    break
    return seen


def _relative(path: Path, repo: Path) -> str:
    try:
        return str(path.resolve().relative_to(repo.resolve()))
    except ValueError:
        return str(path.resolve())
