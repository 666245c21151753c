# SPDX-License-Identifier: GPL-2.0-or-later
"""From objects to the bootable image: user programs, the staged root file system, the archive, the two kernel links.

Whatever would come out as before is not made again: each link remembers the hash of its inputs beside its output.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from compiler.backend import cpio, symbols, tools
from compiler.backend.assemble import assemble
from compiler.backend.cache import Cache, digest, write_if_changed
from compiler.backend.dynamic import LINKER_PATH, libraries, uses_shared
from compiler.backend.elf import Elf
from compiler.backend.link import (
    COMMON,
    DYNAMIC,
    DYNAMIC_SCRIPT,
    USER_SCRIPT,
    link_dynamic,
    link_kernel,
    link_library,
    link_linker,
    link_user,
)
from compiler.backend.target import Target, target_for

PROGRAM_FOLDERS = ("apps", "bench", "utest")
LINKER_ENTRY = "user_linker.S"
_MAIN = re.compile(r"^def main\(", re.MULTILINE)


@dataclass
class Place:
    """Where one build works: the repository, the architecture and its output folder."""

    repo: Path
    arch: str
    checked: bool
    out: Path
    cache: Cache

    @property
    def root(self) -> Path:
        return self.out / "root"

    @property
    def kernel(self) -> Path:
        return self.out / "kernel.elf"

    @property
    def kernel_symbols(self) -> Path:
        """The same image with the debug information that the bootable one leaves out."""
        return self.out / "kernel.debug"

    def defines(self) -> dict[str, str]:
        return {"CHECKED": "1" if self.checked else "0"}


def assembly_files(place: Place, world: str) -> list[Path]:
    """`user_*.S` belongs to programs (but for the dynamic linker's entry), `mem.S` to both, the rest to the kernel."""
    folder = place.repo / "arch" / place.arch
    files = sorted(folder.glob("*.S"))
    if world == "user":
        return [f for f in files if f.name.startswith("user_") and f.name != LINKER_ENTRY or f.name == "mem.S"]
    return [f for f in files if not f.name.startswith("user_")]


def assemble_world(place: Place, world: str) -> list[Path]:
    target = target_for(place.arch, world)
    return [assemble(f, target, place.cache, place.repo, place.defines()) for f in assembly_files(place, world)]


def programs(repo: Path) -> dict[str, str]:
    """Program name -> module, for each file of the program folders that has a `main`."""
    found: dict[str, str] = {}
    for folder in PROGRAM_FOLDERS:
        for path in sorted((repo / "user" / folder).glob("*.py")):
            if not path.stem.startswith("_") and _MAIN.search(path.read_text(encoding="utf-8")):
                found.setdefault(path.stem, f"{folder}.{path.stem}")
    return found


@dataclass
class Linking:
    """What all links of a build have in common."""

    place: Place
    target: Target
    present: set[str]  # every file that may go into one
    told: Callable[[str], None]

    def make(self, path: str, name: str, head: list[str], link: Callable[[Path, bool], list[str]]) -> Path:
        """The file `path` of the archive: `link(out, strip)`, done again only if a file that went into it is another one now. (Objects
        are named by their content.) Made twice: as staged (without debug information) and, beside, in full for gdb."""
        programs = self.place.out / "programs"
        staged, full, mark = self.place.root / path, programs / f"{name}.elf", programs / f"{name}.used"
        if staged.is_file() and full.is_file() and mark.is_file():
            known = mark.read_text().split("\n")
            if known[: len(head)] == head and self.present.issuperset(known[len(head) :]):
                return staged
        self.told(name)
        mark.unlink(missing_ok=True)
        used = link(full, False)
        link(staged, True)
        mark.write_text("\n".join([*head, *used]))
        return staged


def dynamic_programs(repo: Path) -> dict[str, str]:
    """Those that use shared libraries."""
    return {
        n: m for n, m in programs(repo).items() if uses_shared((repo / "user" / f"{m.replace('.', '/')}.py").read_text(encoding="utf-8"))
    }


def build_programs(
    place: Place,
    assembly: list[Path],
    objects: list[Path],
    told: Callable[[str], None],
    independent: Iterable[tuple[str, Path]] = (),
) -> dict[str, Path]:
    """Link every program, and what the dynamic ones need; files by their paths in the archive. `independent`: modules with their
    position-independent objects."""
    twins = dict(independent)
    scripts = digest(*COMMON, *DYNAMIC, tools.version(), USER_SCRIPT.read_bytes(), DYNAMIC_SCRIPT.read_bytes())
    linking = Linking(place, target_for(place.arch, "user"), {str(p) for p in (*assembly, *objects, *twins.values())}, told)
    dynamic = dynamic_programs(place.repo) if twins else {}
    static = {name: module for name, module in programs(place.repo).items() if name not in dynamic}

    def one(item: tuple[str, str]) -> tuple[str, Path]:
        name, module = item

        def link(out: Path, strip: bool) -> list[str]:
            return link_user(out, module, linking.target, assembly, objects, strip)

        return f"bin/{name}", linking.make(f"bin/{name}", name, [scripts, module], link)

    with ThreadPoolExecutor(max_workers=2) as pool:  # the linker is a process of its own: threads only wait
        made = dict(pool.map(one, static.items()))
    if dynamic:
        made |= _build_dynamic(linking, scripts, assembly, twins, dynamic)
    return made


def _build_dynamic(linking: Linking, scripts: str, assembly: list[Path], twins: dict[str, Path], wanted: dict[str, str]) -> dict[str, Path]:
    """The dynamic linker, the shared libraries, and the programs that need them."""
    place, target = linking.place, linking.target
    entry = assemble(place.repo / "arch" / place.arch / LINKER_ENTRY, target, place.cache, place.repo, place.defines())
    linking.present.add(str(entry))
    shared = libraries(place.repo)
    common = [path for module, path in twins.items() if module not in shared.values()]

    def linker(out: Path, strip: bool) -> list[str]:
        return link_linker(out, target, [entry], [*assembly, *common], strip)

    path = LINKER_PATH.lstrip("/")
    made = {path: linking.make(path, "ld.so", [scripts], linker)}
    for name, module in shared.items():

        def library(out: Path, strip: bool, name: str = name, module: str = module) -> list[str]:
            return link_library(out, name, target, [twins[module]], strip)

        made[f"lib/{name}"] = linking.make(f"lib/{name}", name, [scripts, module], library)
    needed = [made[f"lib/{name}"] for name in shared]
    linking.present.update(map(str, needed))
    for name, module in wanted.items():

        def program(out: Path, strip: bool, module: str = module) -> list[str]:
            return link_dynamic(out, module, target, assembly, common, needed, strip)

        head = [scripts, module, *(digest(p.read_bytes()) for p in needed)]
        made[f"bin/{name}"] = linking.make(f"bin/{name}", name, head, program)
    return made


def stage(place: Place, made: dict[str, Path]) -> dict[str, Path]:
    """The files of the archive: programs and libraries, and all of user/root as it stands there."""
    files = dict(made)
    given = place.repo / "user" / "root"
    for path in sorted(given.rglob("*")) if given.is_dir() else []:
        if path.is_file():
            name = str(path.relative_to(given))
            copy = place.root / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if write_if_changed(copy, path.read_bytes()):
                shutil.copymode(path, copy)
            files[name] = copy
    for path in sorted(place.root.rglob("*")):
        if path.is_file() and str(path.relative_to(place.root)) not in files:
            path.unlink()  # of an earlier build
    return files


def _data_object(place: Place, name: str, lines: list[str], file: Path) -> Path:
    """An object that carries a file's bytes. Not cached: copying it is all the work there is."""
    source, out = place.out / f"{name}.S", place.out / f"{name}.o"
    target = target_for(place.arch, "kernel")
    source.write_text("\n".join(line.replace("FILE", f'"{file}"') for line in lines) + "\n")
    tools.run("clang", [f"--target={target.triple}", *target.assembler, "-c", str(source), "-o", str(out)])
    return out


def archive_object(place: Place, files: dict[str, Path]) -> tuple[Path, int]:
    """The archive as an object with the symbols initrd_start and initrd_end; and its size."""
    path = place.out / "initrd.cpio"
    data = cpio.archive(files)
    changed = write_if_changed(path, data)
    out = place.out / "initrd.o"
    if changed or not out.is_file():
        lines = [
            '.section .rodata.initrd,"a"',
            ".balign 4096",
            ".globl initrd_start, initrd_end",
            "initrd_start: .incbin FILE",
            "initrd_end:",
        ]
        out = _data_object(place, "initrd", lines, path)
    return out, len(data)


def _symbols_object(place: Place, table: bytes) -> Path:
    path = place.out / "symbols.bin"
    path.write_bytes(table)
    return _data_object(
        place, "symbols", ['.section .symbols,"a"', ".balign 16", ".globl symbol_table", "symbol_table: .incbin FILE"], path
    )


def build_kernel(place: Place, assembly: list[Path], objects: list[Path], archive: Path) -> None:
    """Link, read functions and lines, link again with the table; the second link must not move anything. Nothing is done if all
    that goes in is as it was.

    So the first link, whose table is empty, has every address right: it stays as the debugger's view of the second.
    """
    target = target_for(place.arch, "kernel")
    script = place.repo / "arch" / place.arch / "link.ld"
    if not script.is_file():
        raise tools.ToolError(f"there is no linker script {script.relative_to(place.repo)}")
    mark = place.out / "kernel.used"
    inputs = [*map(str, assembly), *map(str, objects)]
    key = digest(*COMMON, tools.version(), str(symbols.VERSION), script.read_bytes(), archive.read_bytes(), *inputs)
    if place.kernel.is_file() and place.kernel_symbols.is_file() and mark.is_file() and mark.read_text() == key:
        return
    mark.unlink(missing_ok=True)
    first = place.out / "kernel.first"
    roots = [*assembly, archive]
    link_kernel(first, script, target, [*roots, _symbols_object(place, symbols.build_table([]))], objects)
    elf = Elf(first.read_bytes())
    table = symbols.build_table(symbols.read_functions(elf))
    second = place.out / "kernel.second"
    link_kernel(second, script, target, [*roots, _symbols_object(place, table)], objects, strip=True)
    moved = symbols.check_unmoved(elf, Elf(second.read_bytes()))
    if moved:
        which = f"{moved[0]} and {len(moved) - 1} more"
        raise tools.ToolError(f"the symbol table moved code ({which}): .symbols must be the last section of {script.name}")
    first.replace(place.kernel_symbols)
    second.replace(place.kernel)
    mark.write_text(key)
