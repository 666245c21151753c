# SPDX-License-Identifier: GPL-2.0-or-later
"""What the abstractions of the language cost, read off the code that the compiler emits, on both architectures; and `explain-code`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from compiler.backend.target import ARCHITECTURES
from compiler.checking import machine_text
from compiler.driver import REPO
from compiler.explain_code import Instruction, body_of
from compiler.frontend import analyse, lower
from compiler.syntax.loader import World

SOURCE = '''
"""What the tests look at."""
from abc import ABC, abstractmethod
from lang import ACQUIRE, RELEASE, Atomic, Errno, Error, Ref, Text, atomic_section, i32, noinline, pause, struct, text, u32, u64


class Shape(ABC):
    @abstractmethod
    def area(self) -> u64: ...

    @abstractmethod
    def corners(self) -> u64: ...

    def twice(self) -> u64:
        return self.area() * 2


class Square(Shape):
    side: u64

    def area(self) -> u64:
        return self.side * self.side

    def corners(self) -> u64:
        return 4


class Ellipse(Shape):
    a: u64
    b: u64

    def area(self) -> u64:
        return self.a * self.b * 3

    def corners(self) -> u64:
        return 0


class Circle(Ellipse):
    def corners(self) -> u64:
        return 1


class Codec(ABC):
    @abstractmethod
    def encode(self, x: u64) -> u64: ...


class Rot(Codec):
    """The only one there is."""

    shift: u64

    def encode(self, x: u64) -> u64:
        return x + self.shift


class Unused(Codec):
    def encode(self, x: u64) -> u64:
        return x


@struct
class Lock:
    word: Atomic[u32]

    def lock(self) -> None:
        while self.word.swap(1, order=ACQUIRE) != 0:
            pause()

    def unlock(self) -> None:
        self.word.store(0, order=RELEASE)

    def __enter__(self) -> None:
        self.lock()

    def __exit__(self) -> None:
        self.unlock()


@struct
class Account:
    lock: Lock
    money: u64


def of_final_class(square: Square) -> u64:
    return square.area() + square.corners()


def of_only_class(codec: Codec) -> u64:
    return codec.encode(3)


def of_family(shape: Ellipse) -> u64:
    return shape.area()


def of_some_class(shape: Shape) -> u64:
    return shape.corners()


def with_lock(account: Account, money: u64) -> None:
    with account.lock:
        account.money += money


def lock_by_hand(account: Account, money: u64) -> None:
    account.lock.lock()
    account.money += money
    account.lock.unlock()


def leaves_early(account: Account, money: u64) -> bool:
    with account.lock:
        if account.money < money:
            return False
        account.money -= money
        return True


def leaves_early_by_hand(account: Account, money: u64) -> bool:
    account.lock.lock()
    if account.money < money:
        account.lock.unlock()
        return False
    account.money -= money
    account.lock.unlock()
    return True


@struct
class Node:
    key: u64
    left: Ref["Node"] | None
    right: Ref["Node"] | None


def search(root: Node, key: u64) -> bool:
    at: Ref[Node] | None = root
    while at is not None:
        if at.key == key:
            return True
        at = at.left if key < at.key else at.right
    return False


def search_in_two_statements(root: Node, key: u64) -> bool:
    at: Ref[Node] | None = root
    while at is not None:
        if at.key == key:
            return True
        if key < at.key:
            at = at.left
        else:
            at = at.right
    return False


@noinline
def cannot_raise(x: u64) -> u64:
    return x + 1


@noinline
def catches(x: u64) -> u64:
    try:
        return may_raise(x)
    except Error:
        return 7


@noinline
def may_raise(x: u64) -> u64:
    if x == 3:
        raise Error(Errno.EINVAL, "three")
    return x


@noinline
def calls(x: u64) -> u64:
    return cannot_raise(x) + catches(x)


@noinline
def nothing_to_return(x: Ref[Square]) -> None:
    x.side = calls(x.side)


def main() -> i32:
    square, circle, ellipse, rot, account = Square(side=3), Circle(a=1, b=2), Ellipse(a=3, b=4), Rot(shift=2), Account()
    total = of_final_class(square) + of_family(circle) + of_family(ellipse) + of_some_class(square) + of_some_class(circle)
    total += of_some_class(ellipse) + of_only_class(rot) + square.twice() + circle.twice()
    with_lock(account, 5)
    lock_by_hand(account, 5)
    if leaves_early(account, 3) and leaves_early_by_hand(account, 3):
        nothing_to_return(square)
    if search(Node(key=3), 4) or search_in_two_statements(Node(key=3), 4):
        total += 1
    print(total, square.side, account.money)
    return 0
'''

IN_THE_KERNEL = '''
"""In the kernel's world."""
from lang import struct, u64

from kern.sync.spinlock import SpinLock


@struct
class Account:
    lock: SpinLock
    money: u64


def with_lock(account: Account, money: u64) -> None:
    with account.lock:
        account.money += money


def lock_by_hand(account: Account, money: u64) -> None:
    account.lock.lock()
    account.money += money
    account.lock.unlock()
'''

MAY_MOVE = """
from lang import u64
from kern.core.percore import core
from kern.sync.semaphore import Semaphore

gate = Semaphore()


def count_turns(turns: u64) -> None:
    for _ in range(turns):
        core.mine.switches += 1
        gate.down()
        core.mine.switches += 1
"""

INDIRECT = {"x86_64": re.compile(r"^(call|jmp)\w*\s+\*"), "riscv": re.compile(r"^(jalr|jr)\s+(?!ra\b)")}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("code") / "subject.py"
    path.write_text(SOURCE)
    return path


@cache
def compiled(path: Path, arch: str, checked: bool = False) -> tuple[str, str]:
    """IR, and optimised assembly."""
    program = analyse(World(kind="hosted", arch=arch, checked=checked, roots=[path], runs_on=arch))
    assert not program.errors, program.errors[0].render()
    ir = lower(program, "subject")["subject"]
    return ir, machine_text(ir, "assembly", arch, "hosted")


def instructions(assembly: str, name: str, module: str = "subject") -> list[str]:
    found = [i.text for i in body_of(assembly, f"{module}.{name}") if isinstance(i, Instruction)]
    assert found, f"{name} is not there"
    return found


def without_label_numbers(code: list[str]) -> list[str]:
    seen: dict[str, str] = {}
    return [re.sub(r"\.L\w+", lambda m: seen.setdefault(m.group(), f"L{len(seen)}"), line) for line in code]


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("name", ["of_final_class", "of_only_class", "of_family", "Square.area"])
def test_a_method_that_only_one_class_can_give_is_called_directly(source: Path, arch: str, name: str) -> None:
    code = instructions(compiled(source, arch)[1], name)
    assert not [line for line in code if INDIRECT[arch].match(line) or line.startswith("call")], "and inlined, being small"


FLOATS = '''
"""A float that lives across a call."""
from lang import f64, i32, noinline, u64


@noinline
def scale(x: f64, by: u64) -> f64:
    return x * f64(by)


def main() -> i32:
    first = scale(1.5, 2)
    print(first + scale(first, 3) + scale(2.5, 4))
    return 0
'''


def test_no_call_preserves_a_floating_point_register_of_riscv(tmp_path: Path) -> None:
    """So a switch between threads saves none (arch/riscv/user_context.S)."""
    path = tmp_path / "subject.py"
    path.write_text(FLOATS)
    code = instructions(compiled(path, "riscv")[1], "main")
    assert any(line.startswith("fadd.d") for line in code) and not any(re.search(r"\bfs\d", line) for line in code)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("name", ["of_some_class", "Shape.twice"])
def test_one_of_several_is_called_through_the_table(source: Path, arch: str, name: str) -> None:
    assert any(INDIRECT[arch].match(line) for line in instructions(compiled(source, arch)[1], name))


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("pair", ["with_lock lock_by_hand", "leaves_early leaves_early_by_hand"])
def test_with_lock_is_what_one_writes_by_hand(source: Path, arch: str, checked: bool, pair: str) -> None:
    assembly = compiled(source, arch, checked)[1]
    by_with, by_hand = (without_label_numbers(instructions(assembly, name)) for name in pair.split())
    assert by_with == by_hand


def in_a_kernel(tmp_path: Path, arch: str, source: str) -> str:
    """The assembly of a module `kern.subject` of this kernel."""
    for folder in ("compiler/runtime", "compiler/lang", "arch", "kern"):
        shutil.copytree(REPO / folder, tmp_path / folder)
    (tmp_path / "kern/subject.py").write_text(source)
    program = analyse(World(kind="kernel", arch=arch, checked=False, repo=tmp_path))
    assert not program.errors, program.errors[0].render()
    return machine_text(lower(program, "kern.subject")["kern.subject"], "assembly", arch, "kernel")


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_who_may_come_back_on_another_core_looks_anew_which_it_is(tmp_path: Path, arch: str) -> None:
    """Neither taken out of the loop nor kept over the call that blocks: both its sides read the core's base."""
    code = instructions(in_a_kernel(tmp_path, arch, MAY_MOVE), "count_turns", "kern.subject")
    base = {"x86_64": "%gs:", "riscv": ", tp"}[arch]
    call = next(i for i, line in enumerate(code) if "Semaphore.down" in line)
    assert [line for line in code[:call] if base in line] and [line for line in code[call:] if base in line], code


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_so_it_is_with_the_kernels_own_lock(tmp_path: Path, arch: str) -> None:
    assembly = in_a_kernel(tmp_path, arch, IN_THE_KERNEL)
    by_with, by_hand = (without_label_numbers(instructions(assembly, name, "kern.subject")) for name in ("with_lock", "lock_by_hand"))
    assert by_with == by_hand


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_only_a_function_that_may_raise_has_a_flag(source: Path, arch: str) -> None:
    ir = compiled(source, arch)[0]
    results = dict((name, result) for result, name in re.findall(r"^define (?:dso_local )?(\S.*?) @subject\.(\w+)\(", ir, re.MULTILINE))
    assert {n: results[n] for n in ("cannot_raise", "catches", "calls", "nothing_to_return")} == {
        "cannot_raise": "i64",
        "catches": "i64",
        "calls": "i64",
        "nothing_to_return": "void",
    }
    assert results["may_raise"] == "{i64, i1}"


@pytest.mark.parametrize("name", ["search", "search_in_two_statements"])
def test_a_choice_of_two_fields_waits_for_neither_a_branch_nor_an_address(source: Path, name: str) -> None:
    code = instructions(compiled(source, "x86_64")[1], name)
    assert sum(re.match(r"cmov\w+\s", line) is not None for line in code) == 1


# -- explain-code -------------------------------------------------------------------------------------------------
def explain_code(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "compiler", "explain-code", *arguments], cwd=REPO, capture_output=True, text=True)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_source_lines_stand_beside_their_instructions(source: Path, arch: str) -> None:
    done = explain_code("--arch", arch, f"{source}:nothing_to_return")
    assert done.returncode == 0, done.stderr
    head, *rest = done.stdout.splitlines()
    line = SOURCE.split("\n").index("    x.side = calls(x.side)") + 1
    total = re.fullmatch(rf"subject\.nothing_to_return  \S+:{line - 1}  {arch}, release, (\d+) instructions", head)
    assert total, head
    headings = {int(m[1]): int(m[2]) for m in re.finditer(r"^ +(\d+) +(\d+) \| ", done.stdout, re.MULTILINE)}
    code = [text for text in rest if text.startswith("        ")]
    assert len(code) == int(total.group(1)) == sum(headings.values())
    assert line in headings and f"| {SOURCE.split(chr(10))[line - 1]}" in done.stdout
    called = next(text for text in code if text.split()[0].startswith("call"))
    where = SOURCE.split("\n").index("def calls(x: u64) -> u64:") + 1
    assert re.search(rf"subject\.calls +# \S+subject\.py:{where}$", called), called


def test_inlined_code_is_shown_with_both_places(source: Path) -> None:
    text = explain_code(f"{source}:with_lock").stdout
    assert re.search(r"\| > \S+subject\.py:\d+  while self\.word\.swap\(1, order=ACQUIRE\) != 0:\n +\w", text)
    bare = explain_code("--no-source", f"{source}:with_lock").stdout
    assert "|" not in bare and [s for s in text.splitlines() if " | " not in s] == bare.splitlines()


def test_all_instances_of_a_generic_method_are_shown() -> None:
    text = explain_code("--checked", "tests/compiler/programs/generics.py:Ring.push").stdout
    heads = re.findall(r"^\S+Ring\[(.*?)\]\.push  .* instructions$", text, re.MULTILINE)
    assert len(heads) > 1 and heads == sorted(set(heads)), text


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_kernel_files_are_compiled_in_their_world(arch: str) -> None:
    text = explain_code("--arch", arch, "kern/sync/spinlock.py:SpinLock.__exit__").stdout
    assert text.startswith("kern.sync.spinlock.SpinLock.__exit__  kern/sync/spinlock.py:"), text
    assert ("%gs:" if arch == "x86_64" else "tp") in text


@pytest.mark.parametrize(
    "place, words",
    [
        ("FILE:of_fmaily", "has no function `of_fmaily`; did you mean `of_family`?"),
        ("FILE:corners", "did you mean `Shape.corners`?"),
        ("FILE:Shape.area", "`Shape.area` has no code: it is abstract; Square, Ellipse give it one"),
        ("FILE", "is not FILE:FUNCTION"),
        ("nowhere.py:f", "there is no file nowhere.py"),
        ("FILE:2", "line 2 of"),
        ("compiler/runtime/hosted.py:host_write", "it is assembly"),
    ],
)
def test_what_cannot_be_shown_is_answered_with_a_sentence(source: Path, place: str, words: str) -> None:
    done = explain_code(place.replace("FILE", str(source)))
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


def test_a_line_means_the_function_around_it(source: Path) -> None:
    line = SOURCE.split("\n").index("    return codec.encode(3)") + 1
    assert explain_code(f"{source}:{line}").stdout.startswith("subject.of_only_class  ")


def test_read_assembly_ends_at_the_function_and_drops_labels_that_nothing_uses() -> None:
    text = "\n".join(
        [
            '"a.f[u8]":',
            "\t.loc\t1 3 0  # b.py:9 @[ a.py:3 ]",
            ".LBB0_1:",
            "\tnop",
            "\tjmp\t.LBB0_1",
            ".LBB0_2:",
            "\tretq",
            ".Lfunc_end0:",
            "a.g:",
            "\tud2",
            ".Lfunc_end1:",
        ]
    )
    body: list[Any] = body_of(text, "a.f[u8]")
    assert [getattr(i, "name", None) or i.text for i in body] == [".LBB0_1", "nop", "jmp     .LBB0_1", "retq"]
    assert [(p.file, p.line) for p in body[1].places] == [("b.py", 9), ("a.py", 3)]
