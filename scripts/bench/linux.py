# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux as the opponent: Debian's kernel as it comes, and tests/bench/linux/costs.c, static, as its first and only process.

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

SOURCE = ROOT / "tests" / "bench" / "linux" / "costs.c"
OPTIONS = "console=ttyS0 tsc=reliable mitigations=off nokaslr quiet panic=-1"


@dataclass(frozen=True)
class Guest:
    kernel: Path
    initrd: Path

    @property
    def version(self) -> str:
        return self.kernel.name.removeprefix("vmlinuz-")


def guest() -> Guest:
    """Fetches the kernel, unless it is there, and builds the program. Raises Wrong."""
    folder = RESULTS / "linux"
    _run(["scripts/setup.sh", "linux", str(folder)])
    kernels = sorted((folder / "boot").glob("vmlinuz-*"))
    if not kernels:
        raise Wrong(f"there is no kernel in {folder}/boot")
    program = folder / "costs"
    _run(["gcc", "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(SOURCE), "-lpthread"])
    initrd = folder / "init.cpio"
    initrd.write_bytes(cpio.archive({"init": program, "true": program}))
    return Guest(kernels[-1], initrd)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Wrong(f"{' '.join(command[:3])}: {(done.stderr or done.stdout).strip()}")
