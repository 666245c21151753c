# SPDX-License-Identifier: GPL-2.0-or-later
"""Links objects into the kernel image and into user programs.

Both links drop unreferenced sections. Modules are given as a library: those that nothing refers to are not even opened,
so a program's debug information covers its own code only. User programs are static, at fixed addresses, with separate
read, execute and write segments (user.ld); the kernel's layout is arch/<arch>/link.ld. Dynamic programs, their libraries and the
dynamic linker are position-independent, with the same segments (dynamic.ld).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from compiler.backend import tools
from compiler.backend.dynamic import LINKER_PATH
from compiler.backend.elf import SHF_TLS, Elf
from compiler.backend.target import Target

USER_SCRIPT = Path(__file__).with_name("user.ld")
DYNAMIC_SCRIPT = Path(__file__).with_name("dynamic.ld")
PROGRAM_BASE = 0x400000  # of kern/abi/proc.py: where the kernel puts position-independent programs, so that their symbols are right
# RISC-V's assembler leaves a local label at every jump and address: without them a program's symbols take an eighth of the room.
COMMON = (
    "--nostdlib",
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


# All symbols are bound before the program begins: what binds them later could run where nothing may be waited for.
DYNAMIC = ("-T", str(DYNAMIC_SCRIPT), "--hash-style=gnu", "-z", "now", "-z", "nognustack")


def link_kernel(out: Path, script: Path, target: Target, roots: Iterable[Path], library: Iterable[Path], strip: bool = False) -> None:
    """Raises ToolError with the linker's words: undefined symbols with the place that needs them, overlaps."""
    _link(out, target, ["-static", "-T", str(script), "--undefined=symbol_table", *(["--strip-debug"] if strip else [])], roots, library)


def link_user(out: Path, module: str, target: Target, roots: Iterable[Path], library: Iterable[Path], strip: bool = False) -> list[str]:
    """One program: `roots` hold `_start`, which calls `main`, which is the module's exported `main.<module>`. Returns the files that it
    took: while they stay as they are, no change of others can matter, since they define all that they refer to."""
    options = ["-static", "-T", str(USER_SCRIPT), "-e", "_start", f"--defsym=main=main.{module}"]
    return _link(out, target, options + (["--strip-debug"] if strip else []), roots, library)


def link_dynamic(
    out: Path,
    module: str,
    target: Target,
    roots: Iterable[Path],
    library: Iterable[Path],
    shared: Iterable[Path],
    strip: bool = False,
) -> list[str]:
    """A position-independent program, which needs those of the shared libraries that it refers to. It has whatever these refer to."""
    options = [*DYNAMIC, "-pie", f"--dynamic-linker={LINKER_PATH}", f"--defsym=image_base={PROGRAM_BASE}", "-e", "_start"]
    options += [f"--defsym=main=main.{module}", "--as-needed", *(["--strip-debug"] if strip else [])]
    return _link(out, target, options, [*roots, *shared], library)


def link_library(out: Path, name: str, target: Target, objects: Iterable[Path], strip: bool = False) -> list[str]:
    """A shared library of these modules; what they refer to, whoever uses it has. Raises ToolError if it has thread-local variables:
    a program's threads have room for the program's alone."""
    options = [*DYNAMIC, "-shared", "-Bsymbolic", "--defsym=image_base=0", f"-soname={name}", *(["--strip-debug"] if strip else [])]
    used = _link(out, target, options, objects, [])
    if any(s.flags & SHF_TLS and s.size for s in Elf(out.read_bytes()).sections):
        raise tools.ToolError(f"{name}: a shared library cannot have thread-local variables; the program that uses it can")
    return used


def link_linker(out: Path, target: Target, roots: Iterable[Path], library: Iterable[Path], strip: bool = False) -> list[str]:
    """The dynamic linker: a program that is position-independent and needs no other file. It has a start of its own instead of a main."""
    options = [*DYNAMIC, "-pie", "--no-dynamic-linker", "--defsym=image_base=0", "-e", "linker_start", "--defsym=main=linker_start"]
    options += ["--strip-debug"] if strip else []
    return _link(out, target, options, roots, library)


def _link(out: Path, target: Target, options: list[str], roots: Iterable[Path], library: Iterable[Path]) -> list[str]:
    out.parent.mkdir(parents=True, exist_ok=True)
    words = [*target.linker, *COMMON, *options, "--trace", "-o", str(out), *map(str, roots), "--start-lib", *map(str, library), "--end-lib"]
    with tempfile.NamedTemporaryFile("w", suffix=".rsp", prefix="pykaros-link-") as file:
        file.write("\n".join('"' + w.replace("\\", "\\\\").replace('"', '\\"') + '"' for w in words))
        file.flush()
        return tools.run("ld.lld", [f"@{file.name}"]).split("\n")[:-1]
