# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that look at sources or at what was built, and change nothing: `check`, `dump` and `where`."""

from __future__ import annotations

from pathlib import Path

from compiler.driver import REPO, BuildFailed


def world_of(path: Path) -> str:
    """Which world a file belongs to, by the folder that it stands in."""
    try:
        parts = path.resolve().relative_to(REPO).parts
    except ValueError:
        return "hosted"
    if parts[0] == "arch":
        return "user" if parts[-1].startswith("user_") else "kernel"
    return {"kern": "kernel", "user": "user"}.get(parts[0], "hosted")


def check_files(files: list[Path], world: str | None, arch: str, checked: bool) -> list[str]:
    """The rendered errors: of a whole world, or of the given files. Each world is analysed once."""
    from compiler.frontend import analyse
    from compiler.syntax.loader import World

    errors: list[str] = []
    if world:
        errors += [e.render() for e in analyse(World(kind=world, arch=arch, checked=checked)).errors]
    by_world: dict[str, set[Path]] = {}
    for path in files:
        by_world.setdefault(world_of(path), set()).add(path.resolve())
    for kind, wanted in by_world.items():
        if kind == "hosted":
            for path in sorted(wanted):
                errors += [e.render() for e in analyse(World(kind=kind, arch=arch, checked=checked, roots=[path])).errors]
            continue
        for e in analyse(World(kind=kind, arch=arch, checked=checked)).errors:
            if e.span is None or e.span.source.path in wanted:
                errors.append(e.render())
    return list(dict.fromkeys(errors))


def dump(file: Path, stage: str, arch: str, checked: bool) -> str:
    """The IR of a file's module, or what LLVM makes of it. Raises BuildFailed after printing the errors of its world."""
    import sys

    from compiler.frontend import analyse, lower
    from compiler.syntax.loader import World

    kind = world_of(file)
    program = analyse(World(kind=kind, arch=arch, checked=checked, roots=[file] if kind == "hosted" else []))
    if program.errors:
        for e in program.errors:
            print(e.render() + "\n", file=sys.stderr)
        raise BuildFailed(len(program.errors))
    name = next(m.name for m in program.modules.values() if m.source.path == file.resolve())
    ir = lower(program).get(name, f"; module {name} emits nothing")
    return ir if stage == "ir" else _machine_text(ir, stage, arch, "user" if kind == "hosted" else kind)


def _machine_text(ir: str, stage: str, arch: str, row: str) -> str:
    import llvmlite.binding as llvm

    from compiler.backend.target import create_machine, target_for

    machine = create_machine(target_for(arch, row), 2)
    module = llvm.parse_assembly(ir)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    builder.getModulePassManager().run(module, builder)
    return str(module) if stage == "optimised" else machine.emit_assembly(module)


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
