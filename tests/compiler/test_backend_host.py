# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiled code inside this process: guarded calls on hand-written IR, and values both ways through real sources."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from compiler.backend.cache import Cache
from compiler.host import CheckFailed, CompiledError, SourceErrors, Unit, load
from compiler.host.engine import EXITED, RETURNED, Engine

IR = """
declare void @exit(i32) noreturn
declare i64 @write(i32, i64, i64)
declare i64 @strlen(ptr)
declare i64 @"arch.cpu.nowhere"(i64)
@".s" = private unnamed_addr constant [4 x i8] c"hey\\00"
define linkonce_odr i64 @"shared.triple"(i64 %a) {
 %r = mul i64 %a, 3
 ret i64 %r
}
define i64 @"NAME.work"(i64 %x) {
  %c = icmp eq i64 %x, 7
  br i1 %c, label %bad, label %ok
bad:
  %p = ptrtoint ptr @".s" to i64
  %w = call i64 @write(i32 2, i64 %p, i64 3)
  call void @exit(i32 101)
  unreachable
ok:
  %m = call i64 @"shared.triple"(i64 %x)
  %l = call i64 @strlen(ptr @".s")
  %t = add i64 %l, %m
  ret i64 %t
}
define i64 @"NAME.privileged"(i64 %x) {
  %r = call i64 @"arch.cpu.nowhere"(i64 %x)
  ret i64 %r
}
"""
THUNK = """
declare i64 @"FUNCTION"(i64)
define i1 @"thunk.FUNCTION"(ptr %a, ptr %r) {
  %x = load i64, ptr %a
  %v = call i64 @"FUNCTION"(i64 %x)
  store i64 %v, ptr %r
  ret i1 false
}
"""


def test_guarded_calls_survive_exit_and_missing_functions(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    engine = Engine({name: IR.replace("NAME", name) for name in ("a", "b")}, cache)
    assert engine.missing == ["arch.cpu.nowhere"]
    engine.output = []
    work = engine.add_thunk("thunk.b.work", THUNK.replace("FUNCTION", "b.work"), cache)
    argument, result = ctypes.c_int64(), ctypes.c_int64()

    def call(thunk: int, value: int) -> int:
        argument.value = value
        return engine.enter(thunk, ctypes.addressof(argument), ctypes.addressof(result))

    for value in (1, 7, 2, 7, 100):
        how = call(work, value)
        if value == 7:
            assert how == EXITED and engine.exit_status == 101
        else:
            assert how == RETURNED and result.value == 3 * value + 3
    assert engine.output == [(2, b"hey"), (2, b"hey")]
    privileged = engine.add_thunk("thunk.a.privileged", THUNK.replace("FUNCTION", "a.privileged"), cache)
    assert call(privileged, 1) == EXITED and engine.missing_call() == "arch.cpu.nowhere" and engine.missing_call() == ""


SOURCE = '''
"""Values of every kind, in and out."""
from enum import Enum

from lang import Errno, Error, Span, i8, i32, u8, u64, wrap


class Kind(Enum):
    A = 1
    B = 2


def add(a: u64, b: u64) -> u64:
    return a + b


def negate(x: i8) -> i8:
    return -x


def half(x: u64) -> u64 | None:
    return x // 2 if x % 2 == 0 else None


def both(x: u64) -> tuple[u64, bool]:
    return x + 1, x > 3


def upper(text: str, into: Span[u8]) -> u64:
    for i in range(len(text)):
        into[i] = text[i] & 0xdf
    return len(text)


def total(values: Span[u64]) -> u64:
    found: u64 = 0
    for v in values:
        found += v
    return found


def tail(text: str, n: u64) -> str:
    return text[n:len(text)]


def other(kind: Kind) -> Kind:
    return Kind.B if kind == Kind.A else Kind.A


def opened(name: str) -> i32:
    if name != "here":
        raise Error(Errno.ENOENT, f"no file {name}")
    return 3


def at_index(values: Span[u64], i: u64) -> u64:
    return values[i]


def only_big(x: u64) -> None:
    assert x > 10, "too small"
    print("big", x)
'''


@pytest.fixture(scope="module")
def unit() -> Unit:
    return load(SOURCE)


def test_scalars(unit: Unit) -> None:
    assert unit.call("add", 2**63, 2**63 + 5) == 5
    assert unit.call("negate", -127) == 127
    assert unit.call("other", 1) == 2
    with pytest.raises(OverflowError):
        unit.call("negate", 200)
    with pytest.raises(TypeError, match="takes 2 arguments"):
        unit.call("add", 1)


def test_optionals_and_tuples(unit: Unit) -> None:
    assert unit.call("half", 8) == 4 and unit.call("half", 9) is None
    assert unit.call("both", 3) == (4, False) and unit.call("both", 4) == (5, True)


def test_spans_and_strings(unit: Unit) -> None:
    into = bytearray(8)
    assert unit.call("upper", "hello", into) == 5 and bytes(into) == b"HELLO\0\0\0"
    assert unit.call("total", [1, 2, 3]) == 6 and unit.call("total", (ctypes.c_uint64 * 2)(4, 5)) == 9
    assert unit.call("tail", "pykaros", 2) == "karos"


def test_raises_become_exceptions(unit: Unit) -> None:
    assert unit.call("opened", "here") == 3
    with pytest.raises(CompiledError) as caught:
        unit.call("opened", "there")
    assert caught.value.errno == 2 and caught.value.message == "no file there"


def test_failed_checks_become_exceptions_and_the_unit_lives_on(unit: Unit) -> None:
    assert unit.call("at_index", [5, 6], 1) == 6
    with pytest.raises(CheckFailed, match=r"\.py:\d+: "):
        unit.call("at_index", [5, 6], 2)
    with pytest.raises(CheckFailed, match="too small"):
        unit.call("only_big", 3)
    unit.call("only_big", 30)
    assert unit.output.endswith("big 30\n")
    with pytest.raises(CheckFailed, match="overflow"):
        unit.call("negate", -128)


def test_unknown_functions_and_wrong_sources_are_answered(unit: Unit) -> None:
    with pytest.raises(AttributeError, match="it has add, at_index"):
        unit.call("subtract", 1)
    with pytest.raises(SourceErrors, match=r"error\[E0201\]: "):
        load("def f() -> i32:\n    return undefined_name\n")


def test_memory_at_an_address_grows_and_comes_cleared(unit: Unit) -> None:
    """One scenario may want more of it than another one of the same process did."""
    address = 0x0070_0000
    for size in (0x1000, 0x3000, 0x2000):
        unit.map_at(address, size)
        assert ctypes.string_at(address, size) == bytes(size)
        ctypes.memset(address, 7, size)
