# SPDX-License-Identifier: GPL-2.0-or-later
"""Every run-time check of the language: its whole message, compiled and in CPython; and that release builds have none.

tests/compiler/tripping.py has one function for each.
"""

from __future__ import annotations

import re
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compiler.frontend import analyse, lower
from compiler.host import CheckFailed, Unit, load
from compiler.syntax.loader import World

SOURCE = Path(__file__).with_name("tripping.py")
SHOWN = "tests/compiler/tripping.py"
TEXT = SOURCE.read_text(encoding="utf-8")
INT_MIN = -(2**31)

# Function, arguments that pass, arguments that trip, the message.
CHECKS: list[tuple[str, tuple[Any, ...], tuple[Any, ...], str]] = [
    ("index_array", (7,), (12,), "index 12 is not below 8"),
    ("index_array", (0,), (-1,), "index -1 is not below 8"),
    ("index_span", ([5, 6], 1), ([5, 6], 2), "index 2 is not below 2"),
    ("index_text", ("abc", 2), ("abc", 200), "index 200 is not below 3"),
    ("store", (0,), (8,), "index 8 is not below 8"),
    ("cut", ([1, 2, 3], 1, 3), ([1, 2, 3], 1, 4), "slice end 4 is past the length 3"),
    ("cut", ([1, 2, 3], 0, 0), ([1, 2, 3], 1, -1), "slice end -1 is past the length 3"),
    ("cut", ([1, 2, 3], 3, 3), ([1, 2, 3], 2, 1), "slice start 2 is past its end 1"),
    ("cut", ([1, 2, 3], 0, 2), ([1, 2, 3], -2, 3), "slice start -2 is past its end 3"),
    ("tail", ([1, 2, 3], 3), ([1, 2, 3], 4), "slice start 4 is past its end 3"),
    ("narrow", (255,), (300,), "u8(300): does not fit (0 to 255)"),
    ("narrow", (0,), (-1,), "u8(-1): does not fit (0 to 255)"),
    ("signed", (2**63 - 1,), (2**63,), f"i64(9223372036854775808): does not fit ({-(2**63)} to {2**63 - 1})"),
    ("page", (2**32 - 1,), (2**32,), "Pfn(4294967296): does not fit (0 to 4294967295)"),
    ("level", (4,), (2,), "Level(2): no such member"),
    ("level", (1,), (257,), "Level(257): no such member"),
    ("mode", (3,), (65536,), "Mode(65536): does not fit (0 to 65535)"),
    ("truncate", (-2147483648.9,), (-2147483649.0,), f"i32(-2147483649.0): does not fit ({INT_MIN} to {2**31 - 1})"),
    ("truncate", (2147483647.5,), (1e300,), f"i32(1e+300): does not fit ({INT_MIN} to {2**31 - 1})"),
    ("truncate", (-0.5,), (float("nan"),), f"i32(nan): does not fit ({INT_MIN} to {2**31 - 1})"),
    ("add", (2**31 - 2, 1), (2**31 - 1, 1), "i32 overflow: 2147483647 + 1"),
    ("subtract", (-127, 1), (-128, 1), "i8 overflow: -128 - 1"),
    ("multiply", (2**31, 2**31), (2**32, -(2**32)), "i64 overflow: 4294967296 * -4294967296"),
    ("negate", (127,), (-128,), "i8 overflow: -(-128)"),
    ("magnitude", (-5,), (INT_MIN,), "i32 overflow: -(-2147483648)"),
    ("total", ([2**62, 2**62 - 1],), ([2**62, 2**62],), "i64 overflow: 4611686018427387904 + 4611686018427387904"),
    ("divide", (-5, 2), (-5, 0), "-5 // 0"),
    ("divide", (INT_MIN, 1), (INT_MIN, -1), "i32 overflow: -2147483648 // -1"),
    ("remainder", (7, 4), (2**64 - 1, 0), "18446744073709551615 % 0"),
    ("shift", (1, 31), (1, 40), "shift of u32 by 40"),
    ("shift", (1, 0), (1, -1), "shift of u32 by -1"),
    ("shift_back", (-2, 7), (-2, 8), "shift of i8 by 8"),
    ("stride", (3,), (0,), "the step of a range is 0"),
    ("least", ([4, 3],), ([],), "min of nothing"),
    ("copy_in", ("12345678",), ("123456789",), "memcpy of 9 elements into 8"),
    ("halve", (2,), (0,), "7 // 0"),
    ("insist", (2,), (5,), "5 is too many: 100% of 3"),
    ("insist_silently", (2,), (5,), "assertion failed: n % 2 == 0"),
]
ADDRESSES = [
    ("reference", 0, "at(Wide, 0): a null address"),
    ("reference", 0x1008, "at(Wide, 0x1008): not a multiple of 16"),
    ("reinterpret", 0, "cast(Wide, 0): a null address"),
    ("reinterpret", 0x1001, "cast(Wide, 0x1001): not a multiple of 16"),
    ("maybe", 0x1001, "cast(Wide, 0x1001): not a multiple of 16"),
    ("raw", 0x1004, "Ptr[u64](0x1004): not a multiple of 8"),
    ("outside", 0x1008, "container_of(Wide) at 0x1008: not a multiple of 16"),
]
IDS = [f"{name}: {what}" for name, _, _, what in CHECKS]
INSIDE = {"halve": "Wide.halve"}


def place(name: str) -> str:
    """`FILE:LINE: in FUNCTION: ` of a function's check, which is in its last line but for those that say otherwise."""
    lines = TEXT.splitlines()
    start = lines.index(next(s for s in lines if s.strip().startswith(f"def {name}(")))
    body = range(start + 1, len(lines))
    line = {"multiply": start + 2}.get(name, start + 1) if name != "halve" else lines.index("    def halve(self, by: i32) -> i32:") + 1
    assert line in body
    return f"{SHOWN}:{line + 1}: in {INSIDE.get(name, name)}: "


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load(SOURCE)


@pytest.fixture(scope="module")
def release() -> Unit:
    return load(SOURCE, checked=False)


@pytest.fixture(scope="module")
def by_cpython() -> Callable[[str, tuple[Any, ...]], Any]:
    """The call in CPython, with arguments as its annotations want them."""
    import lang
    from lang.source import compiled, place_of, prepared
    from lang.text import Str

    module = types.ModuleType("tripping")
    sys.modules["tripping"] = module
    space: dict[str, Any] = prepared(module.__dict__)
    exec(compiled(TEXT, str(SOURCE)), space)

    def made(value: Any) -> Any:
        if not isinstance(value, list):
            return Str(value) if isinstance(value, str) else value
        items = lang.array(len(value), lang.i64 if all(v >= 2**62 - 1 for v in value) and value else lang.u64)
        for i, item in enumerate(value):
            items[i] = items.elem(item)
        return items[0 : len(value)]

    def call(name: str, arguments: tuple[Any, ...]) -> Any:
        try:
            return space[name](*map(made, arguments))
        except (lang.CheckFailed, AssertionError) as failed:
            return f"{place_of(failed, SHOWN)}: {failed}"

    return call


@pytest.mark.parametrize(("name", "good", "bad", "what"), CHECKS, ids=IDS)
def test_a_check_tells_place_function_and_values(unit: Unit, name: str, good: tuple[Any, ...], bad: tuple[Any, ...], what: str) -> None:
    unit.call(name, *good)
    with pytest.raises(CheckFailed) as failed:
        unit.call(name, *bad)
    assert str(failed.value) == place(name) + what


@pytest.mark.parametrize(("name", "good", "bad", "what"), CHECKS, ids=IDS)
def test_cpython_tells_the_same(by_cpython: Any, name: str, good: tuple[Any, ...], bad: tuple[Any, ...], what: str) -> None:
    assert not isinstance(by_cpython(name, good), str)
    assert by_cpython(name, bad) == place(name) + what


@pytest.mark.parametrize(("name", "address", "what"), ADDRESSES)
def test_addresses_are_checked_where_references_are_made_of_them(unit: Unit, name: str, address: int, what: str) -> None:
    good = unit.buffer(64)
    unit.call(name, good)
    with pytest.raises(CheckFailed) as failed:
        unit.call(name, address)
    assert str(failed.value) == place(name) + what


def test_spans_do_not_wrap_around_the_end_of_memory(unit: Unit) -> None:
    assert unit.call("piece", 0x1000, 512) == 512 and unit.call("pieces", 2**64 - 8, 7) == 7
    for name, address, count in (("piece", 2**64 - 4096, 513), ("pieces", 2**64 - 8, 8)):
        with pytest.raises(CheckFailed) as failed:
            unit.call(name, address, count)
        assert str(failed.value) == f"{place(name)}span of {count} elements at {address:#x}: past the end of memory"
    with pytest.raises(CheckFailed, match=re.escape("span at 0x1004: not a multiple of 8")):
        unit.call("piece", 0x1004, 1)


def test_release_builds_have_no_checks(release: Unit) -> None:
    """Not one is called, described, or done: results wrap and conversions keep the low bits."""
    program = analyse(World(kind="hosted", arch="x86_64", checked=False, roots=[SOURCE]))
    text = "\n".join(lower(program).values())
    assert not re.search(r"call .*check_failed|@\.site\.|\.with\.overflow", text)
    assert release.call("add", 2**31 - 1, 1) == INT_MIN
    assert release.call("narrow", 300) == 44 and release.call("negate", -128) == -128
    assert release.call("divide", INT_MIN, -1) == INT_MIN
    assert release.call("shift", 1, 33) == 2
    assert release.call("truncate", 1e300) == 2**31 - 1 and release.call("truncate", float("nan")) == 0
    release.call("insist", 5)


def test_a_failed_check_ends_a_hosted_program_with_its_line() -> None:
    program = "tests/compiler/programs/fails_overflow.py"
    done = subprocess.run([sys.executable, "-m", "compiler", "run", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (101, "7\n7000\n7000000\n")
    assert done.stderr == f"{program}:10: in grow: i32 overflow: 7000000 * 1000\n"
