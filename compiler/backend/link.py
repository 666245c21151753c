# SPDX-License-Identifier: GPL-2.0-or-later
"""Links objects into the kernel image and into user programs.

Both links drop unreferenced sections. Modules are given as a library: those that nothing refers to are not even opened,
so a program's debug information covers its own code only. User programs are static, at fixed addresses, with separate
read, execute and write segments (user.ld); the kernel's layout is arch/<arch>/link.ld.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from compiler.backend import tools
from compiler.backend.target import Target

USER_SCRIPT = Path(__file__).with_name("user.ld")
# RISC-V's assembler leaves a local label at every jump and address: without them a program's symbols take an eighth of the room.
COMMON = (
    "--nostdlib",
    "-static",
    "--gc-sections",
    "--discard-locals",
    "--build-id=none",
    "-z",
    "max-page-size=4096",
    "-z",
    "noexecstack",
    "-z",
    "norelro",
)


def link_kernel(out: Path, script: Path, target: Target, roots: Iterable[Path], library: Iterable[Path], strip: bool = False) -> None:
    """Raises ToolError with the linker's words: undefined symbols with the place that needs them, overlaps."""
    _link(out, target, ["-T", str(script), "--undefined=symbol_table", *(["--strip-debug"] if strip else [])], roots, library)


def link_user(out: Path, module: str, target: Target, roots: Iterable[Path], library: Iterable[Path], strip: bool = False) -> list[str]:
    """One program: `roots` hold `_start`, which calls `main`, which is the module's exported `main.<module>`. Returns the files that it
    took: while they stay as they are, no change of others can matter, since they define all that they refer to."""
    options = ["-T", str(USER_SCRIPT), "-e", "_start", f"--defsym=main=main.{module}"]
    return _link(out, target, options + (["--strip-debug"] if strip else []), roots, library)


def _link(out: Path, target: Target, options: list[str], roots: Iterable[Path], library: Iterable[Path]) -> list[str]:
    out.parent.mkdir(parents=True, exist_ok=True)
    words = [*target.linker, *COMMON, *options, "--trace", "-o", str(out), *map(str, roots), "--start-lib", *map(str, library), "--end-lib"]
    with tempfile.NamedTemporaryFile("w", suffix=".rsp", prefix="pykaros-link-") as file:
        file.write("\n".join('"' + w.replace("\\", "\\\\").replace('"', '\\"') + '"' for w in words))
        file.flush()
        return tools.run("ld.lld", [f"@{file.name}"]).split("\n")[:-1]
