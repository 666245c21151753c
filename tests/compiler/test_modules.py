# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of several modules: the same compiled and under CPython, whatever names the modules give to their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = """
from typing import Callable, Generic, TypeVar

from lang import Array, Ref, Span, array, i64, struct, u64

T = TypeVar("T")


@struct
class Pair(Generic[T]):
    first: T
    second: T

    def swap(self) -> None:
        self.first, self.second = self.second, self.first


@struct
class Slots(Generic[T]):
    items: Array[T] = array(2)
    count: u64

    def last(self) -> T:
        return self.items[1]


def total(items: Span[T], of: Callable[[T], i64]) -> i64:
    found = 0
    for item in items:
        found += of(item)
    return found


"""
SMALL = """
from enum import Enum
from typing import NewType

from lang import i64, struct, u8, u16

Handle = NewType("Handle", u8)


class Kind(u8, Enum):
    LOW = 1
    HIGH = 2


@struct
class Node:
    value: u8

    def weight(self) -> i64:
        return i64(self.value)
"""
LARGE = """
from enum import Enum
from typing import NewType

from lang import i64, struct, u64

Handle = NewType("Handle", u64)


class Kind(Enum):
    WIDE = 70000
    HUGE = 70001


@struct
class Node:
    before: u64
    value: i64
    after: u64

    def weight(self) -> i64:
        return self.value * 1000
"""
MAIN = """
from typing import Callable

import large
import small
from deep.inner.small import Node as Third
from lang import array, i32, u8, u64
from library import Pair, Slots, total

smalls = array(2, small.Node)
larges = array(2, large.Node)


def main() -> i32:
    for n in range(2):
        smalls[n].value = u8(n + 3)
        larges[n].value = n + 5
        larges[n].after = 99
    print(total(smalls, lambda n: n.weight()), total(larges, lambda n: n.weight()))
    print(total(larges, weigh_large), total(smalls, weigh_small), Third(word="third").word)
    one, two = Slots[small.Node](), Slots[large.Node]()
    one.items[1].value, two.items[1].value, two.items[1].after = 7, 70000, 8
    print(one.last().value, two.last().value, two.last().after)
    a, b = Pair[small.Kind](small.Kind.LOW, small.Kind.HIGH), Pair[large.Kind](large.Kind.WIDE, large.Kind.HUGE)
    a.swap()
    b.swap()
    print(a.first, a.second, b.first, b.second)
    c, d = Pair[small.Handle](small.Handle(1), small.Handle(2)), Pair[large.Handle](large.Handle(1 << 40), large.Handle(2))
    c.swap()
    d.swap()
    print(c.second, d.second)
    return 0


def weigh_small(node: small.Node) -> int:
    return node.weight()


def weigh_large(node: large.Node) -> int:
    return node.weight()


if __name__ == "__main__":
    main()
"""
THIRD = """
from lang import struct


@struct
class Node:
    word: str
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    files = {"library": LIBRARY, "small": SMALL, "large": LARGE, "deep/inner/small": THIRD, "same_names": MAIN}
    for name, text in files.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""A module."""\n{text}', encoding="utf-8")
    return tmp_path / "same_names.py"


@pytest.mark.parametrize("mode", ["--checked", "--release"])
def test_types_of_one_name_in_several_modules_have_instances_of_their_own(program, mode):
    """Of generic functions, of generic classes, and of functions made for a lambda; modules of one name in two folders too."""
    by_python = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    compiled = subprocess.run([sys.executable, "-m", "compiler", "run", mode, str(program)], capture_output=True, text=True, check=False)
    assert compiled.stderr == by_python.stderr == "" and compiled.stdout == by_python.stdout
    assert compiled.stdout.splitlines()[0] == "7 11000"


RAISER = """
from typing import NoReturn

from lang import Errno, Error


def refuse(word: str) -> NoReturn:
    raise Error(Errno.EPERM, f"no {word}")
"""
CATCHER = """
from lang import Error, i32
from raiser import refuse


def main() -> i32:
    try:
        refuse("entry")
    except Error as e:
        print("caught", e.message)
    return 0


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("mode", ["--checked", "--release"])
def test_errors_of_another_module_s_functions_that_never_return_are_caught(tmp_path, mode):
    """They were declared to the optimiser as calls that nothing comes back from."""
    for name, text in {"raiser": RAISER, "catcher": CATCHER}.items():
        (tmp_path / f"{name}.py").write_text(f'"""A module."""\n{text}', encoding="utf-8")
    compiled = subprocess.run([sys.executable, "-m", "compiler", "run", mode, str(tmp_path / "catcher.py")], capture_output=True, text=True)
    assert (compiled.stdout, compiled.stderr) == ("caught no entry\n", "")
