# SPDX-License-Identifier: GPL-2.0-or-later
"""The types of the language, their sizes, and how each is held in LLVM registers and in memory.

Two views of a type. *Storage* is what a field, an array element or a global holds: there a class means its bytes and
`Ref[C]` a pointer. A *value* is what a name or an expression holds: there a class is always a reference. `value_of`
goes from the first to the second. Types are interned: compare them with `is`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compiler.types.decls import ClassDecl

POINTER_SIZE = 8


class Type:
    """Base of all; `name` is how diagnostics show it, `llvm` the register type, `size`/`align` in memory."""

    name: str = "?"
    llvm: str = "void"
    size: int = 0
    align: int = 1
    is_place = False  # values are addresses of storage (classes, arrays, atomics)

    def __repr__(self) -> str:
        return self.name


class IntType(Type):
    def __init__(self, name: str, bits: int, signed: bool) -> None:
        self.name, self.bits, self.signed = name, bits, signed
        self.llvm = f"i{bits}"
        self.size = self.align = bits // 8
        self.low = -(1 << (bits - 1)) if signed else 0
        self.high = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1

    def wrap(self, value: int) -> int:
        value &= (1 << self.bits) - 1
        return value - (1 << self.bits) if self.signed and value > self.high else value


class FloatType(Type):
    def __init__(self, name: str, llvm: str, size: int) -> None:
        self.name, self.llvm, self.size, self.align = name, llvm, size, size


class BoolType(Type):
    name, llvm, size, align = "bool", "i1", 1, 1


class VoidType(Type):
    name = "None"


class NoReturnType(Type):
    name = "NoReturn"


class NoneValueType(Type):
    """The type of the literal `None` until a context gives it one."""

    name = "None"


class UntypedInt(Type):
    """An integer constant that takes the type of its context."""

    name = "int literal"


U8, U16, U32, U64 = (IntType(f"u{b}", b, False) for b in (8, 16, 32, 64))
I8, I16, I32, I64 = (IntType(f"i{b}", b, True) for b in (8, 16, 32, 64))
UNSIGNED = {I8: U8, I16: U16, I32: U32, I64: U64}
F32, F64 = FloatType("f32", "float", 4), FloatType("f64", "double", 8)
BOOL, VOID, NORETURN, NONE, UNTYPED = BoolType(), VoidType(), NoReturnType(), NoneValueType(), UntypedInt()


class NewType(Type):
    """A distinct type over an integer: `Paddr`, `Pfn`."""

    def __init__(self, name: str, base: IntType) -> None:
        self.name, self.base = name, base
        self.llvm, self.size, self.align = base.llvm, base.size, base.align


PADDR, KADDR, UADDR = NewType("Paddr", U64), NewType("Kaddr", U64), NewType("Uaddr", U64)


class EnumType(Type):
    """`kind` is 'enum', 'int' or 'flag'."""

    def __init__(self, name: str, kind: str, storage: IntType, members: dict[str, int], decl: ClassDecl) -> None:
        self.name, self.kind, self.storage, self.members, self.decl = name, kind, storage, members, decl
        self.llvm, self.size, self.align = storage.llvm, storage.size, storage.align


class BitField:
    def __init__(self, name: str, low: int, high: int, ty: Type) -> None:
        self.name, self.low, self.high, self.ty = name, low, high, ty
        self.width = high - low + 1
        self.mask = (1 << self.width) - 1


class BitsType(Type):
    def __init__(self, name: str, raw: IntType, fields: dict[str, BitField], decl: ClassDecl) -> None:
        self.name, self.raw, self.fields, self.decl = name, raw, fields, decl
        self.broken = False  # a field had an error: what is missing is not reported again
        self.llvm, self.size, self.align = raw.llvm, raw.size, raw.align


class Register:
    def __init__(self, name: str, offset: int, ty: Type, count: int, stride: int) -> None:
        self.name, self.offset, self.ty, self.count, self.stride = name, offset, ty, count, stride


class MmioType(Type):
    """A device's registers; the value is the base address."""

    llvm, size, align = "i64", 8, 8

    def __init__(self, name: str, registers: dict[str, Register], decl: ClassDecl) -> None:
        self.name, self.registers, self.decl = name, registers, decl


class MmioArrayType(Type):
    """`u.slots`, an indexed register; exists only until it is indexed."""

    llvm, size, align = "i64", 8, 8

    def __init__(self, register: Register) -> None:
        self.name, self.register = f"registers {register.name}", register


class ClassType(Type):
    """One class, or one instance of a generic class. As a value: a reference to it.

    `symbol` is the name that symbols contain: instances for two classes of one name, in different modules, differ in it.
    """

    llvm = "ptr"
    is_place = True

    def __init__(self, name: str, decl: ClassDecl, args: tuple[Any, ...]) -> None:
        self.name, self.decl, self.args = name, decl, args
        self.symbol = name
        self.fields: dict[str, Field] = {}
        self.base: ClassType | None = None
        self.laid_out = False
        self.broken = False  # a field had an error: what is missing is not reported again
        self.polymorphic = False
        self.vtable: list[Any] = []

    def derives_from(self, other: ClassType) -> bool:
        cls: ClassType | None = self
        while cls is not None:
            if cls is other:
                return True
            cls = cls.base
        return False


class Field:
    def __init__(self, name: str, ty: Type, offset: int, default: Any, owner: ClassType) -> None:
        self.name, self.ty, self.offset, self.default, self.owner = name, ty, offset, default, owner


class RefType(Type):
    """A pointer in storage: `Ref[C]`. As a value it is just `C`."""

    llvm, size, align = "ptr", 8, 8

    def __init__(self, target: Type) -> None:
        self.name, self.target = f"Ref[{target.name}]", target


class PtrType(Type):
    llvm, size, align = "ptr", 8, 8

    def __init__(self, elem: Type) -> None:
        self.name, self.elem = f"Ptr[{elem.name}]", elem


class SpanType(Type):
    llvm, size, align = "{ptr, i64}", 16, 8

    def __init__(self, elem: Type, name: str) -> None:
        self.name, self.elem = name, elem


class ArrayType(Type):
    """Embedded storage of `length` elements; the value is its address."""

    llvm = "ptr"
    is_place = True

    def __init__(self, elem: Type, length: int) -> None:
        self.name, self.elem, self.length = f"Array[{elem.name}, {length}]", elem, length
        self.size, self.align = elem.size * length, elem.align


class TextType(Type):
    """Storage of a `Text` header and `room` bytes behind it; the value is a `Text` reference."""

    llvm = "ptr"
    is_place = True

    def __init__(self, header: ClassType, room: int) -> None:
        self.name, self.header, self.room = f"text({room})", header, room
        self.size, self.align = header.size + (room + 7) // 8 * 8, 8


class OptionalType(Type):
    """Pointers use null for None; other types carry a flag."""

    def __init__(self, inner: Type) -> None:
        self.name, self.inner = f"{inner.name} | None", inner
        self.nullable = is_pointer(inner)
        if self.nullable:
            self.llvm, self.size, self.align = "ptr", 8, 8
        else:
            self.llvm = f"{{{inner.llvm}, i1}}"
            self.align = inner.align
            self.size = (inner.size + 1 + self.align - 1) // self.align * self.align


class TupleType(Type):
    def __init__(self, elems: tuple[Type, ...]) -> None:
        self.elems = elems
        self.name = f"tuple[{', '.join(e.name for e in elems)}]"
        self.llvm = "{" + ", ".join(e.llvm for e in elems) + "}"
        offset, self.align, self.offsets = 0, 1, []
        for e in elems:
            size, align = (8, 8) if e.is_place else (e.size, e.align)
            offset = (offset + align - 1) // align * align
            self.offsets.append(offset)
            offset += size
            self.align = max(self.align, align)
        self.size = (offset + self.align - 1) // self.align * self.align


class FuncType(Type):
    llvm, size, align = "ptr", 8, 8

    def __init__(self, params: tuple[Type, ...], result: Type, raises: bool) -> None:
        self.params, self.result, self.raises = params, result, raises
        shown = f"Raises[{result.name}]" if raises else result.name
        self.name = f"Callable[[{', '.join(p.name for p in params)}], {shown}]"


class ClosureType(Type):
    """A function within a function that captures variables: the value is its frame (elaborate/closures.py)."""

    llvm, size, align = "ptr", 8, 8

    def __init__(self, made: Any) -> None:
        self.name, self.made = f"function `{made.name}`", made


class UserType(Type):
    """A checked but untrusted pointer from user space; `inner` is a Ref, Span or str type."""

    def __init__(self, inner: Type) -> None:
        self.name, self.inner = f"User[{inner.name}]", inner
        spanlike = isinstance(inner, SpanType)
        self.llvm = "{ptr, i64}" if spanlike else "ptr"
        self.size, self.align = (16, 8) if spanlike else (8, 8)


class AtomicType(Type):
    llvm = "ptr"
    is_place = True

    def __init__(self, elem: Type) -> None:
        self.name, self.elem = f"Atomic[{elem.name}]", elem
        self.size, self.align = elem.size, elem.align


class PerCoreType(Type):
    """`PerCore[T]` (kernel) and `ThreadLocal[T]` (user): `kind` is 'core' or 'thread'."""

    llvm = "ptr"
    is_place = True

    def __init__(self, kind: str, elem: Type) -> None:
        self.kind, self.elem = kind, elem
        self.name = f"{'PerCore' if kind == 'core' else 'ThreadLocal'}[{elem.name}]"
        self.size, self.align = elem.size, elem.align


class RegistryType(Type):
    llvm = "ptr"
    is_place = True
    size, align = 16, 8

    def __init__(self, elem: Type) -> None:
        self.name, self.elem = f"Registry[{elem.name}]", elem


class LiteralType(Type):
    """A name given to a generic: `Literal["link"]`."""

    def __init__(self, value: str) -> None:
        self.name, self.value = f"Literal['{value}']", value


def is_pointer(ty: Type) -> bool:
    """Whether None can be its null."""
    return isinstance(ty, (RefType, ClassType, PtrType, FuncType, ArrayType, TextType))


_interned: dict[tuple[Any, ...], Type] = {}


def intern(make: Any, *key: Any) -> Any:
    """The one `make(*key)`; types are compared by identity."""
    full = (make, *key)
    found = _interned.get(full)
    if found is None:
        found = _interned[full] = make(*key)
    return found


def span_of(elem: Type) -> SpanType:
    return intern(SpanType, elem, f"Span[{elem.name}]")


STR: SpanType = intern(SpanType, U8, "str")


def optional(inner: Type) -> Type:
    return inner if isinstance(inner, OptionalType) else intern(OptionalType, inner)


def value_of(storage: Type) -> Type:
    """What a name bound to such storage holds."""
    if isinstance(storage, RefType):
        return storage.target
    if isinstance(storage, OptionalType) and isinstance(storage.inner, RefType):
        return optional(storage.inner.target)
    if isinstance(storage, TextType):
        return storage.header
    return storage


def storage_of(value: Type) -> Type:
    """How a value is kept in memory: references become pointers."""
    if isinstance(value, (ClassType, ArrayType, TextType)):
        return intern(RefType, value)
    if isinstance(value, OptionalType) and isinstance(value.inner, ClassType):
        return optional(intern(RefType, value.inner))
    return value


def underlying(ty: Type) -> Type:
    """The integer below an enum, a new type or bit-fields."""
    if isinstance(ty, EnumType):
        return ty.storage
    if isinstance(ty, NewType):
        return ty.base
    if isinstance(ty, BitsType):
        return ty.raw
    return ty


SCALARS: dict[str, Type] = {t.name: t for t in (U8, U16, U32, U64, I8, I16, I32, I64, F32, F64, BOOL, PADDR, KADDR, UADDR)}
SCALARS |= {
    "usize": U64,
    "isize": I64,
    "int": I64,
    "float": F64,
    "str": STR,
    "bytes": span_of(U8),
    "Bytes": span_of(U8),
    "NoReturn": NORETURN,
}
