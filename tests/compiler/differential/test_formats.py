# SPDX-License-Identifier: GPL-2.0-or-later
"""Format specs: an f-string of a compiled program prints what Python's `format` gives."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from tests.compiler.differential.expressions import TYPES, values
from tests.compiler.differential.support import HEAD, SETTINGS, assert_lines, compiled_run

FILLS = ["", "*", "0", " ", "-", "x", "."]


@st.composite
def layouts(draw, aligns):
    """Fill and alignment, or nothing."""
    align = draw(st.sampled_from(["", *aligns]))
    return draw(st.sampled_from(FILLS)) + align if align else ""


WIDTH = st.sampled_from(["", "1", "5", "12", "30", "36", "37", "70"])


@st.composite
def integer_cases(draw):
    ty = draw(st.sampled_from(TYPES))
    kind = draw(st.sampled_from(["", "d", "x", "X", "o", "b"]))
    sign = draw(st.sampled_from(["", "+", " ", "-"]))
    group = draw(st.sampled_from(["", "_", ","] if kind in ("", "d") else ["", "_"]))
    zero = draw(st.sampled_from(["", "0"]))
    width = draw(WIDTH)
    alternate = draw(st.sampled_from(["", "#"]))
    spec = f"{draw(layouts('<>^='))}{sign}{alternate}{zero if width else ''}{width}{group}{kind}"
    return ty, draw(values(ty)), spec


@st.composite
def string_cases(draw):
    text = draw(
        st.text(
            st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f\xad", exclude_categories=("Cc",)), max_size=12
        )
    )
    precision = draw(st.sampled_from(["", ".0", ".3", ".20"]))
    return "str", text, f"{draw(layouts('<>^'))}{draw(WIDTH)}{precision}{draw(st.sampled_from(['', 's']))}"


# Numbers that end in the middle between two shown ones, and those just beside.
TIES = st.builds(
    lambda n, places, off: n / 2**places + off, st.integers(-5000, 5000), st.integers(0, 14), st.sampled_from([0.0, 1e-13, -1e-13])
)


@st.composite
def float_cases(draw):
    bits = struct.unpack("<d", struct.pack("<Q", draw(st.integers(0, 2**64 - 1))))[0]
    value = draw(st.sampled_from([bits, 0.0, 0.5, 1.5, 0.1, 1e16, 123456.789, 1e-5, 9.9996, 2.0**64]) | st.floats(-1e6, 1e6) | TIES)
    kind = draw(st.sampled_from(["", "f", "e", "g"]))
    precision = draw(st.sampled_from(["", ".0", ".1", ".2", ".3", ".12", ".17", ".18"]))
    return "f64", value, f"{draw(layouts('<>^='))}{draw(st.sampled_from(['', '+', ' ']))}{draw(WIDTH)}{precision}{kind}"


def source_of(ty, value):
    if ty == "f64":
        bits = struct.unpack("<Q", struct.pack("<d", value))[0]
        return f"float_of({bits})"
    return repr(value)


@SETTINGS
@given(st.lists(integer_cases() | string_cases() | float_cases(), min_size=40, max_size=80))
def test_specs_print_as_in_python(batch):
    functions, calls, expected = [], [], []
    for i, (ty, value, spec) in enumerate(batch):
        try:
            expected.append(format(value, spec))
        except ValueError:
            continue
        quote = spec.replace("{", "{{").replace("}", "}}")
        functions.append(f'@noinline\ndef case{i}(x: {ty}) -> None:\n    print(f"{{x:{quote}}}")\n')
        calls.append(f"    case{i}({source_of(ty, value)})")
    imports = "from lang import Ptr, array, cast, f64, i8, i16, i32, i64, noinline, u8, u16, u32, u64\n"
    helper = "box = array(1, u64)\n\n\ndef float_of(bits: u64) -> f64:\n    box[0] = bits\n    return cast(Ptr[f64], box[0:1].ptr)[0]\n"
    body = "\n".join(calls)
    source = (
        f'{HEAD}"""Generated."""\n\n{imports}\n{helper}\n\n' + "\n\n".join(functions) + f"\n\ndef main() -> i32:\n{body}\n    return 0\n"
    )
    assert_lines(source, expected, compiled_run(source))
