# SPDX-License-Identifier: GPL-2.0-or-later
"""The object cache: files named by the hash of everything that went into them.

A name that exists is complete and right: entries are written under another name and renamed into place, so concurrent
builds and interrupted ones cannot leave a half-written object. Nothing is ever invalidated, only pruned by age.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

LIMIT_BYTES = 1 << 30


def digest(*parts: str | bytes) -> str:
    """A hash of the parts and of where each ends."""
    h = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        h.update(len(raw).to_bytes(8, "little"))
        h.update(raw)
    return h.hexdigest()


class Cache:
    """Content-addressed files under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str, suffix: str = ".o") -> Path:
        return self.root / key[:2] / (key[2:] + suffix)

    def find(self, key: str, suffix: str = ".o") -> Path | None:
        """The entry's file, marked as used now; None if there is none."""
        path = self.path(key, suffix)
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    def put(self, key: str, data: bytes, suffix: str = ".o") -> Path:
        path = self.path(key, suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
        return path

    def prune(self, limit: int = LIMIT_BYTES) -> int:
        """Drop the entries that were used longest ago until the rest fits; returns how many went."""
        entries = []
        for path in self.root.glob("??/*"):
            try:
                stat = path.stat()
            except OSError:
                continue
            entries.append((stat.st_mtime_ns, stat.st_size, path))
        total, dropped = sum(e[1] for e in entries), 0
        for _, size, path in sorted(entries):
            if total <= limit:
                break
            path.unlink(missing_ok=True)
            total, dropped = total - size, dropped + 1
        return dropped


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)


def write_if_changed(path: Path, data: bytes) -> bool:
    """Write only a new content, so that time stamps tell of real changes; says whether it did."""
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data)
    return True
