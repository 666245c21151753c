# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions within functions, and lambdas: they may use the variables around them, as long as they do not escape.

One that captures gets a hidden first parameter, the *frame*: a record on the stack of the function around it that holds the addresses
of the variables captured. As a value it has a type of its own (`ClosureType`), which knows the function and is held by nothing but
locals and parameters. A function that takes it for a `Callable` parameter is compiled anew for it, so that the call in there is
direct and can be inlined; to store or return it does not type. One that captures nothing is a function as any other, and may be kept.
"""

from __future__ import annotations

import ast
from typing import Any

from compiler.diagnostics import CompileError
from compiler.syntax.walk import walk
from compiler.types import hir, model
from compiler.types.aliases import is_function_type
from compiler.types.decls import FnInst, FuncDecl, make_function
from compiler.types.elaborate.convert import same
from compiler.types.elaborate.flow import names_bound, names_free
from compiler.types.hir import Expr, Var
from compiler.types.model import U8, U64, ClosureType, FuncType, PtrType, Type


class Nested:
    """A function within `owner`; `frame`: whether it takes the frame, because it captures something."""

    def __init__(self, name: str, decl: FuncDecl, inst: FnInst, owner: FnInst, frame: bool) -> None:
        self.name, self.decl, self.inst, self.owner, self.frame = name, decl, inst, owner, frame

    @property
    def signature(self) -> FuncType:
        params = self.inst.params[1:] if self.frame else self.inst.params
        found: FuncType = model.intern(FuncType, tuple(p.ty for p in params), self.inst.result, False)
        return found


class ClosureMixin:
    # -- definitions --------------------------------------------------------------------------------------------
    def stmt_FunctionDef(self: Any, node: ast.FunctionDef) -> None:
        decl = make_function(self.module, node, None)
        if decl.decorators:
            raise self.error("E0705", decl.decorators[0], f"`{ast.unparse(decl.decorators[0])}` is not a decorator of this language")
        if decl.is_static or {"property", "abstractmethod", "extern", "export", "hook", "syscall"} & set(decl.marks):
            raise self.error("E0705", node.decorator_list[0], "this decorator is not for a function within a function")
        spec = node.args
        types = []
        for arg in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]:
            if arg.annotation is None:
                raise self.error("E0814", arg, f"the parameter `{arg.arg}` has no type", f"write `{arg.arg}: T`")
            types.append(model.value_of(self.program.resolve(arg.annotation, self.module, self.tvars)))
        result = model.value_of(self.program.resolve(node.returns, self.module, self.tvars)) if node.returns is not None else model.VOID
        self.nested[node.name] = self.make_nested(node.name, decl, types, result)
        self.state.assigned.add(node.name)

    def make_nested(self: Any, name: str, decl: FuncDecl, types: list[Type], result: Type) -> Nested:
        """Compile it where it stands: what it captures has its type here."""
        node = decl.node
        symbol = f"{self.fn.symbol}.{name}"
        previous = self.nested_insts.pop(id(node), None)
        if previous is not None:  # a loop's body is elaborated twice
            self.program.functions.remove(previous)
        else:
            self.nested_symbols[symbol] = self.nested_symbols.get(symbol, 0) + 1
        count = self.nested_symbols[symbol]
        inst = FnInst(decl, previous.symbol if previous is not None else symbol + (f".{count}" if count > 1 else ""), self.module)
        inst.tvars, inst.line, inst.generic, inst.local = self.fn.tvars, node.lineno, self.fn.generic, True
        inst.inline = "noinline" if "noinline" in decl.marks else "inline" if "inline" in decl.marks else ""
        inst.weight = sum(1 for _ in walk(node))
        inst.result = result
        made = Nested(name, decl, inst, self.fn, any(self.captures(n) for n in names_free(node) - {name}))
        if made.frame:
            self._parameter(inst, "", model.intern(PtrType, U8))
        spec = node.args
        for arg, ty in zip([*spec.posonlyargs, *spec.args, *spec.kwonlyargs], types, strict=True):
            self._parameter(inst, arg.arg, self.program.layouts.ensure(ty))
        maker = type(self)(self.program, inst, self.class_scope)
        maker.outer, maker.tvars = self, self.tvars
        maker.assigned_later = names_bound(node)
        maker.nested = {name: made}
        self.nested_insts[id(node)] = inst
        self.made_here[inst] = made
        self.program.functions.append(inst)
        maker.body()
        self._fill_frame()
        return made

    @staticmethod
    def _parameter(inst: FnInst, name: str, ty: Type) -> None:
        inst.params.append(Var(name, ty, len(inst.variables)))
        inst.variables.append(inst.params[-1])

    # -- captured variables -------------------------------------------------------------------------------------
    def captures(self: Any, name: str) -> bool:
        """Whether a function within this one that reads the name needs the frame."""
        if name in self.nested:
            return bool(self.nested[name].frame)
        if name in self.env or name in self.assigned_later:
            return name not in self.globals_declared
        return self.outer is not None and bool(self.outer.captures(name))

    def captured(self: Any, name: str, node: ast.AST) -> Var | None:
        """The variable of a function around this one, by its address; None if there is none of that name."""
        outer = self.outer
        if outer is None or not outer.captures(name) or name in outer.nested:
            return None
        if name in outer.globals_declared:
            return None
        theirs = outer.env.get(name) or outer.captured(name, node)
        if theirs is None or name not in outer.state.assigned:
            raise self.error("E0611", node, f"`{name}` has no value yet where this function is defined", "assign it before `def`")
        return self._capture(theirs, name)

    def _capture(self: Any, theirs: Var, name: str) -> Var:
        outer = self.outer
        if theirs not in outer.frame_vars:
            outer.frame_vars.append(theirs)
        mine: Var = self.variable(name, theirs.ty)
        self.fn.captured.append((mine, outer.frame_vars.index(theirs)))
        self.fn.same_variables.append((mine, theirs))
        if name:
            self.env[name] = mine
            self.state.assigned.add(name)
            self.shared.add(name)
            outer.shared.add(name)
        return mine

    def _fill_frame(self: Any) -> None:
        """Put the addresses of newly captured variables into the frame."""
        if len(self.frame_vars) == self.frame_filled:
            return
        if self.frame_slot is None:
            self.frame_slot = self.slot(8, 8)
        self.frame_slot.size = 8 * len(self.frame_vars)
        base = hir.StackSlot(model.intern(PtrType, U8), self.frame_slot)
        for i in range(len(self.frame_vars)):
            address = hir.VarAddr(U64, self.frame_vars[i])
            pointer = model.intern(PtrType, U8)
            self.out.append(hir.Store(hir.Offset(U64, base, 8 * i), same(address, pointer), pointer, False))
        self.frame_filled = len(self.frame_vars)

    def frame_of(self: Any, owner: FnInst) -> Expr:
        """The frame that functions within `owner` take, seen from here."""
        pointer = model.intern(PtrType, U8)
        if owner is self.fn:
            if self.frame_slot is None:
                self.frame_slot = self.slot(8, 8)
            return hir.StackSlot(pointer, self.frame_slot)
        return hir.VarGet(pointer, self._frame_var(owner))

    def _frame_var(self: Any, owner: FnInst) -> Var:
        if owner is self.outer.fn:
            found: Var = self.fn.params[0]
            return found
        key = f"frame of {owner.symbol}"
        if key not in self.env:
            self.env[key] = self._capture(self.outer._frame_var(owner), "")
        return self.env[key]

    # -- uses ---------------------------------------------------------------------------------------------------
    def nested_named(self: Any, name: str) -> Nested | None:
        """The function within this one, or within one around it, of that name."""
        maker = self
        while maker is not None:
            if name in maker.nested:
                return maker.nested[name]
            if name in maker.env or maker is not self and name in maker.assigned_later:
                return None
            maker = maker.outer
        return None

    def nested_value(self: Any, made: Nested, node: ast.AST) -> Expr:
        """The function as a value."""
        if not made.frame:
            made.inst.must_not_raise.append((self.fn, node))
            return hir.FnAddr(made.signature, made.inst)
        return same(self.frame_of(made.owner), model.intern(ClosureType, made))

    def call_nested(self: Any, made: Nested, frame: Expr | None, node: ast.Call) -> Expr:
        args = self.arguments(made.inst, made.decl, node.args, node.keywords, node, 0, 1 if made.frame else 0)
        return self.call_instance(made.inst, [*([frame] if frame is not None else []), *args], node)

    def expr_Lambda(self: Any, node: ast.Lambda, want: Type | None) -> Expr:
        if isinstance(want, model.OptionalType):
            want = want.inner
        if not isinstance(want, FuncType):
            raise self.error("E0122", node, "what the parameters of this lambda are is not known here", "write a function with types")
        return self.nested_value(self.make_lambda(node, list(want.params), want.result), node)

    def make_lambda(self: Any, node: ast.Lambda, types: list[Type], result: Type | None) -> Nested:
        """`result` None: what its expression gives."""
        names = [a.arg for a in node.args.args]
        if len(names) != len(types) or node.args.vararg or node.args.kwarg or node.args.kwonlyargs or node.args.defaults:
            raise self.error("E0801", node, f"this lambda must take {len(types)} positional argument{'s' if len(types) != 1 else ''}")
        if result is None:
            result = self._result_of(node, names, types)
        last = ast.Expr(node.body) if result is model.VOID else ast.Return(node.body)
        definition = ast.FunctionDef("lambda", node.args, [last], [], None)
        for part in (definition, last):
            ast.copy_location(part, node)
        known = self.lambdas.setdefault(id(node), definition)
        return self.make_nested("lambda", make_function(self.module, known, None), types, result)

    def _result_of(self: Any, node: ast.Lambda, names: list[str], types: list[Type]) -> Type:
        """The type of a lambda's expression, which is looked at as if it stood here."""
        env, state, kept = dict(self.env), self.state.copy(), len(self.out)
        calls, callees = len(self.fn.calls), len(self.fn.may_raise_from)
        for name, ty in zip(names, types, strict=True):
            self.env[name] = self.variable(name, ty)
            self.state.assigned.add(name)
        found: Type = self.settle(self.expr(node.body)).ty
        self.env, self.state = env, state
        del self.out[kept:], self.fn.calls[calls:], self.fn.may_raise_from[callees:]
        return found

    # -- as arguments -------------------------------------------------------------------------------------------
    def closure_arguments(
        self: Any, pairs: list[tuple[ast.arg, Any]], decl: FuncDecl, tvars: dict[str, Any], names: list[str]
    ) -> dict[str, Any]:
        """The parameters for which the callee is compiled anew, with the type of each; their arguments in `pairs` become values."""
        found: dict[str, Any] = {}
        for i, (parameter, argument) in enumerate(pairs):
            annotation = parameter.annotation
            if annotation is None or not is_function_type(self.program, annotation, decl.module):
                continue
            if isinstance(argument, ast.Lambda):
                value = self._lambda_argument(argument, annotation, decl, tvars, names)
            elif isinstance(argument, ast.Name) and self._may_be_closure(argument.id):
                value = self.expr(argument)
            else:
                continue
            if isinstance(value, hir.FnAddr) and value.fn in self.made_here:  # captures nothing: known all the same
                self.made_here[value.fn].inst.must_not_raise.pop()
                value = hir.Const(model.intern(ClosureType, self.made_here[value.fn]), None)
            if isinstance(value.ty, ClosureType):
                want = self._callable_wanted(annotation, decl, tvars, names)
                have = value.ty.made.signature
                if want is not None and (want.params != have.params or want.result is not have.result):
                    raise self.error("E0301", argument, f"`{parameter.arg}` is `{want.name}`, but this is `{have.name}`")
                found[parameter.arg] = value.ty
            pairs[i] = (parameter, value)
        return found

    def _may_be_closure(self: Any, name: str) -> bool:
        if self.nested_named(name) is not None:
            return True
        var = self.env.get(name) or (self.captured(name, None) if self.outer is not None and self.outer.captures(name) else None)
        return var is not None and isinstance(var.ty, ClosureType)

    def _callable_wanted(self: Any, annotation: ast.expr, decl: FuncDecl, tvars: dict[str, Any], names: list[str]) -> Any:
        """The function type of a parameter; None while one of its type variables is open."""
        if any(isinstance(n, ast.Name) and n.id in names and n.id not in tvars for n in walk(annotation)):
            return None
        return self.program.resolve(annotation, decl.module, tvars)

    def _lambda_argument(self: Any, node: ast.Lambda, annotation: Any, decl: FuncDecl, tvars: dict[str, Any], names: list[str]) -> Expr:
        want = self._callable_wanted(annotation, decl, tvars, names)
        if want is not None:
            return self.nested_value(self.make_lambda(node, list(want.params), want.result), node)
        parts: list[Any] = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else []
        try:
            types = [model.value_of(self.program.resolve(p, decl.module, tvars)) for p in parts[0].elts]
        except CompileError:
            raise self.error("E0811", node, "what this lambda is given cannot be told from the other arguments") from None
        made = self.make_lambda(node, types, None)
        self.program.unify(parts[1], made.inst.result, tvars, names, decl, {})
        return self.nested_value(made, node)

    def escapes(self: Any, ty: ClosureType, node: ast.AST) -> CompileError:
        names = [v.name for v, _ in ty.made.inst.captured if v.name]
        shown = ", ".join(f"`{n}`" for n in names[:3]) or "what is around it"
        found: CompileError = self.error(
            "E0822",
            node,
            f"`{ty.made.name}` captures {shown}, so it cannot be kept: its frame is gone when the function around it returns",
            "pass it on to a parameter that is only called, or put what it needs into an object",
        )
        return found
