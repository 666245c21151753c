# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel as boot loaders of boards want it: the bytes of its memory from the lowest address on, without ELF around them.

Where the image begins with a header that a loader knows (on RISC-V the one of `booti`), this is all there is to do.
"""

from __future__ import annotations

import io
from pathlib import Path

from elftools.elf.elffile import ELFFile


def flat_image(kernel: Path) -> bytes:
    """All segments, each at its distance from the lowest physical address. Memory behind the last byte is the kernel's to clear."""
    elf = ELFFile(io.BytesIO(kernel.read_bytes()))
    segments = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD" and s["p_filesz"]]
    start = min(s["p_paddr"] for s in segments)
    out = bytearray(max(s["p_paddr"] + s["p_filesz"] for s in segments) - start)
    for segment in segments:
        offset = segment["p_paddr"] - start
        out[offset : offset + segment["p_filesz"]] = segment.data()
    return bytes(out)
