# SPDX-License-Identifier: GPL-2.0-or-later
"""The image that `make build` made: its symbol table, segments, archive and programs, and that a second build does nothing."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from compiler.backend import image
from compiler.backend.elf import SHT_NOBITS, Elf
from compiler.backend.symbols import lookup
from compiler.driver import REPO, Options

OUT = Options().out
KERNEL, SYMBOLS = OUT / "kernel.elf", OUT / "kernel.debug"
pytestmark = pytest.mark.skipif(not KERNEL.is_file(), reason="no image; `make build` makes one")


@pytest.fixture(scope="module")
def kernel() -> Elf:
    return Elf(KERNEL.read_bytes())


def segments(data: bytes) -> list[Any]:
    return [s for s in ELFFile(io.BytesIO(data)).iter_segments() if s["p_type"] == "PT_LOAD"]


def test_kernel_functions_are_found_by_address(kernel: Elf) -> None:
    table = kernel.content(".symbols")
    functions = [s for s in kernel.symbols() if s.kind == 2 and s.size and s.section < 0xFF00 and s.name.startswith("kern.")]
    assert len(functions) > 300
    for symbol in functions:
        found = lookup(table, symbol.value)
        assert found is not None and found[0] == symbol.name
        assert found[1].endswith((".py", ".S")) and found[2] > 0, symbol.name


def test_lines_agree_with_dwarf(kernel: Elf) -> None:
    """Sequences of a few compilation units, read by pyelftools; rows at one address may be many, the last counts."""
    table = kernel.content(".symbols")
    dwarf = ELFFile(io.BytesIO(SYMBOLS.read_bytes())).get_dwarf_info()
    checked = 0
    for number, unit in enumerate(dwarf.iter_CUs()):
        program = dwarf.line_program_for_CU(unit)
        if number % 9 or program is None:
            continue
        states = [e.state for e in program.get_entries() if e.state is not None]
        for this, following in zip(states, states[1:], strict=False):
            if this.end_sequence or this.line == 0 or following.address == this.address:
                continue
            found = lookup(table, this.address)
            if found is None:
                continue  # a function that the linker left out
            assert found[2] == this.line, f"{this.address:#x} is line {this.line}, the table says {found}"
            checked += 1
    assert checked > 1000


def test_the_debuggers_view_has_the_addresses_of_the_image_that_boots(kernel: Elf) -> None:
    full = Elf(SYMBOLS.read_bytes())
    assert not kernel.content(".debug_info") and full.content(".debug_info")
    places = [{s.name: s.value for s in elf.symbols() if s.section < 0xFF00} for elf in (kernel, full)]
    behind = {"symbols_end", "image_end", "image_end_phys"}  # the table is empty there
    assert {n for n, value in places[0].items() if places[1].get(n) != value} <= behind


def test_debug_information_knows_types_parameters_and_locals() -> None:
    """Of one module, read by pyelftools: a class with its fields, an enumeration, a method's parameters, a constant."""
    dwarf = ELFFile(io.BytesIO(SYMBOLS.read_bytes())).get_dwarf_info()
    unit = next(u for u in dwarf.iter_CUs() if name_of(u.get_top_DIE()) == "kern/proc/proc.py")
    dies = [d for d in unit.iter_DIEs() if "DW_AT_name" in d.attributes]
    proc = next(d for d in dies if d.tag == "DW_TAG_structure_type" and name_of(d) == "Proc")
    members = {name_of(m): m for m in proc.iter_children()}
    assert name_of(members["vcores"].get_DIE_from_attribute("DW_AT_type")) == "Span[Vcore]"
    assert members["state_bits"].attributes["DW_AT_data_member_location"].value == 4
    state = next(d for d in dies if d.tag == "DW_TAG_enumeration_type" and name_of(d) == "ProcState")
    assert {name_of(m): m.attributes["DW_AT_const_value"].value for m in state.iter_children()}["RUNNING_M"] == 128
    find = next(d for d in dies if d.tag == "DW_TAG_subprogram" and name_of(d) == "find_proc")
    assert [(c.tag, name_of(c)) for c in find.iter_children() if "DW_AT_name" in c.attributes] == [
        ("DW_TAG_formal_parameter", "pid"),
        ("DW_TAG_variable", "p"),
    ]
    assert any(d.tag == "DW_TAG_variable" and name_of(d) == "MAX_PID" for d in dies)


def name_of(die: Any) -> str:
    return str(die.attributes["DW_AT_name"].value.decode())


def test_the_symbol_table_is_the_last_section(kernel: Elf) -> None:
    allocated = [s for s in kernel.sections if s.address]
    assert max(allocated, key=lambda s: s.address).name == ".symbols"


def test_kernel_segments_after_start_up_are_never_writable_and_executable(kernel: Elf) -> None:
    high = [s for s in segments(kernel.data) if s["p_vaddr"] >= 0xFFFF800000000000]
    assert len(high) >= 4 and all(s["p_flags"] & 3 != 3 for s in high)


def test_the_kernel_carries_the_archive(kernel: Elf) -> None:
    archive = (OUT / "initrd.cpio").read_bytes()
    places = {s.name: s.value for s in kernel.symbols() if s.name in ("initrd_start", "initrd_end")}
    section = next(s for s in kernel.sections if s.address <= places["initrd_start"] < s.address + s.size and s.kind != SHT_NOBITS)
    start = section.offset + places["initrd_start"] - section.address
    assert kernel.data[start : start + places["initrd_end"] - places["initrd_start"]] == archive
    assert b"bin/sh\0" in archive


def test_programs_are_static_separate_and_stripped() -> None:
    staged = sorted((OUT / "root" / "bin").iterdir())
    assert len(staged) > 20
    for path in staged:
        elf, full = Elf(path.read_bytes()), Elf((OUT / "programs" / f"{path.name}.elf").read_bytes())
        assert not elf.content(".debug_line") and full.content(".debug_line")
        assert [s.address for s in elf.sections if s.name == ".text"] == [s.address for s in full.sections if s.name == ".text"]
        assert all(s["p_flags"] & 3 != 3 for s in segments(elf.data)) and segments(elf.data)[0]["p_vaddr"] == 0x400000
        dynamic = path.name in image.dynamic_programs(REPO)
        assert any(s["p_type"] in ("PT_INTERP", "PT_DYNAMIC") for s in ELFFile(io.BytesIO(elf.data)).iter_segments()) == dynamic


def test_the_dynamic_linker_relocates_itself_by_its_own_addresses_alone() -> None:
    """What arch/*/user_linker.S counts on."""
    linker = ELFFile(io.BytesIO((OUT / "root" / "lib" / "ld.so").read_bytes()))
    kinds = {r["r_info_type"] for r in linker.get_section_by_name(".rela.dyn").iter_relocations()}
    assert kinds == {3 if linker["e_machine"] == "EM_RISCV" else 8} and linker.get_section_by_name(".rela.plt") is None
    assert not any(s["p_type"] == "PT_INTERP" for s in linker.iter_segments())


def test_addresses_are_told_where_they_are(kernel: Elf) -> None:
    symbol = next(s for s in kernel.symbols() if s.name == "kernel_start")
    words = [sys.executable, "-m", "compiler", "where", "kernel", hex(symbol.value), hex(symbol.value + 1), "10"]
    said = subprocess.run(words, cwd=REPO, capture_output=True, text=True, check=True).stdout.splitlines()
    assert " kernel_start at kern/boot/main.py:" in said[0] and "kernel_start" in said[1]
    assert said[2] == "0x10 is no code of this program"
    wrong = subprocess.run([*words[:3], "where", "nothing", "10"], cwd=REPO, capture_output=True, text=True)
    assert wrong.returncode == 2 and "build it first" in wrong.stderr


def test_building_again_does_nothing_in_under_a_second() -> None:
    words = [sys.executable, "-m", "compiler", "build"]
    subprocess.run(words, cwd=REPO, capture_output=True, check=True)
    written = KERNEL.stat().st_mtime_ns
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(words, cwd=REPO, capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "up to date" in said and KERNEL.stat().st_mtime_ns == written
    # Processor time: the tests' machine may be busy with others.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0
