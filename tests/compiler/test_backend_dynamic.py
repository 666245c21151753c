# SPDX-License-Identifier: GPL-2.0-or-later
"""Position-independent twins of modules, and the links that are made of them: what they hold, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from compiler.backend import tools
from compiler.backend.assemble import assemble
from compiler.backend.cache import Cache
from compiler.backend.codegen import emit
from compiler.backend.dynamic import independent_ir, independent_target, reached, uses_shared
from compiler.backend.link import link_dynamic, link_library
from compiler.backend.target import ARCHITECTURES, target_for

LIBRARY = """\
@shared.l.table = dso_local constant [1 x ptr] [ptr @shared.l.f]
@shared.l.count = dso_local global i64 zeroinitializer
declare dso_local void @rt.say(i64) nounwind
define dso_local i64 @shared.l.f() {
  %n = load i64, ptr @shared.l.count
  call void @rt.say(i64 %n)
  ret i64 %n
}
!llvm.module.flags = !{!0}
!0 = !{i32 2, !"Debug Info Version", i32 3}
"""
PROGRAM = """\
@shared.l.count = external dso_local global [8 x i8]
declare dso_local i64 @shared.l.f() nounwind
define dso_local i32 @main.apps.m() {
  store i64 7, ptr @shared.l.count
  %n = call i64 @shared.l.f()
  ret i32 0
}
"""
RUNTIME = "define dso_local void @rt.say(i64 %n) {\n  ret void\n}\n"
UNUSED = "define dso_local void @rt.unused() {\n  ret void\n}\n"
MODULES = {"shared.l": LIBRARY, "apps.m": PROGRAM, "rt": RUNTIME, "rt.other": UNUSED.replace("rt.", "rt.other.")}


def linked(tmp_path: Path, arch: str) -> tuple[Path, Path]:
    """The library, and the program that uses it."""
    target = independent_target(target_for(arch, "user"))
    for name, ir in MODULES.items():
        (tmp_path / f"{name}.o").write_bytes(emit(independent_ir(ir), target, 2)[0])
    (tmp_path / "start.S").write_text(".globl _start\n_start: call main\n")
    start = assemble(tmp_path / "start.S", target_for(arch, "user"), Cache(tmp_path / "cache"), tmp_path)
    library, program = tmp_path / "libl.so", tmp_path / "m"
    link_library(library, "libl.so", target, [tmp_path / "shared.l.o"])
    link_dynamic(program, "apps.m", target, [start], [tmp_path / f"{m}.o" for m in ("apps.m", "rt", "rt.other")], [library])
    return library, program


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_library_and_a_program_find_each_other(tmp_path: Path, arch: str) -> None:
    library, program = linked(tmp_path, arch)
    with library.open("rb") as file:
        elf = ELFFile(file)
        defined = {s.name for s in elf.get_section_by_name(".dynsym").iter_symbols() if s["st_shndx"] != "SHN_UNDEF"}
        assert {"shared.l.f", "shared.l.count", "shared.l.table"} <= defined and "rt.say" not in defined
        assert not any(s["p_type"] == "PT_LOAD" and s["p_flags"] & 3 == 3 for s in elf.iter_segments())
    with program.open("rb") as file:
        elf = ELFFile(file)
        assert elf["e_type"] == "ET_DYN"
        interpreter = [s for s in elf.iter_segments() if s["p_type"] == "PT_INTERP"]
        assert interpreter[0].get_interp_name() == "/lib/ld.so"
        tags = list(elf.get_section_by_name(".dynamic").iter_tags())
        assert [t.needed for t in tags if t.entry.d_tag == "DT_NEEDED"] == ["libl.so"]
        symbols = {s.name: s["st_shndx"] for s in elf.get_section_by_name(".dynsym").iter_symbols()}
        assert symbols["shared.l.f"] == symbols["shared.l.count"] == "SHN_UNDEF", "the library's own, not copies"
        assert symbols["rt.say"] != "SHN_UNDEF", "what the library needs of the program"
        assert "rt.other.unused" not in symbols


def test_only_what_dynamic_programs_reach_has_a_twin() -> None:
    assert reached(MODULES, ["apps.m"]) == ["apps.m", "rt", "shared.l"]
    assert reached(MODULES, ["rt"]) == ["rt"]
    exported = MODULES | {"rt.start": "define dso_local void @rt_start(i64 %a0) {\n  ret void\n}\n"}
    assert reached(exported, ["rt"]) == ["rt", "rt.start"], "what assembly calls has no module's name"


def test_twins_reach_others_by_way_of_tables() -> None:
    twin = independent_ir('declare dso_local void @"g[u64]"()\n@t = external dso_local thread_local(localexec) global [8 x i8]\n' + RUNTIME)
    assert 'declare void @"g[u64]"()' in twin and "@t = external thread_local(initialexec) global" in twin
    assert "define dso_local void @rt.say" in twin, "what it defines itself is where it is"


def test_objects_of_static_programs_keep_their_names() -> None:
    target = target_for("x86_64", "user")
    assert "relocation" not in target.key() and "relocation" in independent_target(target).key()


def test_programs_are_dynamic_by_what_they_import() -> None:
    assert uses_shared("x = 1\nfrom shared.greet import greet\n") and uses_shared("import shared.greet\n")
    assert not uses_shared("from lib.shared import x\n# from shared import y\nfrom sharedx import z\n")


def test_a_library_with_thread_local_variables_is_refused(tmp_path: Path) -> None:
    target = independent_target(target_for("x86_64", "user"))
    ir = "@shared.l.mine = dso_local thread_local(localexec) global [8 x i8] zeroinitializer\n"
    (tmp_path / "l.o").write_bytes(emit(independent_ir(ir), target, 1)[0])
    with pytest.raises(tools.ToolError, match=r"libl\.so: a shared library cannot have thread-local variables"):
        link_library(tmp_path / "libl.so", "libl.so", target, [tmp_path / "l.o"])
