# SPDX-License-Identifier: GPL-2.0-or-later
"""The back end on hand-written IR: sections, the object cache, worker deaths, assembling, linking."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from compiler.backend import image, tools
from compiler.backend.assemble import assemble
from compiler.backend.cache import Cache, digest
from compiler.backend.codegen import CodegenPool, Job, emit, object_key
from compiler.backend.elf import Elf
from compiler.backend.link import link_user
from compiler.backend.sections import separate
from compiler.backend.target import ARCHITECTURES, target_for

IR = """
@"m.counter" = global i64 0, align 8
@"m.limit" = internal global i64 7
@"m.table" = constant [2 x i64] [i64 1, i64 2]
@"m.mine" = thread_local(localexec) global i64 0
@".str" = private unnamed_addr constant [3 x i8] c"abc"
@"outside" = external global i64

define i64 @"m.used"(i64 %"x") #0
{
  %v = load i64, ptr @"m.counter"
  %w = add i64 %v, %x
  ret i64 %w
}

define i64 @"m.unused(odd name)"(i64 %x) #0 {
  ret i64 %x
}

define i32 @"main.m"() #0 align 32 {
  %r = call i64 @"m.used"(i64 3)
  %t = trunc i64 %r to i32
  ret i32 %t
}
attributes #0 = { noinline "frame-pointer"="all" }
"""


def sections(data: bytes) -> set[str]:
    import io

    return {s.name for s in ELFFile(io.BytesIO(data)).iter_sections()}


def test_each_definition_gets_its_section() -> None:
    names = sections(emit(IR, target_for("x86_64", "user"), 1)[0])
    assert {".text.m.used", ".text.m.unused(odd name)", ".text.main.m", ".bss.m.counter", ".rodata.m.table", ".tbss.m.mine"} <= names


def test_given_sections_declarations_and_literals_are_left_alone() -> None:
    line = 'define void @"f"() section ".text.boot" {'
    assert separate(line) == line
    for text in ('declare void @"g"()', '@"x" = external global i64', '@".s" = private unnamed_addr constant [1 x i8] c"a"'):
        assert separate(text) == text
    assert separate('define void @"f"() !dbg !7 {') == 'define void @"f"() section ".text.f" !dbg !7 {'
    assert separate('@"z" = global i64 0, align 8, !dbg !1') == '@"z" = global i64 0, section ".bss.z", align 8, !dbg !1'


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("world", ["kernel", "user"])
def test_every_target_emits_and_links(tmp_path: Path, arch: str, world: str) -> None:
    target = target_for(arch, world)
    (tmp_path / "m.o").write_bytes(emit(IR, target, 1)[0])
    source = tmp_path / "start.S"
    source.write_text('#include "call.h"\n.globl _start\n.type _start,@function\n_start: CALL main\n.size _start,.-_start\n')
    (tmp_path / "call.h").write_text("#ifdef __riscv\n#define CALL call\n#else\n#define CALL call\n#endif\n")
    start = assemble(source, target, Cache(tmp_path / "cache"), tmp_path)
    link_user(tmp_path / "m", "m", target, [start], [tmp_path / "m.o"])
    with (tmp_path / "m").open("rb") as file:
        elf = ELFFile(file)
        loads = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]
        assert all((s["p_flags"] & 3) != 3 for s in loads), "no segment is both writable and executable"
        assert loads[0]["p_vaddr"] == 0x400000
        names = {s.name for s in Elf((tmp_path / "m").read_bytes()).symbols()}
        assert "m.used" in names and "m.unused(odd name)" not in names, "unreferenced functions are left out"


def test_a_program_is_linked_again_only_if_what_went_into_it_changed(tmp_path: Path) -> None:
    target = target_for("x86_64", "user")
    (tmp_path / "user/apps").mkdir(parents=True)
    (tmp_path / "user/apps/m.py").write_text("def main() -> i32:\n    return 0\n")
    (tmp_path / "start.S").write_text(".globl _start\n_start: call main\n")
    place = image.Place(tmp_path, "x86_64", True, tmp_path / "out", Cache(tmp_path / "cache"))
    start = assemble(tmp_path / "start.S", target, place.cache, tmp_path)
    texts = {
        "m": 'declare i32 @"helper.f"()\ndefine i32 @"main.apps.m"() {\n %r = call i32 @"helper.f"()\n ret i32 %r\n}',
        "helper": 'define i32 @"helper.f"() { ret i32 1 }',
        "unused": 'define i32 @"unused.f"() { ret i32 1 }',
    }

    def linked() -> list[str]:
        objects = [place.cache.put(digest(ir), emit(ir, target, 1)[0]) for ir in texts.values()]
        told: list[str] = []
        image.build_programs(place, [start], objects, told.append)
        return told

    assert linked() == ["m"] and linked() == []
    texts["unused"] = texts["unused"].replace("i32 1", "i32 2")
    assert linked() == []
    texts["helper"] = texts["helper"].replace("i32 1", "i32 2")
    assert linked() == ["m"] and linked() == []
    (place.root / "bin/m").unlink()
    assert linked() == ["m"]


def test_missing_symbol_is_named(tmp_path: Path) -> None:
    target = target_for("x86_64", "user")
    ir = 'declare void @"kern.nowhere"()\ndefine void @"main.m"() {\n call void @"kern.nowhere"()\n ret void\n}'
    (tmp_path / "m.o").write_bytes(emit(ir, target, 1)[0])
    (tmp_path / "s.S").write_text(".globl _start\n_start: call main\n")
    start = assemble(tmp_path / "s.S", target, Cache(tmp_path / "cache"), tmp_path)
    with pytest.raises(tools.ToolError, match="kern.nowhere"):
        link_user(tmp_path / "m", "m", target, [start], [tmp_path / "m.o"])


def test_kernel_code_uses_no_vector_registers() -> None:
    ir = "define void @f(ptr %a, ptr %b) { %x = load <2 x i64>, ptr %a\n store <2 x i64> %x, ptr %b\n ret void }"
    import llvmlite.binding as llvm

    from compiler.backend.target import create_machine

    machine = create_machine(target_for("x86_64", "kernel"), 2)
    assert "xmm" not in machine.emit_assembly(llvm.parse_assembly(ir))


def test_cache_finds_what_it_was_given_and_drops_the_oldest(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    keys = [digest("a", str(n)) for n in range(4)]
    for n, key in enumerate(keys):
        cache.put(key, bytes(100))
        os.utime(cache.path(key), (n, n))
    assert cache.find(digest("b")) is None
    assert cache.find(keys[0]) is not None  # used now: the youngest
    assert cache.prune(limit=250) == 2
    assert [cache.path(k).exists() for k in keys] == [True, False, False, True]


def test_keys_tell_apart_target_level_and_parts() -> None:
    kernel, user = target_for("x86_64", "kernel"), target_for("x86_64", "user")
    keys = {object_key(ir, t, n, v) for ir in ("a", "b") for t in (kernel, user) for n in (1, 2) for v in ("1", "2")}
    assert len(keys) == 16
    assert digest("ab", "c") != digest("a", "bc")


def test_included_files_change_an_assembly_key(tmp_path: Path) -> None:
    cache, target = Cache(tmp_path / "cache"), target_for("x86_64", "kernel")
    (tmp_path / "n.h").write_text("#define N 1\n")
    (tmp_path / "a.S").write_text('#include "n.h"\n.quad N\n')
    first = assemble(tmp_path / "a.S", target, cache, tmp_path)
    assert assemble(tmp_path / "a.S", target, cache, tmp_path) == first
    assert assemble(tmp_path / "a.S", target, cache, tmp_path, {"CHECKED": "1"}) != first
    (tmp_path / "n.h").write_text("#define N 2\n")
    assert assemble(tmp_path / "a.S", target, cache, tmp_path) != first
    (tmp_path / "a.S").write_text("nonsense %foo\n")
    with pytest.raises(tools.ToolError, match="a.S:1"):
        assemble(tmp_path / "a.S", target, cache, tmp_path)


def test_a_module_that_kills_llvm_costs_only_itself(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    riscv, x86 = target_for("riscv", "kernel"), target_for("x86_64", "kernel")
    # Inline assembly for another target than the host is what makes this LLVM abort the process.
    abort = 'define void @f() {\n call void asm sideeffect "nop", ""()\n ret void\n}\n'
    texts = [
        ("good", "define void @g() { ret void }", x86),
        ("fatal", abort, riscv),
        ("wrong", "define void @f() { ret i64 }", x86),
        *[(f"more{n}", f"define void @g{n}() {{ ret void }}", x86) for n in range(4)],
    ]
    jobs = []
    for name, ir, target in texts:
        path = tmp_path / f"{name}.ll"
        path.write_text(ir)
        jobs.append(Job(name, path, object_key(ir, target, 1, "t"), target, 1))
    with CodegenPool(cache, workers=2) as pool:
        outcomes = {o.job.module: o.error for o in pool.run(jobs)}
    assert [m for m, e in sorted(outcomes.items()) if e] == ["fatal", "wrong"]
    assert outcomes["fatal"].startswith("LLVM gave up on it (") and "asm" in outcomes["fatal"]
    assert "expected" in outcomes["wrong"] or "type" in outcomes["wrong"]
    assert all(cache.find(j.key) for j in jobs if not outcomes[j.module])
