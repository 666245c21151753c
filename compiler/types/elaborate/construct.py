# SPDX-License-Identifier: GPL-2.0-or-later
"""Making things: constructor calls, defaults, static initialisers, `new`.

One walk over a class's fields serves stack objects, embedded fields, the heap and globals: a `Target` takes the stores.
Memory is zero before, so only what is not zero is stored.
"""

from __future__ import annotations

import ast
from typing import Any

from compiler.diagnostics import did_you_mean, Span
from compiler.types import hir, model
from compiler.types.elaborate.convert import same
from compiler.types.elaborate.origins import field_spans
from compiler.types.hir import Const, Expr, Offset, Seq
from compiler.types.model import (
    U64,
    ArrayType,
    AtomicType,
    BitsType,
    ClassType,
    FloatType,
    IntType,
    MmioType,
    PtrType,
    SpanType,
    TextType,
    Type,
    UserType,
)


class MemoryTarget:
    """Stores through an address."""

    static = False

    def __init__(self, addr: Expr) -> None:
        self.addr = addr
        self.body: list[Any] = []

    def at(self, offset: int) -> Expr:
        return Offset(U64, self.addr, offset) if offset else self.addr

    def put(self, offset: int, storage: Type, value: Expr) -> None:
        self.body.append(hir.Store(self.at(offset), value, storage, False))


class StaticTarget:
    """Collects the initial contents of a global."""

    static = True

    def __init__(self) -> None:
        self.entries: list[tuple[int, Type, Expr]] = []

    def put(self, offset: int, storage: Type, value: Expr) -> None:
        self.entries.append((offset, storage, value))


def is_zero(expr: Expr) -> bool:
    if isinstance(expr, Const):
        return not expr.value
    return isinstance(expr, hir.Conv) and expr.op == "same" and is_zero(expr.operand)


def abstract_labels(cls: ClassType) -> list[tuple[Span, str]]:
    """Where the methods stand that nobody defines."""
    return [(Span.of(m.module.source, m.node), "not defined by any class") for _, _, m in cls.vtable if m.is_abstract][:3]


class ConstructMixin:
    # -- calls of a type ----------------------------------------------------------------------------------------
    def construct_call(self: Any, ty: Type, node: ast.Call, want: Type | None) -> Expr:
        """`T(…)`: a conversion for scalars, a new object for classes."""
        if isinstance(ty, ClassType) and ty.decl.kind == "error":
            raise self.error("E0904", node, "an error is made where it is raised", 'write `raise Error(Errno.X, f"…")`')
        if isinstance(ty, ClassType):
            return self._stack_object(ty, node)
        if isinstance(ty, BitsType):
            return self.construct_bits(ty, node)
        if isinstance(ty, MmioType):
            if len(node.args) != 1 or node.keywords:
                raise self.error("E0801", node, f"`{ty.name}(…)` takes the address of the device")
            return same(self.to_integer(self.settle(self.expr(node.args[0], U64)), node), ty)
        if isinstance(ty, (SpanType, UserType)) and len(node.args) == 2:
            return self._span_from_parts(ty, node)
        if isinstance(ty, AtomicType):
            slot = hir.StackSlot(ty, self.slot(ty.size, ty.align))
            value = self.value(node.args[0], model.value_of(ty.elem)) if node.args else None
            body = [hir.Store(slot, value, ty.elem, False)] if value is not None else [hir.Zero(slot, ty.size)]
            return Seq(ty, body, slot)
        if len(node.args) != 1 or node.keywords:
            raise self.error("E0801", node, f"`{ty.name}(…)` converts one value")
        inner = ty if isinstance(ty, (IntType, FloatType)) else model.underlying(ty) if isinstance(model.underlying(ty), IntType) else None
        found = self.expr(node.args[0], inner)
        if isinstance(ty, UserType):
            number = self.to_integer(found, node)
            return hir.Conv(ty, "inttoptr", number)
        return self.convert(found, ty, node)

    def _span_from_parts(self: Any, ty: Any, node: ast.Call) -> Expr:
        """`Span[u8](address, n)`, `User[Span[u8]](address, n)`."""
        inner: Any = ty.inner if isinstance(ty, UserType) else ty
        start = self.to_integer(self.settled(node.args[0], U64), node)
        if start.ty is not U64:
            raise self.error("E1103", node.args[0], f"an address must be `u64`, not `{start.ty.name}`")
        count = self.value(node.args[1], U64)
        pointer = hir.Conv(model.intern(PtrType, inner.elem), "inttoptr", start)
        return hir.Make(ty, [pointer, count]) if isinstance(ty, UserType) else self.span_at(pointer, count, inner.elem, node)

    def _stack_object(self: Any, cls: ClassType, node: ast.Call) -> Expr:
        self.program.layouts.complete(cls)
        slot = hir.StackSlot(cls, self.slot(cls.size, cls.align))
        target = MemoryTarget(slot)
        target.body.append(hir.Zero(slot, cls.size))
        self.initialise(target, 0, cls, node)
        return Seq(cls, target.body, slot)

    # -- fields -------------------------------------------------------------------------------------------------
    def initialise(self: Any, target: Any, offset: int, cls: ClassType, node: ast.Call | None) -> None:
        """Fill a class's storage: vtable, defaults, and what the call gives (None: defaults only)."""
        self.program.layouts.complete(cls)
        if cls.decl.kind == "object" and any(m.is_abstract for _, _, m in cls.vtable):
            missing = next(n for n, _, m in cls.vtable if m.is_abstract)
            raise self.error(
                "E0701",
                node or cls.decl.node,
                f"`{cls.name}` is abstract: it does not define `{missing}`",
                "" if node is not None else f"a field holds a reference: `Ref[{cls.name}]`",
                labels=abstract_labels(cls),
            )
        if cls.polymorphic:
            self.use_vtable(cls)
            target.put(offset, U64, hir.VtableAddr(U64, cls))
        init = self.program.layouts.find_method(cls, "__init__")
        given: dict[str, ast.expr] = {}
        if node is not None and init is None:
            given = self._given_fields(cls, node)
        for name, field in cls.fields.items():
            if name in given:
                with self.explained(given[name], [(s, "the field is declared here") for s in field_spans(field.owner.decl, name)]):
                    self.fill(target, offset + field.offset, field.ty, given[name], self, name)
            else:
                home = self._field_home(field)
                self.fill(target, offset + field.offset, field.ty, field.default, home, name)
                if node is not None and field.default is None and isinstance(field.ty, model.RefType) and init is None:
                    message = f"`{cls.name}` needs `{name}`, a reference that is never None"
                    labels = [(span, "declared here, without `| None`") for span in field_spans(field.owner.decl, name)]
                    raise self.error("E0503", node, message, f"write `{cls.name}({name}=…)`", labels=labels)
        if init is not None:
            if target.static:
                if node is None and not (init[1].node.args.args[1:]):
                    raise self.error("E1301", cls.decl.node, f"`{cls.name}` has an `__init__`, which cannot run before the program starts")
                raise self.error(
                    "E1301",
                    node or cls.decl.node,
                    f"`{cls.name}` has an `__init__`, which cannot run before the program starts",
                    "give it constant fields and an `init()` to call",
                )
            if node is not None:
                receiver = same(target.at(offset), cls)
                call = self._direct(init[0], init[1], receiver, node.args, node.keywords, node)
                target.body.append(hir.Do(call))

    def _field_home(self: Any, field: Any) -> Any:
        home = self.in_module(field.owner.decl.module)
        if home is self and not self.program.tvars_of(field.owner):
            return self
        from compiler.types.elaborate.elaborator import Elaborator

        other = Elaborator(self.program, self.fn, field.owner.decl)
        other.module, other.tvars, other.catching = field.owner.decl.module, self.program.tvars_of(field.owner), self.catching
        return other

    def _given_fields(self: Any, cls: ClassType, node: ast.Call) -> dict[str, ast.expr]:
        names = list(cls.fields)
        if len(node.args) > len(names):
            raise self.error("E0801", node.args[len(names)], f"`{cls.name}` has {len(names)} fields, but {len(node.args)} values are given")
        given = dict(zip(names, node.args, strict=False))
        for keyword in node.keywords:
            if keyword.arg not in cls.fields:
                raise self.error("E0803", keyword, f"`{cls.name}` has no field `{keyword.arg}`", did_you_mean(keyword.arg or "", names))
            if keyword.arg in given:
                raise self.error("E0808", keyword, f"`{keyword.arg}` is given twice")
            given[keyword.arg] = keyword.value
        return given

    def fill(self: Any, target: Any, offset: int, storage: Type, node: ast.expr | None, home: Any, name: str) -> None:
        """Initialise one place; `home` elaborates the expression where it stands."""
        if isinstance(storage, ClassType):
            self._fill_class(target, offset, storage, node, home)
        elif isinstance(storage, ArrayType):
            self._fill_array(target, offset, storage, node, home)
        elif isinstance(storage, TextType):
            self.use_vtable(storage.header)
            target.put(offset, U64, hir.VtableAddr(U64, storage.header))
            target.put(offset + storage.header.fields["room"].offset, U64, hir.u64(storage.room))
        elif isinstance(storage, AtomicType):
            if isinstance(node, ast.Call) and isinstance(home.type_meant(node.func), AtomicType):
                node = node.args[0] if node.args else None  # `Atomic[u32](3)`, or what it shall hold
            if node is not None:
                value = home.value(node, model.value_of(storage.elem), f"`{name}`")
                self._put(target, offset, storage.elem, value, node)
        elif node is not None:
            value = home.value(node, model.value_of(storage), f"`{name}`")
            self._put(target, offset, storage, value, node)

    def _put(self: Any, target: Any, offset: int, storage: Type, value: Expr, node: ast.AST) -> None:
        if is_zero(value):
            return
        if target.static:
            from compiler.types import compile_time

            value = compile_time.fold(self.program, value, node, self.module, "what is in this global")
        else:
            self.refuse_store(target.addr, value, node)
        target.put(offset, storage, value)

    def _fill_class(self: Any, target: Any, offset: int, cls: ClassType, node: ast.expr | None, home: Any) -> None:
        self.program.layouts.complete(cls)
        if node is None:
            if self.needs_filling(cls):
                home.initialise(target, offset, cls, None)
            return
        made = home.type_meant(node.func) if isinstance(node, ast.Call) else None
        if made is cls:
            home.initialise(target, offset, cls, node)
            return
        if target.static:
            raise self.error("E0702", node, f"this must be a call of `{cls.name}`")
        value = home.value(node, cls)
        target.body.append(hir.CopyBytes(target.at(offset), value, cls.size))

    def _fill_array(self: Any, target: Any, offset: int, ty: ArrayType, node: ast.expr | None, home: Any) -> None:
        if isinstance(node, ast.Tuple):
            for i, item in enumerate(node.elts):
                self.fill(target, offset + i * ty.elem.size, ty.elem, item, home, "")
            return
        if not self.needs_filling(ty.elem):
            return
        if target.static:
            for i in range(ty.length):
                self.fill(target, offset + i * ty.elem.size, ty.elem, None, home, "")
            return
        target.body += self.fill_loop(target.at(offset), ty.elem, hir.u64(ty.length), home)

    def fill_loop(self: Any, start: Expr, elem: Type, count: Expr, home: Any) -> list[Any]:
        """Defaults for each element of a run-time array."""
        set_start, start = self.temp(same(start, model.intern(PtrType, model.U8)))
        index, tag = self.variable("", U64), hir.LoopTag()
        at = hir.VarGet(U64, index)
        inner = MemoryTarget(hir.Index(U64, start, at, elem.size))
        self.fill(inner, 0, elem, None, home, "")
        body = [hir.If(hir.Cmp(model.BOOL, "uge", at, count), [hir.Break(tag)], []), *inner.body]
        step = [hir.SetVar(index, hir.Bin(U64, "add.wrap", at, hir.u64(1)))]
        return [set_start, hir.SetVar(index, hir.u64(0)), hir.Loop(tag, body, step)]

    def needs_filling(self: Any, ty: Type) -> bool:
        """Whether zeroed memory is not yet a valid object of this type."""
        if isinstance(ty, TextType):
            return True
        if isinstance(ty, ArrayType):
            return self.needs_filling(ty.elem)
        if not isinstance(ty, ClassType):
            return False
        self.program.layouts.complete(ty)
        if ty.polymorphic:
            return True
        for field in ty.fields.values():
            if self.needs_filling(field.ty):
                return True
            if (
                field.default is not None
                and not (isinstance(field.default, ast.Constant) and not field.default.value)
                and not (
                    isinstance(field.default, ast.Call) and isinstance(field.default.func, ast.Name) and field.default.func.id == "array"
                )
            ):
                return True
        return False

    def is_plain(self: Any, ty: Type) -> bool:
        """Whether any bytes are a valid object of this type: numbers, and structs and arrays of them."""
        if isinstance(ty, ClassType):
            self.program.layouts.complete(ty)
            return not ty.polymorphic and all(self.is_plain(field.ty) for field in ty.fields.values())
        if isinstance(ty, (ArrayType, AtomicType)):
            return self.is_plain(ty.elem)
        if isinstance(ty, model.EnumType) or ty is model.BOOL:
            return False
        return isinstance(model.underlying(ty), (IntType, FloatType))

    def use_vtable(self: Any, cls: ClassType) -> None:
        """All methods of a class that is made somewhere are compiled."""
        if cls in self.program.vtables:
            return
        self.program.vtables[cls] = None
        self.program.layouts.complete(cls)
        for name, owner, method in cls.vtable:
            if not method.is_abstract and not self.program.type_variables(method):
                self.program.instance(method, owner, {}, cls.decl.node)
            _ = name
        if self.program.world.only_reached:
            self.program.join_groups(cls)

    # -- arrays, texts, heap ------------------------------------------------------------------------------------
    def make_array(self: Any, node: ast.Call, want: Type | None) -> Expr:
        """`array(n, T)` in a function: zeroed, on the stack."""
        elem_hint = want.elem if isinstance(want, (SpanType, ArrayType)) else None
        if len(node.args) < 2 and elem_hint is None:
            raise self.error("E1104", node, "what is it an array of?", "write `array(n, T)`")
        length = self.program.evaluate_in(self, node.args[0])
        if not isinstance(length, int) or length < 0:
            raise self.error(
                "E1105", node.args[0], "a length must be a constant that is not negative", "`new(array(n, T))` takes any length"
            )
        elem = self.type_argument(node.args[1]) if len(node.args) > 1 else elem_hint
        ty = model.intern(ArrayType, elem, length)
        self.program.layouts.ensure(ty)
        slot = hir.StackSlot(ty, self.slot(ty.size, max(ty.align, 8)))
        target = MemoryTarget(slot)
        target.body.append(hir.Zero(slot, ty.size))
        self._fill_array(target, 0, ty, None, self)
        return Seq(ty, target.body, slot)

    def make_unset(self: Any, node: ast.Call) -> Expr:
        """`unset(T)`: storage on the stack that holds whatever was there."""
        (inner,) = self.exactly(node, 1)
        cls = self.type_argument(inner)
        if not isinstance(cls, ClassType) or not self.is_plain(cls):
            raise self.error(
                "E1111", node, f"`unset` makes a struct of numbers, not `{cls.name}`", "`T()` makes others, with their defaults"
            )
        return Seq(cls, [], hir.StackSlot(cls, self.slot(cls.size, cls.align)))

    def make_text(self: Any, node: ast.Call) -> Expr:
        ty = self.program.layouts.sized_type(None, node, self.module, self.tvars)
        slot = hir.StackSlot(ty.header, self.slot(ty.size, 8))
        target = MemoryTarget(slot)
        target.body.append(hir.Zero(slot, ty.header.size))
        self.fill(target, 0, ty, None, self, "")
        return Seq(ty.header, target.body, slot)

    def make_new(self: Any, node: ast.Call, want: Type | None) -> Expr:
        """`new(T, …)` and `new(array(n, T))`."""
        if not node.args:
            raise self.error("E1106", node, "`new` needs a type", "write `new(T, field=…)`")
        first = node.args[0]
        if isinstance(first, ast.Call) and isinstance(first.func, ast.Name) and first.func.id == "array":
            return self._new_array(first, node)
        ty = self.type_argument(first)
        if not isinstance(ty, ClassType):
            raise self.error("E1106", first, f"`new` makes objects of classes and arrays, not `{ty.name}`", "write `new(array(n, T))`")
        self.program.layouts.complete(ty)
        made = self.hook_call("allocate", [hir.u64(ty.size), hir.u64(ty.align)], node)
        setter, addr = self.temp(hir.Conv(ty, "inttoptr", made))
        target = MemoryTarget(addr)
        call = ast.Call(func=first, args=node.args[1:], keywords=node.keywords)
        ast.copy_location(call, node)
        target.body += [setter, hir.Zero(addr, ty.size)]
        self.initialise(target, 0, ty, call)
        return Seq(ty, target.body, addr)

    def _new_array(self: Any, spec: ast.Call, node: ast.Call) -> Expr:
        if len(spec.args) != 2:
            raise self.error("E1104", spec, "what is it an array of?", "write `array(n, T)`")
        elem = self.type_argument(spec.args[1])
        set_count, count = self.temp(self.value(spec.args[0], U64))
        size = hir.Bin(U64, "mul.wrap", count, hir.u64(elem.size))
        set_size, size = self.temp(size)
        made = self.hook_call("allocate", [size, hir.u64(elem.align)], node)
        setter, addr = self.temp(hir.Conv(model.intern(PtrType, elem), "inttoptr", made))
        body: list[Any] = [set_count]
        if not isinstance(count, Const):
            limit = hir.u64((1 << 62) // max(elem.size, 1))
            too_many = [hir.SetVar(count.var, limit)]
            body.append(hir.If(hir.Cmp(model.BOOL, "ugt", count, limit), too_many, []))
        body += [set_size, setter, hir.Zero(addr, size)]
        if self.needs_filling(elem):
            body += self.fill_loop(addr, elem, count, self)
        span = model.span_of(elem)
        return Seq(span, body, hir.Make(span, [addr, count]))

    def make_copy(self: Any, node: ast.Call) -> Expr:
        source = self.expr(node.args[0])
        ty = source.ty
        if not isinstance(ty, (ClassType, ArrayType)):
            return self.settle(source)
        self.program.layouts.ensure(ty)
        slot = hir.StackSlot(ty, self.slot(ty.size, ty.align))
        return Seq(ty, [hir.CopyBytes(slot, source, ty.size)], slot)
