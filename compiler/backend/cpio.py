# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes cpio archives in the "newc" format: the root file system that the kernel image carries.

Deterministic: entries in name order, no time stamps, owner 0, inode numbers by position.
"""

from __future__ import annotations

from pathlib import Path

_DIRECTORY, _FILE = 0o040755, 0o100000


def archive(files: dict[str, Path]) -> bytes:
    """An archive of `files` (name in the archive -> file) with the folders that they need.

    A file is executable in the archive if it is on disk.
    """
    folders = {str(p) for name in files for p in Path(name).parents if str(p) != "."}
    out = bytearray()
    for inode, name in enumerate(sorted({*folders, *files}), 1):
        if name in files:
            mode = _FILE | (0o755 if files[name].stat().st_mode & 0o100 else 0o644)
            _entry(out, inode, name, mode, files[name].read_bytes())
        else:
            _entry(out, inode, name, _DIRECTORY, b"")
    _entry(out, 0, "TRAILER!!!", 0, b"")
    out += bytes(-len(out) % 512)
    return bytes(out)


def _entry(out: bytearray, inode: int, name: str, mode: int, data: bytes) -> None:
    raw = name.encode() + b"\0"
    links = 2 if mode == _DIRECTORY else 1
    fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(raw), 0)
    out += b"070701" + b"".join(b"%08X" % f for f in fields) + raw
    out += bytes(-len(out) % 4)
    out += data
    out += bytes(-len(out) % 4)
