# SPDX-License-Identifier: GPL-2.0-or-later
"""mypy passes over all sources of the language; it would find what is wrong; editors are told what the vocabulary is. Formatting."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from compiler.types.vocabulary import CONSTANTS, FUNCTIONS
from scripts import typecheck
from scripts.format import COLUMN, aligned, formatted, sources
from scripts.qemu import ROOT

STUB = ROOT / "compiler" / "lang" / "__init__.pyi"
WRONG = """
from lang import Ref, Span, Uaddr, reveal, struct, u8, u64
from kern.proc.proc import Proc, find_proc
from kern.abi.proc import ProcState, VcoreFlag
from kern.lib.list import IntrusiveList
from kern.sync.spinlock import SpinLock


@struct
class Pair:
    left: u64
    right: Ref[Proc] | None


def wrong(p: Proc) -> u64:
    p.pidd = 3
    find_proc(3).pid
    find_proc("three")
    Pair(left=3, middle=4)
    ProcState.SLEEPING
    return p.name


def right(p: Proc, data: Span[u8], where: Uaddr) -> Uaddr:
    pair = Pair(right=p)
    with p.lock:
        total = data[0] + len(data) + pair.left + u64(ProcState.CREATED)
    for byte in "text":
        total += byte
    lock = SpinLock()
    reveal_type(p.info)
    reveal_type(p.vcores[2])
    reveal_type(pair.right)
    reveal_type(where + total)
    reveal_type(VcoreFlag.PREEMPTED in VcoreFlag(total))
    reveal_type(p.children.first())
    return where + 8
"""


@pytest.fixture(scope="module")
def shed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return typecheck.typeshed(tmp_path_factory.mktemp("types") / "typeshed")


@pytest.mark.parametrize(("kind", "arch"), typecheck.WORLDS)
def test_mypy_passes_over_all_sources(kind: str, arch: str, shed: Path, tmp_path: Path) -> None:
    status, said = typecheck.mypy(typecheck.lay_out(tmp_path / "view", kind, arch), shed, tmp_path / "cache")
    assert status == 0, typecheck.own_names(said, kind, arch)


def test_mypy_finds_what_is_wrong_and_knows_the_types(shed: Path, tmp_path: Path) -> None:
    view = typecheck.lay_out(tmp_path / "view", "kernel", "x86_64")
    (view / "sample.py").write_text(WRONG)
    status, said = typecheck.mypy(view, shed, tmp_path / "cache", ["sample"])
    found = [(int(line), text) for line, text in re.findall(r"^sample\.py:(\d+): \w+: (.*)$", said, re.MULTILINE)]
    errors = {line: text for line, text in found if "Revealed" not in text}
    lines = WRONG.splitlines()
    assert {lines[n - 1].strip() for n in errors} == {
        "from lang import Ref, Span, Uaddr, reveal, struct, u8, u64",
        "p.pidd = 3",
        "find_proc(3).pid",
        'find_proc("three")',
        "Pair(left=3, middle=4)",
        "ProcState.SLEEPING",
        "return p.name",
    }, said
    assert status == 1 and 'has no attribute "reveal"' in said and 'Item "None" of "Proc | None" has no attribute "pid"' in said
    revealed = [re.sub(r"[\w.]+\.(\w+)", r"\1", text.split('"')[1]) for _, text in found if "Revealed" in text]
    assert revealed == ["ProcInfo", "Vcore", "Proc | None", "Uaddr", "bool", "Proc | None"]


def test_editors_are_told_what_each_width_and_address_is() -> None:
    classes = {n.name: n for n in ast.walk(ast.parse(STUB.read_text())) if isinstance(n, ast.ClassDef)}
    names = [f"{sign}{bits}" for sign in "ui" for bits in (8, 16, 32, 64)] + ["usize", "isize", "Paddr", "Kaddr", "Uaddr"]
    assert all(ast.get_docstring(classes[name]) for name in names)
    assert "64 bits" in str(ast.get_docstring(classes["u64"]))


def test_the_stub_has_every_name_of_the_vocabulary() -> None:
    names = {
        n.name if isinstance(n, (ast.ClassDef, ast.FunctionDef)) else n.id
        for n in ast.walk(ast.parse(STUB.read_text()))
        if isinstance(n, (ast.ClassDef, ast.FunctionDef)) or isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    assert FUNCTIONS | CONSTANTS | {"Ref", "Span", "Array", "Atomic", "PerCore", "User", "Bits", "Mmio", "Text", "Sink", "Format"} <= names


def test_comments_behind_code_stand_in_one_column() -> None:
    text = 'pid: i32  # the number\nname = "#"  # not the one in the text\n# a line of its own\n' + "x" * 50 + "  # far\n"
    lines = aligned(text).splitlines()
    assert [line.index("# ") for line in lines] == [COLUMN, COLUMN, 0, 52]
    assert aligned(aligned(text)) == aligned(text)


def test_formatting_what_is_formatted_changes_nothing(tmp_path: Path) -> None:
    path = ROOT / "kern" / "lib" / "ring.py"
    once = formatted([path])[path]
    assert "slots: Span[T]" in once and once.count("\n") > 60
    assert re.search(r"^    head: u64 {31}# next to read$", once, re.MULTILINE)


def test_all_sources_are_formatted() -> None:
    untidy = [str(path.relative_to(ROOT)) for path, text in formatted(sources()).items() if text != path.read_text(encoding="utf-8")]
    assert not untidy, "`make format` formats them"
