# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux as the opponent: Debian's kernel as it comes, and a program of tests/bench/linux/, static, as its first process.

The kernel is tuned as one would for speed: the cycle counter is trusted, mitigations are off, and `rep movsb`, which the emulator runs
byte by byte, is hidden from it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from compiler.backend import cpio
from scripts.bench.measure import RESULTS, Wrong
from scripts.qemu import ROOT

SOURCES = ROOT / "tests" / "bench" / "linux"
OPTIONS = "console=ttyS0 tsc=reliable mitigations=off nokaslr quiet panic=-1"


@dataclass(frozen=True)
class Guest:
    kernel: Path
    initrd: Path

    @property
    def version(self) -> str:
        return self.kernel.name.removeprefix("vmlinuz-")


def make_guest() -> Guest:
    """Fetches the kernel, unless it is there, and builds the programs. Raises Wrong."""
    folder = RESULTS / "linux"
    _run("Debian's kernel, to compare with, cannot be had", ["scripts/setup.sh", "linux", str(folder)])
    kernels = sorted((folder / "boot").glob("vmlinuz-*"))
    if not kernels:
        raise Wrong(f"there is no kernel in {folder}/boot; remove {folder} to fetch it again")
    files = {}
    for source in sorted(SOURCES.glob("*.c")):
        files[source.stem] = program = folder / source.stem
        words = ["gcc", "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-I", str(SOURCES), "-o", str(program), str(source), "-lpthread"]
        _run(f"gcc does not build {source.name}", words)
    initrd = folder / "init.cpio"
    initrd.write_bytes(cpio.archive({**files, "true": files["costs"]}))
    return Guest(kernels[-1], initrd)


def _run(trouble: str, command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Wrong(f"{trouble}: {(done.stderr or done.stdout).strip()}")
