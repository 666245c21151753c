# SPDX-License-Identifier: GPL-2.0-or-later
"""How gdb prints values of the language, and of the kernel's containers: strings, spans, lists and maps as what is in them.

A pointer to a process or a kernel thread says which one it is. A value whose memory cannot be read is printed as gdb does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gdb
import gdb.printing

from scripts.gdb.machine import chain, list_items, text_of

Children = Iterator[tuple[str, Any]]
STRING_LIMIT = 512  # bytes of a `str` that are looked at


class Shown:
    """A printer: a word in front, and children."""

    def __init__(self, text: Callable[[], str], items: Callable[[], Iterator[Any]], hint: str = "array") -> None:
        self.text, self.items, self.hint = text, items, hint

    def to_string(self) -> str:
        return self.text()

    def children(self) -> Children:
        for i, item in enumerate(self.items()):
            yield f"[{i}]", item

    def display_hint(self) -> str | None:
        return self.hint


class Pairs(Shown):
    """Children that have a key."""

    def children(self) -> Children:
        for i, (key, item) in enumerate(self.items()):
            yield f"key {i}", key
            yield f"value {i}", item


class Leaf:
    """Nothing but one value or text: another object than `Shown`, since gdb asks a printer without children for none."""

    def __init__(self, value: Any, hint: str | None = None) -> None:
        self.value, self.hint = value, hint

    def to_string(self) -> Any:
        return self.value

    def display_hint(self) -> str | None:
        return self.hint


def bytes_of(span: gdb.Value) -> str:
    length = int(span["len"])
    data = gdb.selected_inferior().read_memory(int(span["ptr"]), min(length, STRING_LIMIT)) if length else b""
    return bytes(data).decode(errors="replace") + ("..." if length > STRING_LIMIT else "")


def span(value: gdb.Value) -> Any:
    length = int(value["len"])
    elem = value.type.strip_typedefs().name.partition("[")[2][:-1]
    return Shown(lambda: f"{length} of {elem}", lambda: (value["ptr"][i] for i in range(length)))


def ring(value: gdb.Value) -> Any:
    head, tail, size = int(value["head"]), int(value["tail"]), int(value["slots"]["len"])
    return Shown(lambda: f"{tail - head} of {size}", lambda: (value["slots"]["ptr"][i % size] for i in range(head, tail)))


def hash_map(value: gdb.Value) -> Any:
    low, high = value["buckets"].type.range()
    buckets = (value["buckets"][i]["head"] for i in range(low, high + 1))
    pairs = ((item["hash_key"], item) for head in buckets for item in chain(head, "hash_next"))
    return Pairs(lambda: f"{int(value['count'])} items", lambda: pairs, "map")


def optional(value: gdb.Value) -> Any:
    return Leaf(value["value"] if value["is_some"] else "None")


def pair(value: gdb.Value) -> Any:
    return Leaf("(" + ", ".join(value[f].format_string() for f in value.type.strip_typedefs().fields()) + ")")


def process(p: gdb.Value) -> str:
    return f'process {int(p["pid"])} "{text_of(p["name"])}", {state_of(p)}'


def state_of(p: gdb.Value) -> str:
    state = int(p["state_bits"]["value"])
    names = {f.enumval: str(f.name).rpartition("::")[2] for f in gdb.lookup_type("ProcState").fields()}
    return names.get(state, f"state {state}")


def kthread(thread: gdb.Value) -> str:
    return f'thread "{bytes_of(thread["name"])}"' + (", blocked" if int(thread["flags"]) & 2 else "")


def vcore_mapping(value: gdb.Value) -> Any:
    here = f"on core {int(value['pcoreid'])}" if int(value["valid"]) else "offline"
    pending = ", to be preempted" if int(value["preempt_pending"]["value"]) else ""
    return Whole(value, here + pending)


class Whole:
    """All fields as they are, with a summary in front."""

    def __init__(self, value: gdb.Value, summary: str) -> None:
        self.value, self.summary = value, summary

    def to_string(self) -> str:
        return self.summary

    def children(self) -> Children:
        for field in self.value.type.strip_typedefs().fields():
            part = self.value[field]
            yield str(field.name), part.referenced_value().address if part.type.code == gdb.TYPE_CODE_REF else part


# By the class's name, of which generics keep what is before the bracket.
CLASSES: dict[str, Callable[[gdb.Value], Any]] = {
    "str": lambda v: Leaf(bytes_of(v), "string"),
    "Span": span,
    "Registry": span,
    "tuple": pair,
    "Atomic": lambda v: Leaf(v["value"]),
    "Text": lambda v: Leaf(text_of(v), "string"),
    "IntrusiveList": lambda v: Shown(lambda: f"{int(v['count'])} items", lambda: list_items(v)),
    "Queue": lambda v: Shown(lambda: f"{sum(1 for _ in chain(v['head'], 'next'))} items", lambda: chain(v["head"], "next")),
    "HashMap": hash_map,
    "Ring": ring,
    "Proc": lambda v: Whole(v, process(v)),
    "Kthread": lambda v: Whole(v, kthread(v)),
    "VcoreMapping": vcore_mapping,
}
POINTERS: dict[str, Callable[[gdb.Value], str]] = {"Proc": process, "Kthread": kthread}


def look_up(value: gdb.Value) -> Any:
    try:
        return printer_of(value)
    except gdb.MemoryError:
        return None


def printer_of(value: gdb.Value) -> Any:
    kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR:
        say = POINTERS.get(kind.target().name or "")
        if say is None or not int(value):
            return None
        return Leaf(f"{int(value):#x} ({say(value.dereference())})")
    name = kind.name or ""
    if kind.code != gdb.TYPE_CODE_STRUCT:
        return None
    if name.endswith(" | None"):
        return optional(value)
    if name.startswith("text("):
        return Leaf(text_of(value), "string")
    make = CLASSES.get(name.partition("[")[0])
    return make(value) if make is not None else None


class Printers(gdb.printing.PrettyPrinter):
    def __init__(self) -> None:
        super().__init__("pykaros")

    def __call__(self, value: gdb.Value) -> Any:
        return look_up(value)


def register() -> None:
    gdb.printing.register_pretty_printer(None, Printers(), replace=True)
