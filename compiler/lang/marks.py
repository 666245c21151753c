# SPDX-License-Identifier: GPL-2.0-or-later
"""Decorators and machine-level names that mean something to the compiled program only."""

from __future__ import annotations

import sys
from typing import Any

from lang.integers import u64

ARCH = "x86_64"
WORLD = "hosted"


def _mark(item: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Works bare and with arguments."""
    return item if callable(item) else lambda function: function


export = extern = hook = syscall = noinline = inline = cold = artificial = vcore_context = interrupt_context = must_use = _mark
blocks = allocates = takes_user_fault = never_blocks = tells_context = unproven = _mark
atomic_section = sleeping_section = begins_atomic = ends_atomic = _mark
entry = starts_stack = stack = recursion = _mark


def caller_module() -> Any:
    """Compiled, a default of this is the name of the module that calls; here it is that of the module it stands in."""
    from lang.text import Str

    return Str(sys._getframe(1).f_globals["__name__"])


def lock_order(*names: str) -> int:
    """Each lock comes after those before it; `"Class.field"` or `"module.name"`."""
    return len(names)


def likely(condition: Any) -> Any:
    return condition


def unlikely(condition: Any) -> Any:
    return condition


def extern_symbol(symbol: str) -> Any:
    raise TypeError(f"the linker's symbol `{symbol}` needs the compiled program")


def frame_address() -> Any:
    return u64(0)


def return_address() -> Any:
    return u64(0)


def thread_pointer() -> Any:
    return u64(0)


def hash_bytes(data: Any) -> Any:
    """FNV-1a, 64 bits."""
    found = 0xCBF29CE484222325
    for byte in data:
        found = (found ^ int(byte)) * 0x100000001B3 & 0xFFFF_FFFF_FFFF_FFFF
    return u64(found)


def ptr_of(place: Any) -> Any:
    raise TypeError("`ptr_of` takes a field or an element: `ptr_of(x.count)`")


def atomic(place: Any) -> Any:
    raise TypeError("`atomic` takes a field or an element: `atomic(x.flags)`")
