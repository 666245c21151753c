# SPDX-License-Identifier: GPL-2.0-or-later
"""The names that `lang`, `typing`, `enum` and `abc` give to sources."""

from compiler.types.model import SCALARS

TYPES = {
    "Ref", "Ptr", "Span", "Array", "Atomic", "PerCore", "ThreadLocal", "Registry", "User", "Bits", "Mmio", "Reg", "Callable", "Raises",
    "Bytes", "Text", "Sink", "Format", "FormatSpec", "ErrorSlot", "Error", "Errno", "TypeVar", "Generic", "NewType", "Literal", "Final",
    "ClassVar", "Annotated", "Optional", "Protocol", "ABC", "NoReturn", "Enum", "IntEnum", "IntFlag", "Flag", "auto", "abstractmethod",
    "TYPE_CHECKING", "Any", "override", "final", "Self", "Iterator", "runtime_checkable", "unique",
}
FUNCTIONS = {
    "struct", "array", "text", "new", "free", "copy", "assign", "sizeof", "alignof", "offsetof", "wrap", "valid", "addr_of", "at", "ptr_of", "cast",
    "span_of", "as_bytes", "container_of", "fence", "compiler_fence", "volatile_load", "volatile_store", "atomic", "pause", "popcount", "clz",
    "ctz", "bswap", "cycle_counter", "mul_high", "frame_address", "return_address", "likely", "unlikely", "unreachable", "memcpy", "memset",
    "copy_bytes", "extern", "export", "extern_symbol", "hook", "syscall", "noinline", "inline", "cold", "vcore_context", "interrupt_context",
    "must_use", "panic", "bit", "bits", "reg", "hash_bytes", "thread_pointer",
}
CONSTANTS = {"CHECKED", "ARCH", "RELAXED", "ACQUIRE", "RELEASE", "ACQ_REL", "SEQ_CST", "WORLD"}
KNOWN = TYPES | FUNCTIONS | CONSTANTS | set(SCALARS) | {"annotations"}
