# SPDX-License-Identifier: GPL-2.0-or-later
"""Random programs print the same compiled and under CPython, also where a check or an error ends them."""

from hypothesis import given
from hypothesis import strategies as st

from tests.compiler.differential.statements import Maker
from tests.compiler.differential.support import SETTINGS, compiled_run, cpython_run


def differences(source):
    """What differs between the three ways to run it; empty if nothing does."""
    status, out, err = cpython_run(source)
    if status not in (0, 1, 101):
        return f"CPython itself ends with {status}\n{err}"
    found = []
    for release in (False, True):
        got = compiled_run(source, release)
        if release and status == 101:
            continue  # without checks it goes on, whatever it then does
        if got[:2] != (status, out) or last_words(got[2]) != last_words(err):
            lines, have = out.splitlines(), got[1].splitlines()
            first = next((i for i, (a, b) in enumerate(zip(lines, have, strict=False)) if a != b), min(len(lines), len(have)))
            where = f"release={release} status {status}/{got[0]} line {first}"
            found.append(f"{where}: CPython {lines[first : first + 1]}, compiled {have[first : first + 1]}\n{err}\n{got[2]}")
    return "\n".join(found)


def last_words(text):
    """The message, without the name of the temporary file."""
    return text.strip().splitlines()[-1].split("program.py:")[-1] if text.strip() else ""


@SETTINGS
@given(st.integers(0, 1 << 32))
def test_programs_agree(seed):
    source = Maker(seed).program()
    found = differences(source)
    assert not found, f"seed {seed}\n{source}\n{found}"
