# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of the language, for CPython: `from lang import u64, struct, …` with the compiled program's semantics.

A program run as `python FILE.py` prints what the compiled one prints; that is the oracle of the differential tests. To type checkers the
vocabulary is that of `__init__.pyi`.
"""

from __future__ import annotations

import os
import sys

# A program's folder comes first in CPython's path, and may hold programs called `random` or `time`: the standard library goes before it.
if sys.path and sys.path[0] == os.path.dirname(os.path.abspath(getattr(sys.modules["__main__"], "__file__", ""))):
    sys.path.append(sys.path.pop(0))

from lang.integers import (  # noqa: F401
    CHECKED,
    CheckFailed,
    Int,
    Kaddr,
    Paddr,
    Uaddr,
    bswap,
    clz,
    ctz,
    i8,
    i16,
    i32,
    i64,
    isize,
    mul_high,
    popcount,
    u8,
    u16,
    u32,
    u64,
    usize,
    wrap,
)

from lang.floats import sqrt  # noqa: F401
from lang.enums import valid  # noqa: F401
from lang.errno import Errno  # noqa: F401
from lang.text import Format, FormatSpec, Sink, Str, Text, text  # noqa: F401

from lang.classes import (  # noqa: F401
    alignof,
    assign,
    container_of,
    copy,
    free,
    unset,
    lend,
    new,
    offset,
    offsetof,
    sizeof,
    struct,
)
from lang.memory import (  # noqa: F401
    Array,
    Ptr,
    Raises,
    Ref,
    Span,
    User,
    addr_of,
    array,
    as_bytes,
    at,
    cast,
    copy_bytes,
    memcpy,
    memset,
    place,
    span_of,
    volatile_load,
    volatile_store,
)
from lang.atomics import (  # noqa: F401
    ACQ_REL,
    ACQUIRE,
    RELAXED,
    RELEASE,
    SEQ_CST,
    Atomic,
    PerCore,
    Registry,
    ThreadLocal,
    compiler_fence,
    cycle_counter,
    fence,
    pause,
)
from lang.bits import Bits, Mmio, Reg, bit, bits, reg  # noqa: F401
from lang.errors import Error, Panic, panic, unreachable  # noqa: F401
from lang.marks import (  # noqa: F401
    ARCH,
    WORLD,
    atomic,
    artificial,
    caller_module,
    cold,
    export,
    extern,
    extern_symbol,
    frame_address,
    hash_bytes,
    hook,
    inline,
    interrupt_context,
    likely,
    must_use,
    noinline,
    ptr_of,
    return_address,
    syscall,
    thread_pointer,
    unlikely,
    vcore_context,
    blocks,
    allocates,
    takes_user_fault,
    lock_order,
    never_blocks,
    sleeping_section,
    entry,
    starts_stack,
    stack,
    recursion,
    tells_context,
    unproven,
    atomic_section,
    begins_atomic,
    ends_atomic,
)
from lang.source import install, take_over

f32 = f64 = float
Bytes = Span[u8]
install()
take_over()
