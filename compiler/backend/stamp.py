# SPDX-License-Identifier: GPL-2.0-or-later
"""Decides in milliseconds that a build has nothing to do.

A stamp lists every input file with size, time of change and content hash. Files that kept size and time are taken as
unchanged; the others are hashed, so that touching a file or switching branches back and forth costs no rebuild.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from compiler.backend.cache import write_atomically

SUFFIXES = (".py", ".S", ".h", ".inc", ".ld")
Entry = list[Any]  # [size, mtime_ns, sha256]
Stamp = dict[str, Any]  # options, tools, files: path -> Entry


def input_files(repo: Path, arch: str) -> list[str]:
    """Paths, relative to the repository, of all that can change what a build makes."""
    found: list[str] = []
    for folder in ("compiler", "kern", "user", f"arch/{arch}"):
        everything = repo / folder / "root"
        for place, folders, names in os.walk(repo / folder):
            folders[:] = [f for f in folders if f != "__pycache__"]
            whole = Path(place).is_relative_to(everything)
            found += [os.path.relpath(os.path.join(place, n), repo) for n in names if whole or n.endswith(SUFFIXES)]
    return sorted(found)


def tool_state() -> str:
    """Changes with the interpreter, LLVM and the assembler, which are not in the repository."""
    parts = [sys.version]
    for package in ("llvmlite", "ziglang"):
        spec = importlib.util.find_spec(package)
        folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else Path()
        parts.append(f"{package} {(folder / '__init__.py').stat().st_mtime_ns if spec else 0}")
    return " ".join(parts)


def take(repo: Path, arch: str, options: str, old: Stamp | None = None) -> Stamp:
    """The present state. Hashes are carried over from `old` for files whose size and time are the same."""
    known = old["files"] if old else {}
    files: dict[str, Entry] = {}
    for name in input_files(repo, arch):
        try:
            stat = os.stat(repo / name)
            before = known.get(name)
            if before and before[:2] == [stat.st_size, stat.st_mtime_ns]:
                files[name] = before
            else:
                files[name] = [stat.st_size, stat.st_mtime_ns, hashlib.sha256((repo / name).read_bytes()).hexdigest()]
        except FileNotFoundError:
            continue  # removed while we looked
    return {"options": options, "tools": tool_state(), "files": files}


def load(path: Path) -> Stamp | None:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def save(path: Path, stamp: Stamp) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(stamp).encode())


def same(a: Stamp | None, b: Stamp | None) -> bool:
    """Whether two states hold the same contents, whenever they were written."""
    if a is None or b is None or (a["options"], a["tools"]) != (b["options"], b["tools"]):
        return False
    return {n: e[2] for n, e in a["files"].items()} == {n: e[2] for n, e in b["files"].items()}
