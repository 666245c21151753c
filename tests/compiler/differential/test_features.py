# SPDX-License-Identifier: GPL-2.0-or-later
"""Ranges, strings, floats, flags, bit-fields and texts with generated operands, against CPython."""

from hypothesis import given
from hypothesis import strategies as st

from tests.compiler.differential.expressions import TYPES, limits, values
from tests.compiler.differential.support import HEAD, SETTINGS, compiled_run, cpython_run


def program(prelude, functions, calls):
    body = "\n".join(f"    {c}" for c in calls)
    end = f'\n\ndef main() -> i32:\n{body}\n    return 0\n\n\nif __name__ == "__main__":\n    raise SystemExit(main())\n'
    return f'{HEAD}"""Generated."""\n\n{prelude}\n\n' + "\n\n".join(functions) + end


def agree(source):
    expected = cpython_run(source)
    for release in (False, True):
        if release and expected[0] == 101:
            continue
        got = compiled_run(source, release)
        lines, have = expected[1].splitlines(), got[1].splitlines()
        for i, line in enumerate(lines):
            assert i < len(have) and have[i] == line, (
                f"release={release} line {i}: CPython {line!r}, compiled {have[i : i + 1]}\n{got[2]}\n{source}"
            )
        assert got[0] == expected[0], f"release={release}: status {got[0]}, CPython {expected[0]}\n{got[2]}\n{expected[2]}\n{source}"


@st.composite
def ranges(draw):
    """(type, start, stop, step): short ranges, often at the edge of the type."""
    ty = draw(st.sampled_from(TYPES))
    low, high = limits(ty)
    start = draw(values(ty))
    step = draw(st.sampled_from([1, 2, 3, 7, 100, -1, -2, -5, -100]))
    step = max(min(step, high), -high if low < 0 else -100)
    stop = min(max(start + step * draw(st.integers(-2, 6)) + draw(st.integers(-1, 1)), low), high)
    return ty, start, stop, step


@SETTINGS
@given(st.lists(ranges(), min_size=20, max_size=40))
def test_ranges(batch):
    functions, calls = [], []
    for i, (ty, start, stop, step) in enumerate(batch):
        loops = [f"range(a, b, {step})", "reversed(range(a, b))" if abs(stop - start) < 50 else "range(a, a)"]
        if step > 0 and ty[0] == "u":
            loops.append("range(a, b, c)")
        body = "\n".join(f'    for i in {loop}:\n        print(i, end=" ")\n    print("|", end="")' for loop in loops)
        functions.append(f"@noinline\ndef case{i}(a: {ty}, b: {ty}, c: {ty}) -> None:\n{body}\n    print()\n")
        calls.append(f"case{i}({start}, {stop}, {max(step, 1)})")
    agree(program("from lang import i8, i16, i32, i64, noinline, u8, u16, u32, u64\n", functions, calls))


STRINGS = st.text(alphabet="ab =ä\n1", max_size=10)
STRING_HEAD = """from lang import Errno, Error, i32, i64, noinline, text, u8, u64


@noinline
def show(a: str, b: str) -> None:
    print(a == b, a < b, a <= b, len(a), a.find(b), a.rfind(b), a.startswith(b), a.endswith(b), a.isdigit(), b in a)
    print(f"[{a.strip()}] [{a.lstrip()}] [{a.rstrip()}] {a!r:>12} {b!r:<8.5}|{a:^9.4}|")
    if b:
        before, after = a.split1(b)
        print(f"<{before}> <{after}>")
    for byte in a:
        print(byte, end=",")
    line = text(7)
    line.write(f"{a}{b}")
    line.append("é")
    print(f"{line.len} {line.truncated} {line.view!r} {line:>9}|")
    line.pop(2)
    print(line.len, line == a)


@noinline
def parse(a: str) -> None:
    try:
        print(u64(a))
    except Error as e:
        print(e.errno, e.message)
    try:
        print(i64(a))
    except Error as e:
        print(e.errno, e.message)


@noinline
def cut(a: str, i: u64, j: u64) -> None:
    if i <= j and j <= len(a):
        print(f"{a[i:j]!r} {a[i:]!r} {a[:j]!r}", a[i:j] == a[:j])
"""


@SETTINGS
@given(
    st.lists(
        st.tuples(STRINGS, STRINGS | st.text(alphabet="ab ", max_size=2), st.integers(0, 5), st.integers(0, 9)), min_size=10, max_size=25
    ),
    st.lists(
        st.text(alphabet="0123456789", max_size=21)
        | st.sampled_from(["-", "+5", "-0", "-9223372036854775808", "-9223372036854775809", " 1", "1_0", "18446744073709551616"])
        | st.integers(-(1 << 65), 1 << 65).map(str),
        max_size=10,
    ),
)
def test_strings(pairs, numbers):
    calls = []
    for a, b, i, j in pairs:
        calls += [f"show({a!r}, {b!r})", f"cut({a.replace('ä', 'a')!r}, {i}, {j})"]
    calls += [f"parse({n!r})" for n in numbers]
    agree(program(STRING_HEAD, [], calls))


FLOATS = st.floats(-1e6, 1e6).map(lambda x: round(x, 3)) | st.sampled_from([0.0, 1.0, -1.0, 0.5, 1e-9, 1e18, 3.0, -2.5])
FLOAT_HEAD = """from lang import f64, i32, i64, noinline, u8


@noinline
def show(a: f64, b: f64, n: i32) -> None:
    print(a + b, a - b, a * b, a < b, a <= b, a == b, a != b, a >= b, -a, abs(a), min(a, b), max(a, b))
    if b != 0.0:
        print(a / b, a // b, a % b)
    if abs(a) < 1e15:
        print(i64(a), f64(i64(a)), f64(n) * a, a + 1, 2 * b)
    x = a
    x += b
    x *= 0.5
    print(x, x if x > 0.0 else b, bool_of(a), f"{a:.4f} {b:e} {x:g} {a:,.1f}")


def bool_of(a: f64) -> bool:
    return not a == 0.0 and (a > 1.0 or a < -1.0)
"""


@SETTINGS
@given(st.lists(st.tuples(FLOATS, FLOATS, st.integers(-1000, 1000)), min_size=10, max_size=25))
def test_floats(triples):
    agree(program(FLOAT_HEAD, [], [f"show({a!r}, {b!r}, {n})" for a, b, n in triples]))


BITS_HEAD = """from enum import IntEnum, IntFlag

from lang import Array, Bits, array, bit, bits, bswap, clz, ctz, i32, mul_high, noinline, popcount, struct, u8, u16, u32, u64, valid, wrap


class Mode(u8, IntFlag):
    R = 1
    W = 2
    X = 4
    S = 64


class Level(IntEnum):
    LOW = 1
    MIDDLE = 2
    HIGH = 9


class Word(Bits[u32]):
    low = bits(0, 4)
    flag = bit(5)
    level = bits(8, 11, Level)
    high = bits(20, 31)


@struct
class Holder:
    word: Word
    modes: Array[Mode] = array(3)


holder = Holder()


@noinline
def show(a: u32, b: u8, c: u64) -> None:
    word = Word.from_raw(a)
    print(word.low, word.flag, word.high, f"{word.raw:#010x}")
    other = word
    other.low = u32(b & 31)
    other.flag = b > 9
    other.high += 1
    holder.word = other
    holder.word.level = Level.HIGH if b & 1 else Level.LOW
    print(f"{word.raw:#x} {other.raw:#x} {holder.word.raw:#x}", holder.word.level, holder.word == other)
    mode = Mode(b & 71)
    mode |= Mode.X
    print(Mode.R in mode, Mode.W not in mode, u8(mode), u8(mode & ~Mode.R), u8(mode ^ Mode.S), u8(~mode))
    print(mode == Mode.X, bool_of(mode & Mode.W))
    holder.modes[u64(b) % 3] |= mode
    print(u8(holder.modes[0]), u8(holder.modes[2]), valid(Mode, b), valid(Level, b), Level.MIDDLE + a % 5, a > Level.HIGH)
    print(popcount(a), clz(a), ctz(a), bswap(a), popcount(b), clz(b), ctz(c), clz(c), bswap(c), mul_high(c, c), wrap(u16, c), wrap(u8, a))


def bool_of(mode: Mode) -> bool:
    if mode:
        return True
    return False
"""


@SETTINGS
@given(st.lists(st.tuples(values("u32"), values("u8"), values("u64")), min_size=10, max_size=25))
def test_bits_and_flags(triples):
    agree(program(BITS_HEAD, [], [f"show({a}, {b}, {c})" for a, b, c in triples]))
