# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the Cython module of the threaded harness on first use, into build/host/, with the pinned compiler: no C compiler of the system is
needed, only Python's own headers.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType

from compiler.driver import REPO

SOURCE = Path(__file__).parent / "threads.pyx"


class NativeError(Exception):
    """The module cannot be built; the text says why, and what to do."""


def threads_module() -> ModuleType:
    """The module of threads.pyx, built if it is not there yet."""
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    key = hashlib.sha256(SOURCE.read_bytes() + sys.version.encode()).hexdigest()[:16]
    library = REPO / "build" / "host" / f"threads-{key}" / f"threads{suffix}"
    if not library.exists():
        _build(library)
    loader = importlib.machinery.ExtensionFileLoader("threads", str(library))
    spec = importlib.util.spec_from_file_location("threads", library, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def _build(library: Path) -> None:
    include = Path(sysconfig.get_paths()["include"])
    if not (include / "Python.h").is_file():
        raise NativeError(f"there is no {include}/Python.h; `scripts/setup.sh headers` installs Debian's libpython3-dev")
    library.parent.mkdir(parents=True, exist_ok=True)
    # Test processes side by side may all find it missing: each builds in a folder of its own, and what is put in place is whole.
    with tempfile.TemporaryDirectory(dir=library.parent) as own:
        c_file, made = Path(own, "threads.c"), Path(own, library.name)
        _run([sys.executable, "-m", "cython", "-3", str(SOURCE), "-o", str(c_file)])
        _run(
            [
                sys.executable,
                "-m",
                "ziglang",
                "cc",
                "-O2",
                "-shared",
                "-fPIC",
                "-pthread",
                "-Wno-unused-function",
                f"-I{include}",
                str(c_file),
                "-o",
                str(made),
            ]
        )
        made.replace(library)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise NativeError(f"{' '.join(command[1:4])} failed:\n{done.stderr}")
