# SPDX-License-Identifier: GPL-2.0-or-later
"""Subscripts in gdb's expressions: `p.vcores[2]` of spans, texts, strings, registries, lists and rings, checked as in the language.

gdb asks for these as for C++'s `operator[]`; there is no such function in the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import gdb
import gdb.xmethod

from scripts.gdb.machine import list_items


def of_span(value: gdb.Value, index: int) -> gdb.Value:
    within(index, int(value["len"]))
    return value["ptr"][index]


def of_text(value: gdb.Value, index: int) -> gdb.Value:
    within(index, int(value["header"]["used"]))
    return value["data"][index]


def of_ring(value: gdb.Value, index: int) -> gdb.Value:
    within(index, int(value["tail"]) - int(value["head"]))
    return value["slots"]["ptr"][(int(value["head"]) + index) % int(value["slots"]["len"])]


def of_list(value: gdb.Value, index: int) -> gdb.Value:
    within(index, int(value["count"]))
    return next(islice(list_items(value), index, None)).dereference()


def of_tuple(value: gdb.Value, index: int) -> gdb.Value:
    within(index, len(value.type.fields()))
    return value[f"_{index}"]


def within(index: int, length: int) -> None:
    if not 0 <= index < length:
        raise gdb.GdbError(f"index {index} is out of range: the length is {length}")


KINDS: dict[str, Callable[[gdb.Value, int], gdb.Value]] = {
    "str": of_span,
    "Span": of_span,
    "Registry": of_span,
    "Ring": of_ring,
    "IntrusiveList": of_list,
    "tuple": of_tuple,
    "text": of_text,
}


def taker(kind: gdb.Type) -> Callable[[gdb.Value, int], gdb.Value] | None:
    return KINDS.get((kind.name or "").partition("[")[0].partition("(")[0])


def subscript(value: gdb.Value, index: int) -> gdb.Value:
    """`value[index]`, where `value` may be a reference."""
    if value.type.code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF):
        value = value.referenced_value()
    take = taker(value.type.strip_typedefs())
    if take is None:
        raise gdb.GdbError(f"{value.type} has no items")
    return take(value, index)


class Subscript(gdb.xmethod.XMethodWorker):
    def get_arg_types(self) -> gdb.Type:
        return gdb.lookup_type("i64")

    def __call__(self, *args: gdb.Value) -> gdb.Value:
        return subscript(args[0], int(args[1]))


class Subscripts(gdb.xmethod.XMethodMatcher):
    def __init__(self) -> None:
        super().__init__("pykaros")
        self.methods = [gdb.xmethod.XMethod("subscript")]

    def match(self, kind: gdb.Type, name: str) -> list[Subscript]:
        return [Subscript()] if name == "operator[]" and taker(kind) is not None else []


def register() -> None:
    gdb.xmethod.register_xmethod_matcher(None, Subscripts(), replace=True)
