# SPDX-License-Identifier: GPL-2.0-or-later
"""The dynamic linker's search for symbols, and its choice of what to store, on a library that the real linker made."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from compiler.backend.codegen import emit
from compiler.backend.dynamic import independent_target
from compiler.backend.link import link_library
from compiler.backend.target import target_for
from compiler.host import CompiledError, Unit, load

NAMES = [f"shared.many.f{i}[u64]" for i in range(200)]
BASE, SYMBOL, THREAD, COPY = 8, 6, 18, 5  # relocations of the architecture that units are compiled for


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load("user/ld/relocate.py")


@pytest.fixture(scope="module")
def symbols() -> Unit:
    return load("user/ld/symbols.py")


class Library:
    """A library of 200 functions and a reference to what nobody has, as it lies in memory."""

    def __init__(self, folder: Path) -> None:
        target = independent_target(target_for("x86_64", "user"))
        ir = "\n".join(f'define dso_local i64 @"{name}"() {{\n  ret i64 {i}\n}}' for i, name in enumerate(NAMES))
        ir += "\ndeclare void @nowhere()\ndefine dso_local void @calls() {\n  call void @nowhere()\n  ret void\n}\n"
        (folder / "m.o").write_bytes(emit(ir, target, 0)[0])
        link_library(folder / "libm.so", "libm.so", target, [folder / "m.o"])
        with (folder / "libm.so").open("rb") as file:
            elf = ELFFile(file)
            self.values = {s.name: s["st_value"] for s in elf.get_section_by_name(".dynsym").iter_symbols()}
            self.numbers = {s.name: i for i, s in enumerate(elf.get_section_by_name(".dynsym").iter_symbols())}
            self.tags = {t.entry.d_tag: t.entry.d_val for t in elf.get_section_by_name(".dynamic").iter_tags()}
            loads = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]
            self.memory = ctypes.create_string_buffer(max(s["p_vaddr"] + s["p_memsz"] for s in loads) + 16)
            self.base = (ctypes.addressof(self.memory) + 15) // 16 * 16
            for s in loads:
                ctypes.memmove(self.base + s["p_vaddr"], s.data(), s["p_filesz"])

    def fill(self, object: Any) -> Any:
        """Make the unit's object this library."""
        object.name_bytes[:7] = b"libm.so"
        object.name_len, object.base = 7, self.base
        object.strings = self.base + self.tags["DT_STRTAB"]
        object.symbols = self.base + self.tags["DT_SYMTAB"]
        object.hash = self.base + self.tags["DT_GNU_HASH"]
        return object


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(tmp_path_factory.mktemp("library"))


def test_every_symbol_is_found_and_no_other(symbols: Unit, library: Library) -> None:
    object = library.fill(symbols.LinkedObject())
    for name in (*NAMES, "calls"):
        found = symbols.call("find_here", object, name, symbols.call("hash_of", name))
        assert found is not None and found.value == library.values[name], name
    for name in ("nowhere", "", "shared.many.f200[u64]", "shared.many.f1", *(f"other{i}" for i in range(300))):
        assert symbols.call("find_here", object, name, symbols.call("hash_of", name)) is None, name


def test_what_is_stored_follows_from_the_kind(unit: Unit, library: Library) -> None:
    linked = unit.Linked(count=1, thread_size=64)
    object = library.fill(linked.objects[0])

    def stored(kind: int, name: str, addend: int) -> int:
        number = library.numbers[name] if name else 0
        return unit.call("value_of", linked, object, unit.Relocation(offset=0, info=number << 32 | kind, addend=addend))

    assert stored(BASE, "", 0x123) == library.base + 0x123
    assert stored(SYMBOL, NAMES[7], 5) == library.base + library.values[NAMES[7]] + 5
    assert stored(THREAD, NAMES[7], 0) == (library.values[NAMES[7]] - 64) % 2**64
    bad = ((SYMBOL, "nowhere", "nobody defines nowhere"), (COPY, NAMES[0], "not position-independent"), (99, "", "of kind 99"))
    for kind, name, why in bad:
        with pytest.raises(CompiledError, match=rf"libm\.so: .*{why}"):
            stored(kind, name, 0)
