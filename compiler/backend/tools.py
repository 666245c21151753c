# SPDX-License-Identifier: GPL-2.0-or-later
"""The assembler and the linker: clang and ld.lld inside the ziglang wheel, called directly.

The wheel's binary is found by its package folder, without importing it: `python -m ziglang` would start an interpreter more.
"""

from __future__ import annotations

import functools
import importlib.util
import subprocess
from pathlib import Path


class ToolError(Exception):
    """An assembler or linker refused; the text is what it said, for the user."""


@functools.cache
def zig() -> Path:
    spec = importlib.util.find_spec("ziglang")
    if spec is None or not spec.submodule_search_locations:
        raise ToolError("the package `ziglang` (assembler and linker) is not installed in this environment")
    path = Path(spec.submodule_search_locations[0]) / "zig"
    if not path.is_file():
        raise ToolError(f"the package `ziglang` has no binary at {path}")
    return path


@functools.cache
def version() -> str:
    """Changes whenever the wheel is replaced; part of the keys of what it makes."""
    from importlib.metadata import version as installed

    return "ziglang " + installed("ziglang")


def run(tool: str, arguments: list[str], cwd: Path | None = None) -> str:
    """Run a tool of the wheel, and give what it printed; raises ToolError with its own words."""
    done = subprocess.run([str(zig()), tool, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise ToolError(said or f"{tool} ended with status {done.returncode}")
    return done.stdout
