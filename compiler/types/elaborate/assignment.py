# SPDX-License-Identifier: GPL-2.0-or-later
"""Assignment: to names, tuples, fields, elements, bit-fields and device registers."""

from __future__ import annotations

import ast
from typing import Any

from compiler.diagnostics import CompileError
from compiler.syntax.walk import walk
from compiler.types import hir, model
from compiler.types.elaborate.convert import same
from compiler.types.elaborate.operators import OPS
from compiler.types.hir import Const, Expr, Part, SetVar, Store, VarGet
from compiler.types.model import VOID, ArrayType, AtomicType, BitsType, ClassType, OptionalType, TupleType, Type


def is_mine(addr: Expr) -> bool:
    """Whether this is in what this core has of a per-core variable."""
    while isinstance(addr, hir.Offset) or isinstance(addr, hir.Conv) and addr.op == "same":
        addr = addr.base if isinstance(addr, hir.Offset) else addr.operand
    return isinstance(addr, hir.CoreAddr) and addr.core is None


class AssignmentMixin:
    # -- assignment ---------------------------------------------------------------------------------------------
    def stmt_Assign(self: Any, node: ast.Assign) -> None:
        if len(node.targets) > 1:
            value = self.expr(node.value)
            if value.ty is not model.UNTYPED:  # a literal takes each target's own type
                setter, value = self.temp(value)
                self.out.append(setter)
            for target in node.targets:
                self.assign_to(target, value, node)
            return
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id not in self.globals_declared:
            var = self.env.get(target.id)
            value = self.expr(node.value, var.ty if var is not None else None)
            self._assign_name(target, value, node)
        elif isinstance(target, ast.Tuple):
            self._assign_tuple(target, node)
        else:
            self._assign_place(target, node.value, node)

    def _assign_name(self: Any, target: ast.Name, value: Expr, node: Any) -> None:
        name = target.id
        var = self.env.get(name)
        if var is not None and var.ty is model.NORETURN:
            var = None  # its first assignment had an error
        if value.ty is model.NONE and var is None:
            raise self.error("E0502", node, f"what `{name}` can be besides None is not said", f"write `{name}: T | None = None`")
        value = self.settle(value) if var is None else value
        if value.ty is VOID and not self.fn.generic:  # in a generic function the nothing may be passed on
            raise self.error("E0312", node.value, "this gives nothing to assign")
        if var is None:
            var = self.env[name] = self.variable(name, value.ty)
        declared = var.ty
        with self.explained(node.value, self.origins(target, declared)):
            made = self.coerce(value, declared, node.value, f"`{name}`")
        self.note_stack(var, value)
        if var in self.on_stack and any(var is theirs for theirs, _ in self.fn.captured):
            self.refuse_store(hir.u64(0), value, node)
        self.out.append(SetVar(var, made))
        self.forget(name)
        self.state.assigned.add(name)
        if isinstance(declared, OptionalType) and value.ty is declared.inner:
            self.state.narrowed[name] = declared.inner
        elif isinstance(declared, OptionalType) and not isinstance(value.ty, OptionalType) and value.ty is not model.NONE:
            self.state.narrowed[name] = declared.inner

    def _assign_tuple(self: Any, target: ast.Tuple, node: ast.Assign) -> None:
        self._unpack(target, self._value_for(target, node.value), node)

    def _value_for(self: Any, target: ast.expr, node: ast.expr) -> Expr:
        """What is assigned to a target; literals take the type of the place that they go to."""
        if isinstance(target, ast.Tuple) and isinstance(node, ast.Tuple) and len(node.elts) == len(target.elts):
            items = [self._value_for(t, e) for t, e in zip(target.elts, node.elts, strict=True)]
            return hir.Make(model.TupleType(tuple(i.ty for i in items)), items)
        if isinstance(target, ast.Tuple):
            return self.expr(node)
        hint = self._target_type(target)
        item = self.expr(node, hint)
        return self.coerce(item, hint, node) if item.ty is model.UNTYPED and isinstance(hint, model.IntType) else self.settle(item)

    def _unpack(self: Any, target: ast.Tuple, value: Expr, node: ast.Assign) -> None:
        if not isinstance(value.ty, TupleType):
            raise self.error("E0313", node.value, f"a `{value.ty.name}` cannot be unpacked")
        if any(isinstance(t, ast.Starred) for t in target.elts):
            raise CompileError(None)  # refused with the module's text
        if len(value.ty.elems) != len(target.elts):
            raise self.error("E0314", target, f"{len(target.elts)} names for {len(value.ty.elems)} values")
        parts: list[Expr] = []
        if isinstance(value, hir.Make):
            for part in value.parts:  # all of the right side before any of the left: `a, b = b, a`
                if isinstance(part, Const):
                    parts.append(part)
                    continue
                var = self.variable("", self.settle(part).ty)
                self.note_stack(var, part)
                self.out.append(SetVar(var, self.settle(part)))
                parts.append(VarGet(var.ty, var))
        else:
            setter, whole = self.temp(value)
            self.out.append(setter)
            parts = [Part(t, whole, i) for i, t in enumerate(value.ty.elems)]
        for name, part in zip(target.elts, parts, strict=True):
            self.assign_to(name, part, node)

    def _target_type(self: Any, target: ast.expr) -> Type | None:
        """What a target holds, to guide literals; None if it is new, or no plain place."""
        if isinstance(target, ast.Name):
            return self.path_type(target)
        try:
            if isinstance(target, ast.Attribute) and self.meaning(target) is None:
                base = self.expr(target.value)
                if isinstance(base.ty, BitsType) and target.attr in base.ty.fields:
                    return base.ty.fields[target.attr].ty
                setter = self.program.layouts.find_setter(base.ty, target.attr) if isinstance(base.ty, ClassType) else None
                if setter is not None:
                    return model.value_of(self.program.instance(setter[1], setter[0], {}, target).params[1].ty)
            return model.value_of(self.place(target)[2])
        except CompileError:
            return None  # reported when it is assigned

    def assign_to(self: Any, target: ast.expr, value: Expr, node: Any) -> None:
        """Assign a ready value."""
        if isinstance(target, ast.Tuple):
            self._unpack(target, value, node)
            return
        if isinstance(target, ast.Attribute) and (self._assign_bits(target, value, node) or self._set_property(target, value, node)):
            return
        if isinstance(target, ast.Name) and target.id not in self.globals_declared:
            self._assign_name(target, value, node)
            return
        prepare, addr, storage, volatile = self.place(target)
        self.out += prepare
        self._store(addr, storage, volatile, self.coerce(value, model.value_of(storage), node), node)

    def _assign_place(self: Any, target: ast.expr, value_node: ast.expr, node: ast.AST) -> None:
        if isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            base = self.expr(target.value)
            if isinstance(base.ty, ClassType) and self.program.layouts.find_method(base.ty, "__setitem__"):
                self.out.append(hir.Do(self.call_method_nodes(base, "__setitem__", [target.slice, value_node], node)))
                return
        if isinstance(target, ast.Attribute) and self.type_meant(target.value) is not None:
            hint = "what changes is a global, or a field of an object"
            raise self.error("E0604", target, f"`{ast.unparse(target)}` belongs to its class; it cannot be assigned", hint)
        if isinstance(target, ast.Attribute) and self._assign_bits(target, value_node, node):
            return
        if isinstance(target, ast.Attribute) and self._set_property(target, value_node, node):
            return
        prepare, addr, storage, volatile = self.place(target)
        if (
            isinstance(storage, (ClassType, ArrayType))
            and isinstance(value_node, ast.Call)
            and (self.type_meant(value_node.func) is storage or isinstance(storage, ArrayType))
        ):
            self.out += prepare
            self._construct_place(addr, storage, value_node)
            return
        if isinstance(storage, (ClassType, ArrayType)):
            raise self.error("E1101", node, f"this would copy a whole `{storage.name}`", f"say so: `assign({ast.unparse(target)}, …)`")
        if isinstance(storage, AtomicType):
            raise self.error("E1102", node, "an atomic is changed by its methods", f"`{ast.unparse(target)}.store(…)`")
        with self.explained(value_node, self.origins(target)):
            value = self.value(value_node, model.value_of(storage), f"`{ast.unparse(target)}`")
        self.refuse_store(addr, value, value_node)
        setter, value = self.temp(value)  # the right side first, then the target's own parts
        self.out += [setter, *prepare]
        self._store(addr, storage, volatile, value, node)
        from compiler.types.elaborate.flow import path_of

        path = path_of(target)
        if path:
            self.forget(path)
            declared = model.value_of(storage)
            plain = value.operand if isinstance(value, hir.Conv) and value.op == "same" else value
            if (
                isinstance(declared, OptionalType)
                and not isinstance(plain.ty, OptionalType)
                and not (isinstance(plain, Const) and plain.value is None)
            ):
                self.state.narrowed[path] = declared.inner

    def _construct_place(self: Any, addr: Expr, storage: Type, node: ast.Call) -> None:
        """`self.ctx = Ctx(pc=4)` fills the storage."""
        from compiler.types.elaborate.construct import MemoryTarget

        if isinstance(storage, ClassType) and self._reads_memory(node):
            made = self._stack_object(storage, node)  # what it reads may be what it replaces
            self.out += [hir.CopyBytes(addr, made, storage.size)]
            self.forget_memory()
            return
        setter, addr = self.temp(same(addr, model.intern(model.PtrType, model.U8)))
        target = MemoryTarget(addr)
        target.body += [setter, hir.Zero(addr, self.program.layouts.ensure(storage).size)]
        self.fill(target, 0, storage, node, self, "")
        self.out += target.body
        self.forget_memory()

    def _reads_memory(self: Any, node: ast.Call) -> bool:
        """Whether a constructor's arguments look at more than constants and scalars of this function."""
        for argument in [*node.args, *(k.value for k in node.keywords)]:
            for part in walk(argument):
                if isinstance(part, (ast.Subscript, ast.Call)):
                    return True
                if isinstance(part, ast.Attribute) and self.meaning(part.value) is None:
                    return True
                if isinstance(part, ast.Name) and isinstance(self.path_type(part), ClassType):
                    return True
        return False

    def _made(self: Any, value: Any, ty: Type, node: ast.AST) -> Expr:
        made: Expr = self.coerce(value, ty, node) if isinstance(value, Expr) else self.value(value, ty)
        return made

    def _set_property(self: Any, target: ast.Attribute, value: Any, node: ast.AST) -> bool:
        """`x.size = 3` where the class has `@size.setter`; `value` is an expression's node, or a ready value."""
        if self.meaning(target) is not None or self.type_meant(target.value) is not None:
            return False
        base = self.expr(target.value)
        if isinstance(base.ty, model.BitsType):
            return False
        found = self.program.layouts.find_setter(base.ty, target.attr) if isinstance(base.ty, ClassType) else None
        if found is None:
            method = self.program.layouts.find_method(base.ty, target.attr) if isinstance(base.ty, ClassType) else None
            if method is not None and "property" in method[1].marks:
                raise self.error("E0720", node, f"the property `{target.attr}` cannot be set", f"give it `@{target.attr}.setter`")
            return False
        self.out.append(hir.Do(self._direct(found[0], found[1], base, [value], [], node)))
        return True

    def _store(self: Any, addr: Expr, storage: Type, volatile: bool, value: Expr, node: ast.AST) -> None:
        self.refuse_store(addr, value, node)
        self.out.append(Store(addr, value, storage, volatile))
        self.forget_memory(node)

    def stmt_AnnAssign(self: Any, node: ast.AnnAssign) -> None:
        if not isinstance(node.target, ast.Name):
            raise self.error("E0605", node, "only a name is declared here")
        name = node.target.id
        if node.value is None:
            raise self.error(
                "E0606", node, f"`{name}` is declared without a value", f"give it one: `{name}: {ast.unparse(node.annotation)} = …`"
            )
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name) and node.value.func.id in ("array", "text"):
            ty = model.value_of(self.program.layouts.sized_type(node.annotation, node.value, self.module, self.tvars))
            if isinstance(node.annotation, ast.Subscript) and len(node.value.args) == 1 and node.value.func.id == "array":
                node = ast.copy_location(
                    ast.AnnAssign(
                        node.target,
                        node.annotation,
                        ast.copy_location(ast.Call(node.value.func, [*node.value.args, node.annotation.slice], []), node.value),
                        1,
                    ),
                    node,
                )
                ast.fix_missing_locations(node)
        else:
            ty = model.value_of(self.program.resolve(node.annotation, self.module, self.tvars))
        var = self.env.get(name)
        if var is not None and var.ty is not ty and var.ty is not model.NORETURN:
            labels = self.origins(node.target, var.ty)
            raise self.error("E0315", node, f"`{name}` is a `{var.ty.name}` already", "use another name", labels=labels)
        if var is None or var.ty is model.NORETURN:
            var = self.env[name] = self.variable(name, ty)
        value = self.expr(node.value, ty)
        self._assign_name(node.target, value if value.ty is not model.UNTYPED else self.coerce(value, ty, node.value), node)

    def stmt_AugAssign(self: Any, node: ast.AugAssign) -> None:
        op = OPS.get(type(node.op))
        if op is None:
            raise self.error("E0112", node, "this operator is not part of this language")
        target = node.target
        if isinstance(target, ast.Name) and target.id not in self.globals_declared and target.id in self.env:
            current = self.expr(ast.copy_location(ast.Name(target.id, ast.Load()), target))
            value = self.binary(op, current, self.expr(node.value, current.ty if op not in ("shl", "shr") else None), node)
            var = self.env[target.id]
            self.out.append(SetVar(var, self.coerce(value, var.ty, node.value, f"`{target.id}`")))
            self.forget(target.id)
            return
        if isinstance(target, ast.Attribute):
            base = self.expr(target.value)
            if isinstance(base.ty, (BitsType, model.MmioType)):
                load = ast.copy_location(ast.Attribute(target.value, target.attr, ast.Load()), target)
                combined = ast.copy_location(ast.BinOp(load, node.op, node.value), node)
                ast.fix_missing_locations(combined)
                self._assign_bits(target, combined, node)
                return
            if isinstance(base.ty, ClassType) and self.program.layouts.find_setter(base.ty, target.attr):
                setter, base = self.temp(base)
                self.out.append(setter)
                current = self._class_value_attribute(base, base.ty, target)
                value = self.binary(op, current, self.expr(node.value, current.ty if op not in ("shl", "shr") else None), node)
                found = self.program.layouts.find_setter(base.ty, target.attr)
                self.out.append(hir.Do(self._direct(found[0], found[1], base, [value], [], node)))
                return
        prepare, addr, storage, volatile = self.place(target)
        self.out += prepare
        if storage.is_place:
            raise self.error("E0316", node, f"a `{storage.name}` cannot be changed this way")
        if isinstance(node.value, ast.Constant) and is_mine(addr):
            set_addr = hir.Do(hir.u64(0))  # `ticks.mine += 1` is one instruction where the processor has it, so no address is kept
        else:
            set_addr, addr = self.temp(hir.Conv(model.intern(model.PtrType, storage), "same", addr))
        current = hir.Load(model.value_of(storage), addr, storage, volatile)
        right = self.expr(node.value, current.ty if op not in ("shl", "shr") else None)
        value = self.coerce(self.binary(op, current, right, node), current.ty, node)
        self.out += [set_addr]
        self._store(addr, storage, volatile, value, node)
