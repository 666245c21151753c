# SPDX-License-Identifier: GPL-2.0-or-later
"""Statements: assignment, `if`, `with`, `try`, `raise`, `match`, `return`, `assert`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from compiler.diagnostics import CompileError
from compiler.types import hir, model
from compiler.types.decls import ClassDecl
from compiler.types.elaborate.convert import same
from compiler.types.elaborate.flow import State, assigned_names, merge
from compiler.types.elaborate.operators import OPS
from compiler.types.hir import Cmp, Const, Expr, If, Part, SetVar, Store, VarGet
from compiler.types.model import BOOL, U32, VOID, ArrayType, AtomicType, BitsType, ClassType, EnumType, OptionalType, TupleType, Type


class StatementMixin:
    @contextmanager
    def block(self: Any, into: list[Any]) -> Iterator[None]:
        """Statements elaborated inside go into this list."""
        kept, self.out = self.out, into
        try:
            yield
        finally:
            self.out = kept

    def statements(self: Any, nodes: list[ast.stmt]) -> None:
        """Each statement that cannot be understood is reported; the rest is still checked."""
        for node in nodes:
            if not self.state.reached and self.in_function:
                return              # after return or raise: dead, as in Python
            start = len(self.out)
            try:
                method = getattr(self, f"stmt_{type(node).__name__}", None)
                if method is None:
                    from compiler.types.elaborate.elaborator import REFUSED, describe
                    raise self.error(node, f"{describe(node)} not part of this language", REFUSED.get(type(node).__name__, ""))
                method(node)
            except CompileError as error:
                self.report(error)
                for name in assigned_names([node]):
                    self.state.assigned.add(name)       # so that later uses do not complain again
                    self.poison(name)
                if isinstance(node, (ast.Return, ast.Raise)):
                    self.state.reached = False
            for made in self.out[start:]:
                if not made.line:
                    made.line = node.lineno

    def poison(self: Any, name: str) -> None:
        """A name whose assignment had an error: later uses are not reported again."""
        if name not in self.env and name not in self.globals_declared:
            self.env[name] = self.variable(name, model.NORETURN)

    # -- simple -------------------------------------------------------------------------------------------------
    def stmt_Pass(self, node: ast.Pass) -> None:
        pass

    def stmt_Global(self: Any, node: ast.Global) -> None:
        self.globals_declared |= set(node.names)
        self.assigned_later -= set(node.names)

    def stmt_Expr(self: Any, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return                  # a docstring, or `...`
        found = self.expr(node.value)
        self.out.append(hir.Do(found))
        if found.ty is model.NORETURN:
            self.out.append(hir.Unreachable())
            self.state.reached = False

    def stmt_Return(self: Any, node: ast.Return) -> None:
        result = self.fn.result
        if result is model.NORETURN:
            raise self.error(node, "a function that never returns cannot return")
        if node.value is None or isinstance(node.value, ast.Constant) and node.value.value is None and result is VOID:
            if result is not VOID:
                raise self.error(node, f"this function returns a `{result.name}`") if not isinstance(result, OptionalType) else \
                    self.error(node, "write `return None`")
            self.out.append(hir.Return(None))
        else:
            value = self.expr(node.value, result)
            if result is VOID and value.ty is not VOID:
                raise self.error(node.value, "this function returns nothing: it is declared `-> None`", f"declare what it returns: `-> {self.settle(value).ty.name}`")
            if result is VOID and value.ty is VOID:
                self.out += [hir.Do(value), hir.Return(None)]
            else:
                self.refuse_stack(value, node.value)
                self.out.append(hir.Return(self.coerce(value, result, node.value, "the result")))
        self.state.reached = False

    def stack_object(self: Any, value: Expr) -> bool:
        """Whether this is a reference to an object of this function's stack, as far as can be seen."""
        while isinstance(value, (hir.Seq, hir.Conv)):
            value = value.result if isinstance(value, hir.Seq) else value.operand
        return isinstance(value, hir.StackSlot) or isinstance(value, VarGet) and value.var in self.on_stack

    def refuse_stack(self: Any, value: Expr, node: ast.expr) -> None:
        """A reference to an object of this function's stack must not leave it."""
        if self.stack_object(value) and isinstance(value.ty, (ClassType, ArrayType)):
            raise self.error(node, "this object is on the stack of this function, and gone when it returns", f"make it with `new({value.ty.name.split('[')[0]}, …)`, or fill one that the caller gives")

    def stmt_Assert(self: Any, node: ast.Assert) -> None:
        test = self.condition(node.test)
        facts = self.facts(node.test)[0]
        if self.checked:
            failed: list[Any] = []
            with self.block(failed):
                if isinstance(node.msg, ast.JoinedStr):
                    made = ast.copy_location(ast.Call(ast.copy_location(ast.Name("text"), node), [ast.copy_location(ast.Constant(160), node)], []), node)
                    setter, line = self.temp(self.make_text(made))
                    self.out += [setter, hir.Do(self.call_method_nodes(line, "write", [node.msg], node))]
                    self.out += self.fail_statements(self.coerce(line, model.STR, node), node)
                else:
                    text = node.msg.value if isinstance(node.msg, ast.Constant) else f"assertion failed: {ast.unparse(node.test)}"
                    self.out += self.fail_statements(text, node)
            self.out.append(If(test, [], failed))
        if isinstance(test, Const) and not test.value:
            self.out.append(hir.Unreachable())
            self.state.reached = False
        self.learn(facts)

    # -- assignment ---------------------------------------------------------------------------------------------
    def stmt_Assign(self: Any, node: ast.Assign) -> None:
        if len(node.targets) > 1:
            setter, value = self.temp(self.settled(node.value))
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
            var = None              # its first assignment had an error
        if value.ty is model.NONE and var is None:
            raise self.error(node, f"what `{name}` can be besides None is not said", f"write `{name}: T | None = None`")
        value = self.settle(value) if var is None else value
        if value.ty is VOID:
            raise self.error(node.value, "this gives nothing to assign")
        if var is None:
            var = self.env[name] = self.variable(name, value.ty)
        declared = var.ty
        made = self.coerce(value, declared, node.value, f"`{name}`")
        if self.stack_object(value):
            self.on_stack.add(var)
        else:
            self.on_stack.discard(var)
        self.out.append(SetVar(var, made))
        self.forget(name)
        self.state.assigned.add(name)
        if isinstance(declared, OptionalType) and value.ty is declared.inner:
            self.state.narrowed[name] = declared.inner
        elif isinstance(declared, OptionalType) and not isinstance(value.ty, OptionalType) and value.ty is not model.NONE:
            self.state.narrowed[name] = declared.inner

    def _assign_tuple(self: Any, target: ast.Tuple, node: ast.Assign) -> None:
        hints = [self.path_type(t) if isinstance(t, (ast.Name, ast.Attribute)) else None for t in target.elts]
        if isinstance(node.value, ast.Tuple) and len(node.value.elts) == len(hints):
            items = [self.expr(e, h) for e, h in zip(node.value.elts, hints, strict=True)]
            items = [self.coerce(i, h, e) if i.ty is model.UNTYPED and isinstance(h, model.IntType) else self.settle(i)
                     for i, h, e in zip(items, hints, node.value.elts, strict=True)]
            value: Expr = hir.Make(model.TupleType(tuple(i.ty for i in items)), items)
        else:
            value = self.expr(node.value)
        if not isinstance(value.ty, TupleType):
            raise self.error(node.value, f"a `{value.ty.name}` cannot be unpacked")
        if len(value.ty.elems) != len(target.elts):
            raise self.error(target, f"{len(target.elts)} names for {len(value.ty.elems)} values")
        parts: list[Expr] = []
        if isinstance(value, hir.Make):
            for part in value.parts:        # all of the right side before any of the left: `a, b = b, a`
                var = self.variable("", self.settle(part).ty)
                self.out.append(SetVar(var, self.settle(part)))
                parts.append(VarGet(var.ty, var))
        else:
            setter, whole = self.temp(value)
            self.out.append(setter)
            parts = [Part(t, whole, i) for i, t in enumerate(value.ty.elems)]
        for name, part in zip(target.elts, parts, strict=True):
            self.assign_to(name, part, node)

    def assign_to(self: Any, target: ast.expr, value: Expr, node: Any) -> None:
        """Assign a ready value."""
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
        if isinstance(target, ast.Attribute) and self._assign_bits(target, value_node, node):
            return
        prepare, addr, storage, volatile = self.place(target)
        self.out += prepare
        if isinstance(storage, (ClassType, ArrayType)) and isinstance(value_node, ast.Call) and (
                self.type_meant(value_node.func) is storage or isinstance(storage, ArrayType)):
            self._construct_place(addr, storage, value_node)
            return
        if isinstance(storage, (ClassType, ArrayType)):
            raise self.error(node, f"this would copy a whole `{storage.name}`", f"say so: `assign({ast.unparse(target)}, …)`")
        if isinstance(storage, AtomicType):
            raise self.error(node, "an atomic is changed by its methods", f"`{ast.unparse(target)}.store(…)`")
        value = self.value(value_node, model.value_of(storage), f"`{ast.unparse(target)}`")
        self.refuse_stack_store(value, value_node)
        self._store(addr, storage, volatile, value, node)
        from compiler.types.elaborate.flow import path_of
        path = path_of(target)
        if path:
            self.forget(path)
            declared = model.value_of(storage)
            plain = value.operand if isinstance(value, hir.Conv) and value.op == "same" else value
            if isinstance(declared, OptionalType) and not isinstance(plain.ty, OptionalType) and not (isinstance(plain, Const) and plain.value is None):
                self.state.narrowed[path] = declared.inner

    def refuse_stack_store(self, value: Expr, node: ast.expr) -> None:
        """Storing a stack object's reference is legal (lists of waiters live on stacks); returning one is not."""

    def _construct_place(self: Any, addr: Expr, storage: Type, node: ast.Call) -> None:
        """`self.ctx = Ctx(pc=4)` fills the storage."""
        from compiler.types.elaborate.construct import MemoryTarget
        setter, addr = self.temp(same(addr, model.intern(model.PtrType, model.U8)))
        target = MemoryTarget(addr)
        target.body += [setter, hir.Zero(addr, self.program.layouts.ensure(storage).size)]
        self.fill(target, 0, storage, node, self, "")
        self.out += target.body
        self.forget_memory()

    def _assign_bits(self: Any, target: ast.Attribute, value_node: ast.expr, node: ast.AST) -> bool:
        """`pte.present = True`, for a local or a place; and device registers."""
        if self.meaning(target.value) is not None and self.type_meant(target.value) is None and isinstance(target.value, ast.Name):
            from compiler.types.decls import GlobalDecl
            if not isinstance(self.meaning(target.value), GlobalDecl):
                return False
        base = self.expr(target.value)
        ty = base.ty
        if isinstance(ty, model.MmioType):
            register = ty.registers.get(target.attr)
            if register is None:
                raise self.unknown_member(target, ty, ty.registers)
            addr = hir.Conv(model.U64, "inttoptr", self._register_address(base, register))
            self.out.append(Store(addr, self.value(value_node, register.ty), register.ty, True))
            return True
        if not isinstance(ty, BitsType):
            return False
        if target.attr not in ty.fields:
            raise self.unknown_member(target, ty, ty.fields)
        value = self.value(value_node, ty.fields[target.attr].ty)
        changed = same(self.with_bits(same(base, ty.raw), ty, target.attr, value), ty)
        self.assign_to(target.value, changed, node)
        return True

    def _store(self: Any, addr: Expr, storage: Type, volatile: bool, value: Expr, node: ast.AST) -> None:
        self.out.append(Store(addr, value, storage, volatile))
        self.forget_memory()

    def stmt_AnnAssign(self: Any, node: ast.AnnAssign) -> None:
        if not isinstance(node.target, ast.Name):
            raise self.error(node, "only a name is declared here")
        name = node.target.id
        if node.value is None:
            raise self.error(node, f"`{name}` is declared without a value", f"give it one: `{name}: {ast.unparse(node.annotation)} = …`")
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name) and node.value.func.id in ("array", "text"):
            ty = model.value_of(self.program.layouts.sized_type(node.annotation, node.value, self.module, self.tvars))
            if isinstance(node.annotation, ast.Subscript) and len(node.value.args) == 1 and node.value.func.id == "array":
                node = ast.copy_location(ast.AnnAssign(node.target, node.annotation, ast.copy_location(
                    ast.Call(node.value.func, [*node.value.args, node.annotation.slice], []), node.value), 1), node)
                ast.fix_missing_locations(node)
        else:
            ty = model.value_of(self.program.resolve(node.annotation, self.module, self.tvars))
        var = self.env.get(name)
        if var is not None and var.ty is not ty and var.ty is not model.NORETURN:
            raise self.error(node, f"`{name}` is a `{var.ty.name}` already", "use another name")
        if var is None or var.ty is model.NORETURN:
            var = self.env[name] = self.variable(name, ty)
        value = self.expr(node.value, ty)
        self._assign_name(node.target, value if not (value.ty is model.UNTYPED) else self.coerce(value, ty, node.value), node)

    def stmt_AugAssign(self: Any, node: ast.AugAssign) -> None:
        op = OPS.get(type(node.op))
        if op is None:
            raise self.error(node, "this operator is not part of this language")
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
        prepare, addr, storage, volatile = self.place(target)
        self.out += prepare
        if storage.is_place:
            raise self.error(node, f"a `{storage.name}` cannot be changed this way")
        set_addr, addr = self.temp(hir.Conv(model.intern(model.PtrType, storage), "same", addr))
        current = hir.Load(model.value_of(storage), addr, storage, volatile)
        right = self.expr(node.value, current.ty if op not in ("shl", "shr") else None)
        value = self.coerce(self.binary(op, current, right, node), current.ty, node)
        self.out += [set_addr]
        self._store(addr, storage, volatile, value, node)

    # -- if -----------------------------------------------------------------------------------------------------
    def stmt_If(self: Any, node: ast.If) -> None:
        test = self.condition(node.test)
        yes, no = self.facts(node.test)
        before = self.state.copy()
        then: list[Any] = []
        other: list[Any] = []
        dead_then = isinstance(test, Const) and not test.value
        dead_other = isinstance(test, Const) and bool(test.value)
        self.learn(yes)
        with self.block(then):
            self.statements(node.body)
        after_then = self.state
        self.state = before
        self.learn(no)
        with self.block(other):
            self.statements(node.orelse)
        after_other = self.state
        if dead_then or dead_other:
            self.out += other if dead_then else then
            self.state = after_other if dead_then else after_then
            return
        self.out.append(If(test, then, other))
        self.state = merge([after_then, after_other])

    # -- with ---------------------------------------------------------------------------------------------------
    def stmt_With(self: Any, node: ast.With) -> None:
        self._with_items(list(node.items), node)

    def _with_items(self: Any, items: list[ast.withitem], node: ast.With) -> None:
        if not items:
            self.statements(node.body)
            return
        item = items[0]
        manager = self.expr(item.context_expr)
        if not isinstance(manager.ty, ClassType):
            raise self.error(item.context_expr, f"a `{manager.ty.name}` cannot be entered by `with`", "it needs `__enter__` and `__exit__`")
        setter, manager = self.temp(manager)
        self.out.append(setter)
        entered = self.call_method(manager, "__enter__", [], item.context_expr)
        if item.optional_vars is not None:
            if not isinstance(item.optional_vars, ast.Name):
                raise self.error(item.optional_vars, "`as` takes one name")
            self.bind_items(item.optional_vars, [entered], item.optional_vars)
        else:
            self.out.append(hir.Do(entered))
        body: list[Any] = []
        with self.block(body):
            self._with_items(items[1:], node)
        after = self.state
        final: list[Any] = []
        with self.block(final):
            self.out.append(hir.at_line(hir.Do(self.call_method(manager, "__exit__", [], item.context_expr)), node.lineno))
        self.state = after
        self.forget_memory()
        self.out.append(hir.Try(body, None, final))

    # -- errors -------------------------------------------------------------------------------------------------
    def stmt_Raise(self: Any, node: ast.Raise) -> None:
        if node.exc is None:
            self.note_raise(node)
            self.out.append(hir.Raise())
            self.state.reached = False
            return
        call = node.exc
        if isinstance(call, ast.Name) and call.id in self.env and isinstance(self.env[call.id].ty, ClassType):
            self._reraise(call, node)
            return
        if not isinstance(call, ast.Call):
            call = ast.copy_location(ast.Call(call, [], []), node)
        decl = self.meaning(call.func)
        kind = 0
        if isinstance(decl, ClassDecl) and self.program.class_kind(decl) == "error":
            kind = decl.error_id
        elif not (getattr(decl, "name", "") == "Error"):
            raise self.error(call.func, f"`{ast.unparse(call.func)}` is not an error", "raise `Error(Errno.X, f\"…\")` or a subclass of `Error`")
        if not 1 <= len(call.args) <= 2:
            raise self.error(call, "an error is `Error(errno, message)`")
        errno = self.value(call.args[0], self.program.errno_type())
        message = self.format_argument(call.args[1]) if len(call.args) > 1 else self.format_argument(ast.copy_location(ast.Constant(""), call))
        slot = self.hook_call("error_slot", [], node)
        number = same(self.resize(same(errno, self.program.errno_type().storage), self.program.errno_type().storage, model.I32), model.I32)
        self.out.append(hir.Do(self.runtime_call("set_error", [slot, Const(U32, kind), number, message], node)))
        self.note_raise(node)
        self.out.append(hir.Raise())
        self.state.reached = False

    def _reraise(self: Any, name: ast.Name, node: ast.Raise) -> None:
        """`raise e`: the error that was caught goes on."""
        caught = self.expr(name)
        slot = self.hook_call("error_slot", [], node)
        self.out.append(hir.CopyBytes(slot, caught, self.program.layouts.complete(caught.ty).size))
        self.note_raise(node)
        self.out.append(hir.Raise())
        self.state.reached = False

    def stmt_Try(self: Any, node: ast.Try) -> None:
        before = self.state.copy()
        if node.finalbody:
            inner: list[Any] = []
            with self.block(inner):
                if node.handlers:
                    self._try_except(node, before)
                else:
                    self.statements(node.body)
            after = self.state
            self.state = State(set(before.assigned), {})
            final: list[Any] = []
            with self.block(final):
                self.statements(node.finalbody)
            ended = self.state
            self.state = after
            self.state.assigned |= ended.assigned
            self.state.reached = after.reached and ended.reached
            self.forget_memory()
            self.out.append(hir.Try(inner, None, final))
            return
        self._try_except(node, before)

    def _try_except(self: Any, node: ast.Try, before: State) -> None:
        body: list[Any] = []
        flag = self.variable("", BOOL) if node.orelse else None
        self.catching += 1
        with self.block(body):
            self.statements(node.body)
            if flag is not None and self.state.reached:
                self.out.append(SetVar(flag, hir.true()))
        self.catching -= 1
        after_body = self.state
        changed = assigned_names(node.body)
        ends: list[State] = []
        handler: list[Any] = []
        with self.block(handler):
            self._handlers(node.handlers, before, changed, ends)
        if flag is not None:
            self.out.append(SetVar(flag, Const(BOOL, False)))
        self.out.append(hir.Try(body, handler, None))
        if flag is not None:
            self.state = after_body
            orelse: list[Any] = []
            if self.state.reached:
                with self.block(orelse):
                    self.statements(node.orelse)
            self.out.append(If(VarGet(BOOL, flag), orelse, []))
            after_body = self.state
        self.state = merge([after_body, *ends])

    def _handlers(self: Any, handlers: list[ast.ExceptHandler], before: State, changed: set[str], ends: list[State]) -> None:
        """Nested ifs over the kinds; an error that none of them takes goes on."""
        if not handlers:
            self.note_raise(None)
            self.out.append(hir.Raise())
            return
        first = handlers[0]
        test = self._handler_test(first)
        self.state = State(set(before.assigned), {k: v for k, v in before.narrowed.items() if "." not in k and k not in changed})
        body: list[Any] = []
        with self.block(body):
            if first.name:
                cls = self.program.runtime_class("ErrorSlot")
                self.program.layouts.complete(cls)
                slot = hir.StackSlot(cls, self.slot(cls.size, cls.align))
                self.out.append(hir.CopyBytes(slot, self.hook_call("error_slot", [], first), cls.size))
                var = self.env[first.name] = self.variable(first.name, cls)
                self.assigned_later.add(first.name)
                self.out.append(SetVar(var, slot))
                self.state.assigned.add(first.name)
            self.statements(first.body)
        ends.append(self.state)
        if test is None:
            self.out += body
            return
        other: list[Any] = []
        with self.block(other):
            self._handlers(handlers[1:], before, changed, ends)
        self.out.append(If(test, body, other))

    def _handler_test(self: Any, handler: ast.ExceptHandler) -> Expr | None:
        """None: it takes every error."""
        if handler.type is None:
            return None
        kinds: list[int] = []
        for item in handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]:
            decl = self.meaning(item)
            if getattr(decl, "name", "") in ("Error", "Exception") and not isinstance(decl, ClassDecl):
                return None
            if not (isinstance(decl, ClassDecl) and self.program.class_kind(decl) == "error"):
                raise self.error(item, f"`{ast.unparse(item)}` is not an error class", "there is `Error` and what derives from it")
            pending = [decl]
            while pending:
                current = pending.pop()
                kinds.append(current.error_id)
                pending += current.subclasses
        cls = self.program.runtime_class("ErrorSlot")
        field = self.program.layouts.complete(cls).fields["kind"]
        setter, kind = self.temp(self.read(self.offset(self.hook_call("error_slot", [], handler), field.offset), U32))
        test: Expr | None = None
        for number in kinds:
            one = Cmp(BOOL, "eq", kind, Const(U32, number))
            test = one if test is None else hir.Logic(BOOL, "or", test, one)
        return hir.Seq(BOOL, [setter], test)

    # -- match --------------------------------------------------------------------------------------------------
    def stmt_Match(self: Any, node: ast.Match) -> None:
        setter, subject = self.temp(self.settled(node.subject))
        self.out.append(setter)
        ends: list[State] = []
        covered: set[int] = set()
        self._cases(list(node.cases), subject, node, ends, covered)
        self.state = merge(ends)

    def _cases(self: Any, cases: list[ast.match_case], subject: Expr, node: ast.Match, ends: list[State], covered: set[int]) -> None:
        if not cases:
            self._after_cases(subject, node, ends, covered)
            return
        case = cases[0]
        test = self._pattern(case.pattern, subject, covered if case.guard is None else set())
        before = self.state.copy()
        body: list[Any] = []
        rest: list[Any] = []
        with self.block(body):
            self._bind_pattern(case.pattern, subject)
            if case.guard is not None:
                bindings = list(self.out)
                guard = hir.Seq(BOOL, bindings, self.condition(case.guard))
                test = guard if test is None else hir.Logic(BOOL, "and", test, guard)
                self.learn(self.facts(case.guard)[0])
            self.statements(case.body)
        ends.append(self.state)
        self.state = before
        if test is None:
            self.out += body
            if len(cases) > 1:
                self.report(self.error(cases[1].pattern, "this case is never reached: the one before takes everything"))
            return
        with self.block(rest):
            self._cases(cases[1:], subject, node, ends, covered)
        self.out.append(hir.at_line(If(test, body, rest), case.pattern.lineno))

    def _after_cases(self: Any, subject: Expr, node: ast.Match, ends: list[State], covered: set[int]) -> None:
        ty = subject.ty
        if isinstance(ty, EnumType) and ty.kind != "flag":
            missing = [n for n, v in ty.members.items() if v not in covered]
            if missing:
                self.report(self.error(node.subject, f"this match does not cover `{ty.name}.{missing[0]}`" + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""),
                                       "add a case, or `case _:`"))
            self.out.append(hir.Unreachable())
            return
        if ty is BOOL and covered >= {0, 1}:
            self.out.append(hir.Unreachable())
            return
        ends.append(self.state.copy())

    def _bind_pattern(self: Any, pattern: ast.pattern, subject: Expr) -> None:
        if isinstance(pattern, ast.MatchAs) and pattern.name:
            name = ast.Name(pattern.name, ast.Store())
            ast.copy_location(name, pattern)
            self.bind_items(name, [subject], pattern)

    def _pattern(self: Any, pattern: ast.pattern, subject: Expr, covered: set[int]) -> Expr | None:
        """The test of a pattern; None if it always matches."""
        if isinstance(pattern, ast.MatchAs):
            return None if pattern.pattern is None else self._pattern(pattern.pattern, subject, covered)
        if isinstance(pattern, ast.MatchOr):
            test: Expr | None = None
            for item in pattern.patterns:
                one = self._pattern(item, subject, covered)
                if one is None:
                    return None
                test = one if test is None else hir.Logic(BOOL, "or", test, one)
            return test
        if isinstance(pattern, ast.MatchSingleton):
            if pattern.value is None:
                return self.is_none(subject, pattern)
            covered.add(int(pattern.value))
            return self.compare("eq", subject, Const(BOOL, pattern.value), pattern)
        if isinstance(pattern, ast.MatchValue):
            value = self.expr(pattern.value, subject.ty)
            if isinstance(value, Const) and isinstance(value.value, int):
                covered.add(value.value)
            if isinstance(subject.ty, OptionalType):
                return self._compare_optional("eq", subject, value, pattern)
            return self.compare("eq", subject, value, pattern)
        self.report(self.error(pattern, "this pattern is not part of this language", "patterns are constants, enum members, `None`, `|` and `_`"))
        return Const(BOOL, False)


_ = TupleType
