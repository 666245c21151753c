# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m compiler check --watch`: check, wait until a source changes, check again.

Changes are found by looking at the times of all files that can matter, a few times a second: a few hundred `stat` calls, on
any file system. A change during a check is seen after it, since the times are those from before.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from compiler import checking
from compiler.driver import REPO
from compiler.report import count, paint_for

INTERVAL = 0.2  # seconds between looks
CLEAR = "\x1b[2J\x1b[H"  # ECMA-48: erase the page, cursor home


def watch_files(files: list[Path], world: str | None, arch: str, checked: bool) -> int:
    """Runs until Ctrl-C; then the status is 0."""
    folders = watched_folders(files, world)
    try:
        while True:
            seen = times(folders, files)
            _check_once(files, world, arch, checked, len(seen))
            while times(folders, files) == seen:
                time.sleep(INTERVAL)
    except KeyboardInterrupt:
        print()
        return 0


def watched_folders(files: list[Path], world: str | None) -> list[Path]:
    """Where the sources of these worlds stand. A hosted program's are the files of its folder."""
    kinds = {checking.world_of(f) for f in files} | ({world} if world else set())
    folders = {REPO / "compiler" / "runtime"}
    if kinds & {"kernel", "user"}:
        folders |= {REPO / "kern", REPO / "arch", REPO / "user"}
    return sorted(folders | {f.resolve().parent for f in files if checking.world_of(f) == "hosted"})


def times(folders: list[Path], files: list[Path]) -> dict[Path, int]:
    """When each source last changed, in nanoseconds. A file that is just being replaced is missing."""
    found: dict[Path, int] = {}
    everything = REPO / "kern" in folders
    for folder in folders:
        for path in [*(folder.rglob("*.py") if everything and REPO in folder.parents else folder.glob("*.py")), *files]:
            try:
                found[path] = path.stat().st_mtime_ns
            except OSError:
                continue
    return found


def _check_once(files: list[Path], world: str | None, arch: str, checked: bool, watched: int) -> None:
    start = time.monotonic()
    try:
        errors = checking.check_files(files, world, arch, checked)
        text, summary = checking.as_text(errors, paint_for(sys.stdout)), count(len(errors), "error") if errors else "no errors"
    except Exception as problem:  # noqa: BLE001  the next change may do better; `check` alone writes the log
        text, summary = "", f"the compiler failed ({type(problem).__name__}: {problem}); `check` without --watch writes the details"
    if sys.stdout.isatty():
        print(CLEAR, end="")
    if text:
        print(text + "\n")
    seconds = time.monotonic() - start
    print(f"{time.strftime('%H:%M:%S')}  {summary} ({seconds:.1f} s); watching {count(watched, 'file')}, Ctrl-C ends", flush=True)
