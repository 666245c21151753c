# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine level of `lang`: memory and pointers, atomics, fences, instructions."""

from __future__ import annotations

import ast
from typing import Any

from compiler.types import hir, model
from compiler.types.elaborate.convert import same
from compiler.types.hir import Bin, Cmp, Const, Conv, Expr, Intrinsic, Make, Part, Seq
from compiler.types.model import (
    BOOL,
    NORETURN,
    STR,
    U8,
    U64,
    VOID,
    ArrayType,
    AtomicType,
    ClassType,
    IntType,
    OptionalType,
    PtrType,
    SpanType,
    Type,
)

ATOMIC_METHODS = {"load", "store", "swap", "add", "sub", "or_", "and_", "xor", "cas", "min", "max"}


class MachineMixin:
    # -- memory -------------------------------------------------------------------------------------------------
    def call_array(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self.make_array(node, want)

    def call_text(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self.make_text(node)

    def call_unset(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self.make_unset(node)

    def call_new(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self.make_new(node, want)

    def call_free(self: Any, node: ast.Call, want: Type | None) -> Expr:
        found = self.expr(self.exactly(node, 1)[0])
        if isinstance(found.ty, OptionalType):
            raise self.may_be_none(node.args[0], found)
        pointer = Part(U64, found, 0) if isinstance(found.ty, SpanType) else found
        if not isinstance(found.ty, (SpanType, ClassType, PtrType)):
            raise self.error("E1108", node.args[0], f"a `{found.ty.name}` was not made by `new`")
        return self.hook_call("release", [Conv(U64, "ptrtoint", pointer)], node)

    def call_copy(self: Any, node: ast.Call, want: Type | None) -> Expr:
        self.exactly(node, 1)
        return self.make_copy(node)

    def call_assign(self: Any, node: ast.Call, want: Type | None) -> Expr:
        into_node, from_node = self.exactly(node, 2)
        into = self.expr(into_node)
        if not isinstance(into.ty, (ClassType, ArrayType)):
            raise self.error("E1109", into_node, f"`assign` copies whole structs, not `{into.ty.name}`", "use `=`")
        value = self.value(from_node, into.ty)
        self.forget_memory()
        return Seq(VOID, [hir.CopyBytes(into, value, self.program.layouts.ensure(into.ty).size)], Const(VOID, None))

    def call_addr_of(self: Any, node: ast.Call, want: Type | None) -> Expr:
        argument = self.exactly(node, 1)[0]
        return Conv(U64, "ptrtoint", self._address_of(argument))

    def _address_of(self: Any, node: ast.expr) -> Expr:
        meaning = self.meaning(node) if isinstance(node, (ast.Name, ast.Attribute)) else None
        from compiler.types.decls import FuncDecl

        if isinstance(meaning, FuncDecl):
            if self.program.type_variables(meaning):
                return self.function_value(meaning, node, None)  # which says that it is generic
            inst = self.program.instance(meaning, None, {}, node)
            inst.taken.append((self.module, node))
            self.fn.has_function_values = True
            return hir.FnAddr(U64, inst)
        found = self.expr(node)
        ty = found.ty
        if isinstance(ty, SpanType):
            return Part(U64, found, 0)
        if isinstance(found, hir.Load):
            if isinstance(ty, (ClassType, PtrType, model.FuncType)) or isinstance(ty, OptionalType) and ty.nullable:
                return found
            return found.addr
        if model.is_pointer(ty) or ty.is_place or isinstance(ty, OptionalType) and ty.nullable:
            return found
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            prepare, addr, _, _ = self.place(node)
            return Seq(U64, prepare, addr) if prepare else addr
        raise self.error("E1107", node, f"a `{ty.name}` has no address", "put it in a field, an array or a global")

    def call_ptr_of(self: Any, node: ast.Call, want: Type | None) -> Expr:
        prepare, addr, storage, _ = self.place(self.exactly(node, 1)[0])
        ty = model.intern(PtrType, storage)
        return Seq(ty, prepare, same(addr, ty)) if prepare else same(addr, ty)

    def call_at(self: Any, node: ast.Call, want: Type | None) -> Expr:
        ty_node, address = self.exactly(node, 2)
        ty = self.type_argument(ty_node)
        number = self.to_integer(self.settled(address, U64), node)
        if number.ty is not U64:
            raise self.error("E1103", address, f"an address must be `u64`, not `{number.ty.name}`")
        value = model.value_of(ty)
        if not (ty.is_place or isinstance(value, ClassType)):
            raise self.error("E1110", ty_node, f"`at` gives references to structs, not `{ty.name}`", f"use `Ptr[{ty.name}](address)`")
        return self.pointer_from(number, value, ty, f"at({ty.name}, ", node)

    def pointer_from(self: Any, number: Expr, result: Type, target: Type, shown: str, node: ast.AST) -> Expr:
        """An address as a reference to a `target`: in checked builds neither 0 (unless the result may be None) nor misaligned.

        `shown` is how the source makes it, up to the address.
        """
        align = self.program.layouts.ensure(target).align
        may_be_null = isinstance(result, (OptionalType, PtrType))
        sound = isinstance(number, Const) and number.value != 0 and number.value % align == 0
        if not self.checked or sound or may_be_null and align == 1:
            return Conv(result, "inttoptr", number)
        setter, number = self.temp(number)
        aligned = Cmp(BOOL, "eq", Bin(U64, "and", number, hir.u64(align - 1)), hir.u64(0))
        wrong = self.fail_statements(f"{shown}%x): not a multiple of {align}", node, number)
        if may_be_null:
            return Seq(result, [setter, hir.If(aligned, [], wrong)], Conv(result, "inttoptr", number))
        given = Cmp(BOOL, "ne", number, hir.u64(0))
        null = self.fail_statements(f"{shown}0): a null address", node)
        good = given if align == 1 else Bin(BOOL, "and", given, aligned)  # one branch; which it was is for the cold side to find
        return Seq(result, [setter, hir.If(good, [], [hir.If(given, wrong, null)])], Conv(result, "inttoptr", number))

    def call_cast(self: Any, node: ast.Call, want: Type | None) -> Expr:
        ty_node, value = self.exactly(node, 2)
        ty = model.value_of(self.type_argument(ty_node))
        found = self.settle(self.expr(value, ty))
        from_pointer = model.is_pointer(found.ty) or found.ty.is_place or isinstance(found.ty, OptionalType) and found.ty.nullable
        to_pointer = model.is_pointer(ty) or ty.is_place or isinstance(ty, OptionalType) and ty.nullable
        if from_pointer and to_pointer:
            return same(found, ty)
        if to_pointer and self.to_integer(found, node).ty is U64:
            return self._pointer_cast(self.to_integer(found, node), ty, node)
        if from_pointer and ty is U64:
            return Conv(U64, "ptrtoint", found)
        if isinstance(found.ty, SpanType) and isinstance(ty, SpanType) and found.ty.elem.size == ty.elem.size:
            return same(found, ty)
        return same(self.convert(found, ty, node), ty)

    def _pointer_cast(self: Any, number: Expr, ty: Type, node: ast.AST) -> Expr:
        inner: Any = ty.inner if isinstance(ty, OptionalType) else ty
        if isinstance(inner, PtrType):
            return self.pointer_from(number, ty, inner.elem, f"cast({inner.name}, ", node)
        if isinstance(inner, ClassType) or inner.is_place:
            return self.pointer_from(number, ty, inner, f"cast({inner.name}, ", node)
        return Conv(ty, "inttoptr", number)  # a function

    def call_span_of(self: Any, node: ast.Call, want: Type | None) -> Expr:
        first, count = self.exactly(node, 2)
        pointer = self.expr(first)
        if isinstance(pointer.ty, ClassType):
            elem: Type = pointer.ty
        elif isinstance(pointer.ty, PtrType):
            elem = pointer.ty.elem
        elif isinstance(pointer.ty, ArrayType):
            elem = pointer.ty.elem
        else:
            raise self.error("E1112", first, f"`span_of` takes a pointer, not `{pointer.ty.name}`")
        return self.span_at(same(pointer, model.intern(PtrType, elem)), self.value(count, U64), elem, node)

    def span_at(self: Any, start: Expr, count: Expr, elem: Type, node: ast.AST) -> Expr:
        """A span made up from its parts; in checked builds not one that wraps around the end of memory, nor a misaligned one."""
        ty = model.span_of(elem)
        size, align = self.program.layouts.ensure(elem).size, elem.align
        if not self.checked or isinstance(count, Const):
            return Make(ty, [start, count])
        set_start, start = self.temp(start)
        set_count, count = self.temp(count)
        address = Conv(U64, "ptrtoint", start)
        room = Bin(U64, "lshr", Bin(U64, "xor", address, hir.u64((1 << 64) - 1)), hir.u64(max(size, 1).bit_length() - 1))
        fits = Cmp(BOOL, "ule", count, room)  # of an element of 48 bytes only 32 are counted: cheap, and as good against nonsense
        body = [set_start, set_count, self.check(fits, "span of %v elements at %x: past the end of memory", node, count, address)]
        if align > 1:
            aligned = Cmp(BOOL, "eq", Bin(U64, "and", address, hir.u64(align - 1)), hir.u64(0))
            body.append(self.check(aligned, f"span at %x: not a multiple of {align}", node, address))
        return Seq(ty, body, Make(ty, [start, count]))

    def call_as_bytes(self: Any, node: ast.Call, want: Type | None) -> Expr:
        found = self.expr(self.exactly(node, 1)[0])
        if isinstance(found.ty, SpanType):
            setter, span = self.temp(found)
            size = Bin(U64, "mul.wrap", Part(U64, span, 1), hir.u64(found.ty.elem.size))
            return Seq(model.span_of(U8), [setter], Make(model.span_of(U8), [Part(U64, span, 0), size]))
        if not found.ty.is_place:
            raise self.error("E1111", node, f"a `{found.ty.name}` is not a struct")
        return Make(model.span_of(U8), [same(found, U64), hir.u64(self.program.layouts.ensure(found.ty).size)])

    def call_container_of(self: Any, node: ast.Call, want: Type | None) -> Expr:
        ty_node, name, ref = self.exactly(node, 3)
        field = self._field_named(ty_node, name)
        ty = self.type_argument(ty_node)
        value = self.expr(ref)
        align = self.program.layouts.ensure(ty).align
        if not self.checked or align <= field.ty.align:
            return hir.Offset(ty, value, -field.offset)
        setter, found = self.temp(hir.Offset(ty, value, -field.offset))
        address = Conv(U64, "ptrtoint", found)
        aligned = Cmp(BOOL, "eq", Bin(U64, "and", address, hir.u64(align - 1)), hir.u64(0))
        check = self.check(aligned, f"container_of({ty.name}) at %x: not a multiple of {align}", node, address)
        return Seq(ty, [setter, check], found)

    def call_memcpy(self: Any, node: ast.Call, want: Type | None) -> Expr:
        into_node, from_node = self.exactly(node, 2)
        set_into, into = self.temp(self.as_span(self.expr(into_node), into_node))
        set_from, source = self.temp(self.as_span(self.expr(from_node), from_node))
        size = self.program.layouts.ensure(into.ty.elem).size
        if size != self.program.layouts.ensure(source.ty.elem).size:
            raise self.error("E1109", node, f"`{source.ty.name}` does not copy over `{into.ty.name}`")
        body = [set_into, set_from]
        if self.checked:
            body.append(
                self.check(
                    Cmp(BOOL, "ule", Part(U64, source, 1), Part(U64, into, 1)),
                    "memcpy of %v elements into %v",
                    node,
                    Part(U64, source, 1),
                    Part(U64, into, 1),
                )
            )
        count = Part(U64, source, 1)
        length = count if size == 1 else Bin(U64, "mul.wrap", count, hir.u64(size))
        self.forget_memory()
        return Seq(VOID, [*body, hir.Do(Intrinsic(VOID, "memmove", [Part(U64, into, 0), Part(U64, source, 0), length]))], Const(VOID, None))

    call_copy_bytes = call_memcpy

    def call_memset(self: Any, node: ast.Call, want: Type | None) -> Expr:
        into_node, value_node = self.exactly(node, 2)
        set_into, into = self.temp(self.as_span(self.expr(into_node), into_node))
        size = self.program.layouts.ensure(into.ty.elem).size
        value = self.value(value_node, U8)
        length = Bin(U64, "mul.wrap", Part(U64, into, 1), hir.u64(size))
        self.forget_memory()
        return Seq(VOID, [set_into, hir.Do(Intrinsic(VOID, "memset", [Part(U64, into, 0), value, length]))], Const(VOID, None))

    def call_getattr(self: Any, node: ast.Call, want: Type | None) -> Expr:
        base_node, name = self.exactly(node, 2)
        text = self.name_meant(name)
        if text is None:
            raise self.error("E0812", name, "`getattr` needs a name known at compile time", 'a type variable bound to `Literal["field"]`')
        attribute = ast.Attribute(value=base_node, attr=text, ctx=ast.Load())
        ast.copy_location(attribute, node)
        return self.expr(attribute)

    # -- atomics ------------------------------------------------------------------------------------------------
    def call_atomic(self: Any, node: ast.Call, want: Type | None) -> Expr:
        prepare, addr, storage, _ = self.place(self.exactly(node, 1)[0])
        ty = model.intern(AtomicType, storage)
        return Seq(ty, prepare, same(addr, ty)) if prepare else same(addr, ty)

    def order_of(self: Any, node: ast.Call, default: str = "seq_cst") -> str:
        for keyword in node.keywords:
            if keyword.arg == "order":
                found = self.expr(keyword.value)
                if isinstance(found, hir.StrLit):
                    return found.data.decode()
            raise self.error("E0803", keyword, f"`{keyword.arg}` is not a parameter here", "an atomic operation takes `order=…`")
        return default

    def _atomic_method(self: Any, base: Expr, name: str, node: ast.Call) -> Expr:
        ty = base.ty
        storage = ty.elem
        value_ty = model.value_of(storage)
        order = self.order_of(node)
        self.forget_memory()
        if name == "load":
            self.exactly(node, 0)
            return hir.AtomicOp(value_ty, "load", base, [], {"release": "monotonic", "acq_rel": "acquire"}.get(order, order), storage)
        if name == "cas":
            expected, new = self.exactly(node, 2)
            args = [self.value(expected, value_ty), self.value(new, value_ty)]
            return hir.AtomicOp(BOOL, "cas", base, args, order, storage)
        value = self.value(self.exactly(node, 1)[0], value_ty)
        if name == "store":
            return hir.AtomicOp(VOID, "store", base, [value], {"acquire": "monotonic", "acq_rel": "release"}.get(order, order), storage)
        op = {"swap": "xchg", "or_": "or", "and_": "and"}.get(name, name)
        base_ty = model.underlying(value_ty)
        if name in ("min", "max") and isinstance(base_ty, IntType) and not base_ty.signed:
            op = "u" + name
        return hir.AtomicOp(value_ty, op, base, [value], order, storage)

    def call_fence(self: Any, node: ast.Call, want: Type | None) -> Expr:
        order = "seq_cst"
        if node.args:
            found = self.expr(node.args[0])
            order = found.data.decode() if isinstance(found, hir.StrLit) else order
        return Intrinsic(VOID, "fence", [hir.StrLit(STR, order.encode())])

    def call_compiler_fence(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return Intrinsic(VOID, "compiler_fence", [])

    def call_volatile_load(self: Any, node: ast.Call, want: Type | None) -> Expr:
        argument = self.exactly(node, 1)[0]
        found = self.expr(argument)
        if isinstance(found.ty, PtrType):
            return hir.Load(model.value_of(found.ty.elem), found, found.ty.elem, True)
        prepare, addr, storage, _ = self.place(argument)
        value = hir.Load(model.value_of(storage), addr, storage, True)
        return Seq(value.ty, prepare, value) if prepare else value

    def call_volatile_store(self: Any, node: ast.Call, want: Type | None) -> Expr:
        pointer_node, value_node = self.exactly(node, 2)
        found = self.expr(pointer_node)
        if isinstance(found.ty, PtrType):
            return Seq(
                VOID, [hir.Store(found, self.value(value_node, model.value_of(found.ty.elem)), found.ty.elem, True)], Const(VOID, None)
            )
        prepare, addr, storage, _ = self.place(pointer_node)
        return Seq(VOID, [*prepare, hir.Store(addr, self.value(value_node, model.value_of(storage)), storage, True)], Const(VOID, None))

    # -- machine ------------------------------------------------------------------------------------------------
    def call_pause(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return Intrinsic(VOID, "pause", [])

    def _count(self: Any, node: ast.Call, name: str) -> Expr:
        value = self.to_integer(self.settled(self.exactly(node, 1)[0]), node)
        if not isinstance(value.ty, IntType):
            raise self.error("E0404", node.args[0], f"a `{value.ty.name}` has no bits to count")
        return Intrinsic(value.ty, name, [value])

    def call_popcount(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self._count(node, "ctpop")

    def call_clz(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self._count(node, "ctlz")

    def call_ctz(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return self._count(node, "cttz")

    def call_bswap(self: Any, node: ast.Call, want: Type | None) -> Expr:
        found = self._count(node, "bswap")
        return found if found.ty.bits > 8 else found.args[0]

    def call_sqrt(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return Intrinsic(model.F64, "sqrt", [self.value(self.exactly(node, 1)[0], model.F64)])

    def call_cycle_counter(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return Intrinsic(U64, "readcyclecounter", [])

    def call_mul_high(self: Any, node: ast.Call, want: Type | None) -> Expr:
        a, b = self.exactly(node, 2)
        return Intrinsic(U64, "mul_high", [self.value(a, U64), self.value(b, U64)])

    def call_frame_address(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return Conv(U64, "ptrtoint", Intrinsic(model.intern(PtrType, U8), "frameaddress", []))

    def call_return_address(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return Conv(U64, "ptrtoint", Intrinsic(model.intern(PtrType, U8), "returnaddress", []))

    def call_thread_pointer(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return Conv(U64, "ptrtoint", Intrinsic(model.intern(PtrType, U8), "thread.pointer", []))

    def call_likely(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return Intrinsic(BOOL, "likely", [self.condition(self.exactly(node, 1)[0])])

    def call_unlikely(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return Intrinsic(BOOL, "unlikely", [self.condition(self.exactly(node, 1)[0])])

    def call_unreachable(self: Any, node: ast.Call, want: Type | None) -> Expr:
        return Seq(NORETURN, [hir.Unreachable()], Const(NORETURN, None))

    def call_panic(self: Any, node: ast.Call, want: Type | None) -> Expr:
        message = self.format_argument(self.exactly(node, 1)[0])
        return self.hook_call("panic_with", [message], node)

    def call_print(self: Any, node: ast.Call, want: Type | None) -> Expr:
        options = {k.arg: k.value for k in node.keywords}
        parts: list[Any] = []
        sep = options.get("sep", ast.Constant(" "))
        for i, argument in enumerate(node.args):
            if i:
                parts.append(sep)
            parts += argument.values if isinstance(argument, ast.JoinedStr) else [argument]
        parts.append(options.get("end", ast.Constant("\n")))
        message = self.format_parts(parts, node)
        fd = self.value(options["file"], model.I32) if "file" in options else Const(model.I32, 1)
        return self.hook_call("print_to", [fd, message], node)
