# SPDX-License-Identifier: GPL-2.0-or-later
"""What the declarations of system calls give besides entries and stubs: rows of data, the reference page, decoder and model."""

from pathlib import Path

import pytest

from compiler.lang.errno import Errno
from compiler.frontend import World, analyse
from compiler.syntax.call_models import arguments, decoder, errors, markdown, model, rows, signature
from compiler.syntax.declared import declared_calls

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def kernel():
    return analyse(World("kernel"))


@pytest.fixture(scope="module")
def calls(kernel):
    return declared_calls(kernel.loader)


def test_the_reference_page_is_what_the_declarations_say(kernel, calls):
    written = (REPO / "docs" / "syscalls.md").read_text(encoding="utf-8")
    assert written == markdown(rows(kernel, calls)), "run `python -m compiler syscalls --markdown > docs/syscalls.md`"


def test_rows_tell_kinds_sizes_and_members(kernel, calls):
    by_name = {r["name"]: r for r in rows(kernel, calls)}
    kinds = [(a["name"], a["kind"], a["words"]) for a in by_name["mmap"]["arguments"]]
    assert kinds == [
        *(("addr", "address", 1), ("length", "unsigned", 1), ("prot", "member", 1)),
        *(("flags", "member", 1), ("fd", "signed", 1), ("page", "unsigned", 1)),
    ]
    assert by_name["mmap"]["arguments"][2]["members"]["WRITE"] == 2
    assert by_name["read"]["arguments"][1] == {"name": "into", "kind": "span", "type": "u8", "words": 2, "size": 1}
    assert by_name["stat"]["arguments"][1]["size"] == kernel.layouts.complete(kernel.class_type(stat_class(kernel), ())).size
    assert signature(by_name["write"]) == "sys_write(fd: i32, data: Span[u8]) -> u64"


def stat_class(kernel):
    return kernel.modules["kern.abi.file"].scope["Stat"]


def test_every_call_fits_in_six_words_and_says_what_it_does(kernel, calls):
    assert len({c.number for c in calls}) == len(calls)
    for call, row in zip(calls, rows(kernel, calls), strict=True):
        assert sum(a.words for a in arguments(call)) <= 6
        assert row["does"].endswith("."), f"{row['name']} needs a docstring"


def test_decoder_and_model_have_every_call(calls):
    decoded, table = "\n".join(decoder(calls)), "\n".join(model(calls))
    for call in calls:
        assert f"case {call.number}:" in decoded and f"{call.short}(" in decoded
        assert f"CallModel(number={call.number}, name='{call.short}'" in table


def test_the_model_names_arguments_their_types_and_the_errors_that_are_documented(calls):
    by_name = {call.short: call for call in calls}
    assert errors(by_name["mmap"]) == ["EACCES", "EBADF", "EINVAL", "ENODEV", "ENOMEM"]
    line = next(line for line in model(calls) if "name='read'," in line)
    assert "WordModel(name='fd', of='i32', kind=WordKind.SIGNED, size=4)" in line
    assert "WordModel(name='into', of='u8', kind=WordKind.COUNT, size=u32(sizeof(u8)))" in line
    known = {member.name for member in Errno}
    assert all(set(errors(call)) <= known for call in calls)
