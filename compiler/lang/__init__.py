# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of the language, for CPython: `from lang import u64, struct, …` with the compiled program's semantics.

A program run as `python FILE.py` prints what the compiled one prints; that is the oracle of the differential tests. To type checkers the
integers are plain `int`s; the compiler is what checks widths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NewType, Protocol, TypeVar

if TYPE_CHECKING:
    from typing import dataclass_transform

    u8 = u16 = u32 = u64 = i8 = i16 = i32 = i64 = usize = isize = int
    f32 = f64 = float
    Paddr = NewType("Paddr", int)
    Kaddr = NewType("Kaddr", int)
    Uaddr = NewType("Uaddr", int)
    _T = TypeVar("_T")
    Ref = Annotated[_T, "ref"]
    User = Annotated[_T, "user"]
    Raises = Annotated[_T, "raises"]
    Array = Any
    Span = Any
    Ptr = Any
    Bytes = bytes

    @dataclass_transform(kw_only_default=False)
    def struct(cls: Any = None, **options: Any) -> Any: ...
else:
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

    f32 = f64 = float

from lang.enums import valid  # noqa: E402, F401
from lang.errno import Errno  # noqa: E402, F401
from lang.text import Format, FormatSpec, Sink, Str, Text, text  # noqa: E402, F401

if not TYPE_CHECKING:
    from lang.classes import (  # noqa: F401
        alignof,
        assign,
        container_of,
        copy,
        free,
        new,
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

    Bytes = Span[u8]
from lang.atomics import (  # noqa: E402, F401
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
from lang.bits import Bits, Mmio, Reg, bit, bits, reg  # noqa: E402, F401
from lang.errors import Error, Panic, panic, unreachable  # noqa: E402, F401
from lang.marks import (  # noqa: E402, F401
    ARCH,
    WORLD,
    atomic,
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
    atomic_section,
)
from lang.source import install, take_over  # noqa: E402

if not TYPE_CHECKING:
    __typing__ = (Callable, Generic, Iterator, Literal, Protocol)
    install()
    take_over()
