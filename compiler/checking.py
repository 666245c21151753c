# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that look at sources or at what was built, and change nothing: `check`, `dump` and `where`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.diagnostics import Diagnostic
from compiler.driver import REPO, BuildFailed
from compiler.report import paint_for
from compiler.snippets import Paint

if TYPE_CHECKING:
    from compiler.types.program import Program


def world_of(path: Path) -> str:
    """Which world a file belongs to, by the folder that it stands in."""
    try:
        parts = path.resolve().relative_to(REPO).parts
    except ValueError:
        return "hosted"
    if parts[0] == "arch":
        return "user" if parts[-1].startswith("user_") else "kernel"
    return {"kern": "kernel", "user": "user"}.get(parts[0], "hosted")


def check_files(files: list[Path], world: str | None, arch: str, checked: bool) -> list[Diagnostic]:
    """The errors of a whole world, or of the given files, in the order of files and lines. Each world is analysed once."""
    from compiler.frontend import analyse
    from compiler.syntax.loader import World

    errors: list[Diagnostic] = []
    if world:
        errors += analyse(World(kind=world, arch=arch, checked=checked)).errors
    by_world: dict[str, set[Path]] = {}
    for path in files:
        by_world.setdefault(world_of(path), set()).add(path.resolve())
    for kind, wanted in by_world.items():
        if kind == "hosted":
            for path in sorted(wanted):
                errors += analyse(World(kind=kind, arch=arch, checked=checked, roots=[path])).errors
            continue
        for e in analyse(World(kind=kind, arch=arch, checked=checked)).errors:
            if e.span is None or e.span.source.path in wanted:
                errors.append(e)
    return [e for _, e in sorted({e.key(): e for e in errors}.items())]


def as_text(errors: list[Diagnostic], paint: Paint) -> str:
    """All errors as a person reads them, and where more is said about them."""
    shown = [e.render(paint) for e in errors]
    codes = dict.fromkeys(e.code for e in errors)
    if codes:
        shown.append(f"`python -m compiler explain {next(iter(codes))}` says more about an error.")
    return "\n\n".join(shown)


def as_json(errors: list[Diagnostic]) -> str:
    """All errors as an editor reads them; docs/diagnostics.md is the schema."""
    return json.dumps({"version": 1, "diagnostics": [e.as_json() for e in errors]}, indent=2, ensure_ascii=False)


def analysed(file: Path, arch: str, checked: bool) -> tuple[Program, str]:
    """The world that a file belongs to, analysed, and its kind. Raises BuildFailed after printing its errors."""
    import sys

    from compiler.frontend import analyse
    from compiler.syntax.loader import World

    kind = world_of(file)
    program = analyse(World(kind=kind, arch=arch, checked=checked, roots=[file.resolve()] if kind == "hosted" else [], runs_on=arch))
    if program.errors:
        for e in program.errors:
            print(e.render(paint_for(sys.stderr)) + "\n", file=sys.stderr)
        raise BuildFailed(len(program.errors))
    return program, kind


def dump(file: Path, stage: str, arch: str, checked: bool) -> str:
    """The IR of a file's module, or what LLVM makes of it. Raises BuildFailed after printing the errors of its world."""
    from compiler.frontend import lower

    program, kind = analysed(file, arch, checked)
    name = next(m.name for m in program.modules.values() if m.source.path == file.resolve())
    ir = lower(program, name).get(name, f"; module {name} emits nothing")
    return ir if stage == "ir" else machine_text(ir, stage, arch, kind)


def machine_text(ir: str, stage: str, arch: str, kind: str) -> str:
    """IR as a build would optimise it: `optimised` IR, or `assembly` with LLVM's remarks on where each instruction comes from."""
    from compiler.backend.codegen import optimised
    from compiler.backend.target import target_for
    from compiler.driver import LEVEL

    machine, module = optimised(ir, target_for(arch, "user" if kind == "hosted" else kind), LEVEL)
    if stage == "optimised":
        return str(module)
    machine.set_asm_verbosity(True)
    return machine.emit_assembly(module)


def places(path: Path, addresses: list[int]) -> str:
    """A line for each address of a linked program: where it is. All but the first are taken as return addresses."""
    from compiler.backend.elf import Elf
    from compiler.backend.symbols import build_table, lookup, read_functions

    table = build_table(read_functions(Elf(path.read_bytes())))
    lines = []
    for number, address in enumerate(addresses):
        found = lookup(table, address - (number > 0))
        lines.append(f"{address:#x} " + (f"{found[0]} at {found[1]}:{found[2]}" if found else "is no code of this program"))
    return "\n".join(lines)
