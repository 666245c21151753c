# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's symbol table against what pyelftools reads from the same ELF, and the archive writer."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from compiler.backend import cpio, tools
from compiler.backend.elf import Elf
from compiler.backend.lines import uleb
from compiler.backend.symbols import Function, build_table, check_unmoved, lookup, read_functions, varint

SOURCE = """
static inline int twice(int x) {
    return x * 2 + (x >> 3);
}
__attribute__((noinline)) int first(int x, volatile int *p) {
    for (int i = 0; i < x; i++)
        *p += twice(i);
    return *p;
}
int _start(int x) {
    volatile int v = x;
    if (x > 3)
        return first(x, &v);
    return twice(v);
}
"""


@pytest.fixture(scope="module", params=["x86_64", "riscv64"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "code.c").write_text(SOURCE)
    (folder / "start.S").write_text(".globl label\nlabel: nop\n nop\n")
    for name in ("code.c", "start.S"):
        options = [f"--target={request.param}-unknown-none-elf", "-g", "-O1", "-ffunction-sections"]
        tools.run("clang", [*options, "-c", name, "-o", name + ".o"], cwd=folder)
    tools.run("ld.lld", ["code.c.o", "start.S.o", "-o", "out"], cwd=folder)
    return (folder / "out").read_bytes()


def dwarf_rows(data: bytes) -> list[tuple[int, int | None]]:
    """(address, line) pairs by pyelftools, sequence ends as line None."""
    dwarf = ELFFile(io.BytesIO(data)).get_dwarf_info()
    rows = []
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        assert program is not None
        for entry in program.get_entries():
            if entry.state is not None:
                rows.append((entry.state.address, None if entry.state.end_sequence else entry.state.line))
    return rows


def test_every_address_has_the_function_and_line_that_dwarf_says(program: bytes) -> None:
    table = build_table(read_functions(Elf(program)))
    section: Any = ELFFile(io.BytesIO(program)).get_section_by_name(".symtab")
    symbols = {s.name: s for s in section.iter_symbols()}
    checked = 0
    rows = dwarf_rows(program)
    for name in ("first", "_start"):
        low, size = symbols[name]["st_value"], symbols[name]["st_size"]
        for address in range(low, low + size):
            found = lookup(table, address)
            assert found is not None and found[0] == name and found[1].endswith("code.c")
            candidates = [r for r in rows if r[0] <= address and r[1]]
            nearest = max(r[0] for r in candidates)
            assert found[2] in {r[1] for r in candidates if r[0] == nearest} or found[2] > 0 and nearest not in dict(rows)
            checked += 1
    assert checked > 20


def test_labels_without_type_are_found_and_foreign_addresses_are_not(program: bytes) -> None:
    functions = read_functions(Elf(program))
    table = build_table(functions)
    label = next(f for f in functions if f.name == "label")
    assert (lookup(table, label.start + 1) or ("",))[0] == "label"
    assert lookup(table, functions[0].start - 1) is None
    assert lookup(table, functions[-1].start + functions[-1].size) is None


def test_functions_are_sorted_disjoint_and_repeatable(program: bytes) -> None:
    functions = read_functions(Elf(program))
    assert all(a.start + a.size <= b.start for a, b in zip(functions, functions[1:], strict=False))
    assert build_table(functions) == build_table(read_functions(Elf(program)))
    assert check_unmoved(Elf(program), Elf(program)) == []


@given(
    st.lists(st.tuples(st.integers(1, 500), st.sampled_from(["a.py", "b.py", "c/d.py"]), st.integers(1, 70000)), max_size=40),
    st.integers(0, 2**40),
)
def test_rows_survive_the_encoding(steps: list[tuple[int, str, int]], base: int) -> None:
    rows, address = [], base
    for step, file, line in steps:
        rows.append((address, file, line))
        address += step
    table = build_table([Function(base, address - base + 1, "m.f", rows), Function(address + 16, 4, "m.g")])
    for at, file, line in rows:
        assert lookup(table, at) == ("m.f", file, line)
    assert lookup(table, address + 17) == ("m.g", "", 0)
    assert lookup(table, address + 2) is None


@given(st.integers(0, 2**64 - 1))
def test_varints(value: int) -> None:
    assert uleb(varint(value), 0) == (value, len(varint(value)))


def test_an_empty_table_answers_nothing() -> None:
    assert lookup(build_table([]), 0) is None
    assert lookup(bytes(48), 0) is None


def test_archive_is_read_by_cpio_and_repeatable(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").write_bytes(b"\x7fELF" + bytes(99))
    (tmp_path / "bin" / "sh").chmod(0o755)
    (tmp_path / "motd").write_text("hello\n")
    files = {"bin/sh": tmp_path / "bin" / "sh", "etc/motd": tmp_path / "motd", "empty": tmp_path / "none"}
    (tmp_path / "none").touch()
    data = cpio.archive(files)
    assert data == cpio.archive(dict(reversed(files.items()))) and len(data) % 512 == 0
    entries = list(read_newc(data))
    assert [e[0] for e in entries] == ["bin", "bin/sh", "empty", "etc", "etc/motd"]
    assert [oct(e[1]) for e in entries] == ["0o40755", "0o100755", "0o100644", "0o40755", "0o100644"]
    assert entries[4][2] == b"hello\n" and entries[1][2] == b"\x7fELF" + bytes(99)
    if subprocess.run(["which", "cpio"], capture_output=True).returncode == 0:
        listed = subprocess.run(["cpio", "-it", "--quiet"], input=data, capture_output=True, check=True).stdout
        assert listed.split() == [b"bin", b"bin/sh", b"empty", b"etc", b"etc/motd"]


def read_newc(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """An independent reader: (name, mode, content)."""
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name = data[at + 110 : at + 110 + fields[11] - 1].decode()
        start = (at + 110 + fields[11] + 3) & ~3
        if name == "TRAILER!!!":
            return
        yield name, fields[1], data[start : start + fields[6]]
        at = (start + fields[6] + 3) & ~3
