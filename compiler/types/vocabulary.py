# SPDX-License-Identifier: GPL-2.0-or-later
"""The names that `lang`, `typing`, `enum` and `abc` give to sources."""

from compiler.types.model import SCALARS

TYPES = {
    "Ref",
    "Ptr",
    "Span",
    "Array",
    "Atomic",
    "PerCore",
    "ThreadLocal",
    "Registry",
    "User",
    "Bits",
    "Mmio",
    "Reg",
    "Callable",
    "Raises",
    "Bytes",
    "Text",
    "Sink",
    "Format",
    "FormatSpec",
    "ErrorSlot",
    "CheckSite",
    "FailedCheck",
    "Error",
    "Errno",
    "TypeVar",
    "Generic",
    "NewType",
    "Literal",
    "Final",
    "ClassVar",
    "Annotated",
    "Optional",
    "Protocol",
    "ABC",
    "NoReturn",
    "Enum",
    "IntEnum",
    "IntFlag",
    "Flag",
    "auto",
    "abstractmethod",
    "TYPE_CHECKING",
    "TypeAlias",
    "Any",
    "override",
    "final",
    "Self",
    "Iterator",
    "runtime_checkable",
    "unique",
}
# Those that make a type with what stands in brackets behind them.
TYPE_HEADS = {
    "Ref", "Ptr", "Span", "Array", "Atomic", "User", "PerCore", "ThreadLocal", "Registry", "tuple", "Callable", "Literal", "Optional",
    "Final",
}  # fmt: skip
# Of `lang`, those that stand before a function and say something about it.
MARKS = {
    "extern", "export", "hook", "syscall", "noinline", "inline", "cold", "artificial", "vcore_context", "interrupt_context", "must_use",
    "blocks", "allocates", "takes_user_fault", "never_blocks", "entry", "starts_stack", "stack", "recursion", "tells_context",
    "unproven", "atomic_section", "sleeping_section", "begins_atomic", "ends_atomic",
}  # fmt: skip
FUNCTIONS = {
    "struct", "array", "text", "unset", "new", "free", "copy", "lend", "assign", "sizeof", "alignof", "offsetof", "offset", "wrap", "valid",
    "addr_of", "at", "ptr_of", "caller_module", "cast", "span_of", "as_bytes", "container_of", "fence", "compiler_fence",
    "volatile_load", "volatile_store", "atomic", "pause", "popcount", "clz", "ctz", "bswap", "sqrt", "cycle_counter", "mul_high",
    "frame_address", "return_address", "likely", "unlikely", "unreachable", "memcpy", "memset", "copy_bytes", "extern_symbol",
    "lock_order", "panic", "bit", "bits", "reg", "hash_bytes", "thread_pointer",
} | MARKS  # fmt: skip
CONSTANTS = {"CHECKED", "ARCH", "RELAXED", "ACQUIRE", "RELEASE", "ACQ_REL", "SEQ_CST", "WORLD"}
TYPING_NAMES = {
    "Callable", "TypeVar", "Generic", "NewType", "Literal", "Final", "ClassVar", "Annotated", "Optional", "Protocol", "NoReturn",
    "TYPE_CHECKING", "TypeAlias", "Any", "override", "final", "Self", "Iterator", "runtime_checkable",
}  # fmt: skip
ENUM_NAMES = {"Enum", "IntEnum", "IntFlag", "Flag", "auto", "unique"}
ABC_NAMES = {"ABC", "abstractmethod"}
# Functions that the compiler calls and a world provides, by `@hook`.
HOOKS = {"allocate", "release", "panic_with", "frame_overrun", "check_failed", "error_slot", "print_to"}
ALSO_IN = {"Callable": "collections.abc", "Iterator": "collections.abc"}
KNOWN = TYPES | FUNCTIONS | CONSTANTS | set(SCALARS) | {"annotations"}


def home_of(name: str) -> str:
    """The module that a name of the vocabulary is imported from."""
    if name == "annotations":
        return "__future__"
    return "typing" if name in TYPING_NAMES else "enum" if name in ENUM_NAMES else "abc" if name in ABC_NAMES else "lang"
