# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls: functions, methods, virtual methods, function pointers, generics."""

from __future__ import annotations

import ast
from typing import Any

from compiler.diagnostics import CompileError, Span, did_you_mean
from compiler.types import bounds, hir, model
from compiler.types.aliases import is_function_type
from compiler.types.decls import CallSite, ClassDecl, FnInst, FuncDecl, FunctionValue, GlobalDecl, ModuleDecl, NewTypeDecl, Vocabulary
from compiler.types.elaborate.convert import same
from compiler.types.hir import Expr
from compiler.types.model import ClassType, FuncType, Type


def is_caller_module(default: ast.expr) -> bool:
    """`module: str = caller_module()`: the default is the name of the module that calls."""
    return isinstance(default, ast.Call) and isinstance(default.func, ast.Name) and default.func.id == "caller_module"


def declared(decl: FuncDecl) -> list[tuple[Span, str]]:
    return [(Span.of(decl.module.source, decl.node), f"`{decl.name}` is declared here")]


class CallMixin:
    def expr_Call(self: Any, node: ast.Call, want: Type | None) -> Expr:
        found = self._call(node, want)
        found.line = node.lineno
        return found

    def _call(self: Any, node: ast.Call, want: Type | None) -> Expr:
        func = node.func
        if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
            raise CompileError(None)  # refused with the module's text
        if (
            isinstance(func, ast.Attribute)
            and isinstance(func.value, ast.Call)
            and isinstance(func.value.func, ast.Name)
            and func.value.func.id == "super"
        ):
            if func.value.args:
                raise self.error("E0806", func.value, "`super` takes no arguments here", f"write `super().{func.attr}(…)`")
            return self._super_call(func.attr, node)
        ty = self.type_meant(func)
        if ty is not None:
            return self.construct_call(ty, node, want)
        meaning = self.meaning(func) if isinstance(func, (ast.Name, ast.Attribute)) else None
        if isinstance(meaning, FuncDecl):
            return self.call_function(meaning, node, want)
        if isinstance(meaning, Vocabulary):
            return self.vocabulary_call(meaning.name, node, want)
        if isinstance(meaning, (ClassDecl, NewTypeDecl)):
            return self.construct_call(self.program.type_of_meaning(meaning, func, self.module), node, want)
        if isinstance(meaning, ModuleDecl):
            raise self.error("E0205", func, f"`{ast.unparse(func)}` is a module; it cannot be called")
        if isinstance(func, ast.Attribute) and not isinstance(meaning, GlobalDecl):
            return self._attribute_call(func, node, want)
        made = self.nested_named(func.id) if meaning is None and isinstance(func, ast.Name) else None
        if made is not None and not made.frame:
            self.expr(func)  # whether it is defined
            made.inst.must_not_raise.pop()
            return self.call_nested(made, None, node)
        target = self.meaning_value(meaning, func) if meaning is not None else self.expr(func)
        return self.call_pointer(target, node)

    def _attribute_call(self: Any, func: ast.Attribute, node: ast.Call, want: Type | None) -> Expr:
        owner_type = self.type_meant(func.value)
        if owner_type is None and isinstance(func.value, (ast.Name, ast.Attribute)):
            owner = self.meaning(func.value)
            owner_type = self.program.maybe_type(owner) if owner is not None else None
        if owner_type is not None:
            return self._static_call(owner_type, func, node, want)
        base = self.expr(func.value)
        if isinstance(base.ty, model.OptionalType):
            raise self.may_be_none(func.value, base)
        special = self.special_method(base, func.attr, node, want)
        if special is not None:
            return special
        if isinstance(base.ty, (ClassType, model.TextType)):
            return self.call_method_nodes(base, func.attr, node.args, node, node.keywords)
        if isinstance(base.ty, (model.BitsType, model.EnumType)):
            method = base.ty.decl.methods.get(func.attr)
            if method is not None:
                inst = self.program.instance(method, None, {}, node, bits_self=base.ty)
                return self.call_instance(inst, [base, *self.arguments(inst, method, node.args, node.keywords, node, 1)], node)
        raise self.error("E0203", func, f"`{base.ty.name}` has no method `{func.attr}`", did_you_mean(func.attr, self.members_of(base.ty)))

    def _static_call(self: Any, owner: Type, func: ast.Attribute, node: ast.Call, want: Type | None) -> Expr:
        """`Pte.from_raw(x)`, `Proc.find(pid)` (static), `Base.method(self, …)`."""
        if isinstance(owner, model.BitsType) and func.attr == "from_raw":
            return same(self.value(node.args[0], owner.raw), owner)
        decl = getattr(owner, "decl", None)
        cls = owner if isinstance(owner, ClassType) else None
        found = self.program.layouts.find_method(cls, func.attr) if cls is not None else None
        method = found[1] if found is not None else decl.methods.get(func.attr) if decl is not None else None
        if method is None:
            known = list(decl.methods) if decl is not None else []
            raise self.error("E0203", func, f"`{owner.name}` has no `{func.attr}`", did_you_mean(func.attr, known))
        if method.is_static:
            return self.call_function(method, node, want, found[0] if found is not None else None)
        if cls is None or not node.args:
            raise self.error("E0805", func, f"`{func.attr}` needs an instance", f"call it on one: `x.{func.attr}(…)`")
        receiver = self.value(node.args[0], cls)
        owner_class = found[0] if found is not None else cls
        return self._direct(owner_class, method, receiver, node.args[1:], node.keywords, node)

    def _super_call(self: Any, name: str, node: ast.Call) -> Expr:
        cls = self.fn.self_type
        base = self.program.layouts.complete(cls).base if cls is not None else None
        found = self.program.layouts.find_method(base, name) if base is not None else None
        if found is None:
            raise self.error("E0203", node, f"no base class has a method `{name}`")
        receiver = same(hir.VarGet(cls, self.env["self"]), found[0])
        return self._direct(found[0], found[1], receiver, node.args, node.keywords, node)

    # -- plain functions ----------------------------------------------------------------------------------------
    def call_function(self: Any, decl: FuncDecl, node: ast.Call, want: Type | None, cls: ClassType | None = None) -> Expr:
        names = self.program.type_variables(decl)
        if names:
            return self._generic_call(decl, names, None, node, want)
        return self._known_call(decl, cls, [], node.args, node.keywords, node)

    def _known_call(
        self: Any, decl: FuncDecl, cls: ClassType | None, receiver: list[Expr], args: list[Any], keywords: Any, node: Any
    ) -> Expr:
        """A call of a function known here; compiled anew for it if it is given functions that capture variables."""
        skip = len(receiver)
        if any(isinstance(a, (ast.Lambda, ast.Name)) for a in [*args, *(k.value for k in keywords)]) and self._takes_functions(decl):
            pairs = self.bind(decl, args, list(keywords), node, skip)
            closures = self.closure_arguments(pairs, decl, self.program.tvars_of(cls), [])
            if closures:
                inst = self.program.instance(decl, cls, {}, node, closures=closures)
                return self.call_instance(inst, [*receiver, *self.arguments_of(inst, decl, pairs, node, skip)], node)
        inst = self.program.instance(decl, cls, {}, node)
        return self.call_instance(inst, [*receiver, *self.arguments(inst, decl, args, list(keywords), node, skip)], node)

    def _takes_functions(self: Any, decl: FuncDecl) -> bool:
        """Whether a parameter is a `Callable`."""
        if decl.takes_functions is None:
            spec = decl.node.args
            annotations = [a.annotation for a in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]]
            decl.takes_functions = any(is_function_type(self.program, a, decl.module) for a in annotations)
        return bool(decl.takes_functions)

    def _generic_call(
        self: Any,
        decl: FuncDecl,
        names: list[str],
        receiver: Expr | None,
        node: Any,
        want: Type | None,
        cls: ClassType | None = None,
        arg_nodes: Any = None,
        keywords: Any = None,
    ) -> Expr:
        """Infer the type variables from the arguments, then call that instance."""
        skip = 1 if receiver is not None else 0
        pairs = self.bind(
            decl, arg_nodes if arg_nodes is not None else node.args, node.keywords if keywords is None else keywords, node, skip
        )
        class_tvars = self.program.tvars_of(cls)
        tvars: dict[str, Any] = {}
        for parameter, argument in pairs:
            if argument is None or isinstance(argument, (tuple, ast.Lambda)) or parameter.annotation is None:
                continue
            unsure = ast.unparse(parameter.annotation)
            if not any(n in unsure for n in names):
                continue
            if isinstance(argument, ast.Constant) and argument.value is None:
                continue
            self.program.unify(parameter.annotation, self._type_of(argument), tvars, names, decl, class_tvars)
        if want is not None and decl.node.returns is not None:
            self.program.unify(decl.node.returns, want, tvars, [n for n in names if n not in tvars], decl, class_tvars)
        closures = self.closure_arguments(pairs, decl, {**class_tvars, **tvars}, names) if self._takes_functions(decl) else {}
        for parameter, argument in pairs:
            if isinstance(argument, Expr) and parameter.annotation is not None:
                have = argument.ty.made.signature if isinstance(argument.ty, model.ClosureType) else argument.ty
                self.program.unify(parameter.annotation, have, tvars, names, decl, class_tvars)
        missing = [n for n in names if n not in tvars]
        if missing:
            raise self.error("E0811", node, f"what `{missing[0]}` of `{decl.name}` is cannot be told from the arguments")
        for name, ty in tvars.items():
            problem = bounds.complaint(self.program, decl.module, name, ty, node)
            if problem is not None:
                raise self.error("E0821", node, *problem)
        inst = self.program.instance(decl, cls, tvars, node, closures=closures)
        args = self.arguments_of(inst, decl, pairs, node, skip)
        return self.call_instance(inst, ([receiver] if receiver is not None else []) + args, node)

    def _type_of(self: Any, node: ast.expr) -> Type:
        """The type of an argument, without keeping its tree."""
        kept = self.state.copy()
        meaning = self.meaning(node) if isinstance(node, (ast.Name, ast.Attribute)) else None
        made = self.nested_named(node.id) if isinstance(node, ast.Name) else None
        if made is not None:
            return made.signature
        if isinstance(meaning, FuncDecl):
            inst = self.program.instance(meaning, None, {}, node)
            found: Type = model.intern(FuncType, tuple(v.ty for v in inst.params), inst.result, False)
        else:
            found = self.settle(self.expr(node)).ty
            if isinstance(found, model.ClosureType):
                found = found.made.signature
        self.state = kept
        return found

    # -- arguments ----------------------------------------------------------------------------------------------
    def bind(
        self: Any, decl: FuncDecl, args: list[ast.expr], keywords: list[ast.keyword], node: ast.AST, skip: int
    ) -> list[tuple[ast.arg, Any]]:
        """Pair each parameter with its argument; a default is (expression, module)."""
        spec = decl.node.args
        if spec.vararg is not None and decl.name != "__exit__" or spec.kwarg is not None:
            raise CompileError(None)  # refused where it is defined
        parameters = [*spec.posonlyargs, *spec.args][skip:]
        every = parameters + spec.kwonlyargs
        if len(args) > len(parameters):
            want = f"{len(parameters)} argument{'s' if len(parameters) != 1 else ''}"
            message = f"`{decl.name}` takes {want}, but {len(args)} are given"
            raise self.error("E0801", args[len(parameters)], message, label="the first one too many", labels=declared(decl))
        given: dict[str, Any] = {p.arg: a for p, a in zip(parameters, args, strict=False)}
        for keyword in keywords:
            if keyword.arg not in {p.arg for p in every}:
                hint = did_you_mean(keyword.arg or "", [p.arg for p in every])
                message = f"`{decl.name}` has no parameter `{keyword.arg}`"
                raise self.error("E0803", keyword, message, hint, labels=declared(decl))
            if keyword.arg in {p.arg for p in spec.posonlyargs}:
                hint = "the parameters before `/` are given by position"
                raise self.error("E0803", keyword, f"`{decl.name}` takes `{keyword.arg}` by position only", hint)
            if keyword.arg in given:
                first = given[keyword.arg]
                labels = [(first, "given here first")] if isinstance(first, ast.expr) else []
                raise self.error("E0808", keyword, f"`{keyword.arg}` is given twice", labels=labels)
            given[keyword.arg] = keyword.value
        defaults = dict(zip([p.arg for p in [*spec.posonlyargs, *spec.args]][::-1], spec.defaults[::-1], strict=False))
        defaults |= {p.arg: d for p, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None}
        pairs: list[tuple[ast.arg, Any]] = []
        for parameter in every:
            if parameter.arg in given:
                pairs.append((parameter, given[parameter.arg]))
            elif parameter.arg in defaults:
                pairs.append((parameter, (defaults[parameter.arg], decl.module)))
            else:
                where = Span.of(decl.module.source, parameter)
                message = f"`{decl.name}` needs an argument `{parameter.arg}`"
                raise self.error("E0809", node, message, labels=[(where, "this parameter has no default")])
        return pairs

    def arguments(
        self: Any,
        inst: FnInst,
        decl: FuncDecl,
        args: list[ast.expr],
        keywords: list[ast.keyword],
        node: ast.AST,
        skip: int,
        hidden: int = 0,
    ) -> list[Expr]:
        pairs = self.bind(decl, args, keywords, node, skip)
        found = self.arguments_of(inst, decl, pairs, node, skip + hidden)
        names = [p.arg for p, _ in pairs]
        order = [*range(len(args)), *(names.index(k.arg) for k in keywords)]
        if order != sorted(order):  # evaluated as written, not as declared
            setters = []
            for i in order:
                setter, found[i] = self.temp(found[i])
                setters.append(setter)
            found[0] = hir.Seq(found[0].ty, setters, found[0])
        return found

    def arguments_of(self: Any, inst: FnInst, decl: FuncDecl, pairs: list[tuple[ast.arg, Any]], node: ast.AST, skip: int) -> list[Expr]:
        found = []
        for (parameter, argument), var in zip(pairs, inst.params[skip:], strict=True):
            if isinstance(argument, tuple) and is_caller_module(argument[0]):
                found.append(self.coerce(hir.StrLit(model.STR, self.module.name.encode()), var.ty, node))
            elif isinstance(argument, tuple):
                found.append(self.in_module(argument[1], inst).argument(argument[0], var.ty, parameter.arg))
            elif isinstance(argument, Expr):
                found.append(self.coerce(argument, var.ty, node, f"`{parameter.arg}`"))
            else:
                where = Span.of(decl.module.source, parameter)
                with self.explained(argument, [(where, "the parameter is declared here")]):
                    found.append(self.argument(argument, var.ty, parameter.arg))
        return found

    def argument(self: Any, node: ast.expr, ty: Type, name: str = "") -> Expr:
        """An argument for a parameter of that type; f-strings and strings become a `Format` where one is asked for."""
        if isinstance(ty, ClassType) and ty.decl.name == "Format" and isinstance(node, (ast.JoinedStr, ast.Constant)):
            return self.format_argument(node)
        return self.value(node, ty, f"`{name}`" if name else "")

    def in_module(self: Any, module: ModuleDecl, inst: FnInst | None = None) -> Any:
        """An elaborator for expressions that stand elsewhere (defaults), within this function."""
        if module is self.module:
            return self
        from compiler.types.elaborate.elaborator import Elaborator

        other = Elaborator(self.program, self.fn)
        other.module = module
        other.tvars = inst.tvars if inst is not None else {}
        other.catching = self.catching
        return other

    def call_instance(self: Any, inst: FnInst, args: list[Expr], node: Any) -> Expr:
        self.note_call(inst, node, args)
        self.forget_memory(node if hasattr(node, "lineno") else None)
        call = hir.Call(inst.result, inst, args)
        call.line = getattr(node, "lineno", 0)
        return call

    def note_call(self: Any, callee: Any, node: Any, args: list[Expr]) -> None:
        place = node if hasattr(node, "lineno") else None
        self.fn.calls.append(CallSite(callee, place, self.held_beside(args), args, self.contexts_left(), self.locks_passed(args)))
        self.cross_section(callee, node)
        if not self.catching and not isinstance(callee, FunctionValue):
            self.fn.may_raise_from.append(callee)

    def hook(self: Any, name: str, node: Any) -> FuncDecl:
        found = self.program.hooks.get(name)
        if found is None:
            raise self.error("E0002", node, f"this world has no `@hook def {name}`, which this needs")
        assert isinstance(found, FuncDecl)
        return found

    def hook_call(self: Any, name: str, args: list[Expr], node: Any) -> Expr:
        inst = self.program.instance(self.hook(name, node), None, {}, node)
        args = [self.coerce(a, p.ty, node) for a, p in zip(args, inst.params, strict=True)]
        return self.call_instance(inst, args, node)

    def runtime_call(self: Any, name: str, args: list[Expr], node: Any) -> Expr:
        inst = self.program.instance(self.program.runtime(name), None, {}, node)
        return self.call_instance(inst, [self.coerce(a, p.ty, node) for a, p in zip(args, inst.params, strict=True)], node)

    # -- methods ------------------------------------------------------------------------------------------------
    def call_method(self: Any, base: Expr, name: str, args: list[Any], node: Any) -> Expr:
        """Call with ready arguments (expressions, or (expression, node) pairs)."""
        ready = [a[0] if isinstance(a, tuple) else a for a in args]
        return self.call_method_nodes(base, name, ready, node)

    def call_method_nodes(self: Any, base: Expr, name: str, args: list[Any], node: Any, keywords: Any = ()) -> Expr:
        cls = base.ty
        if isinstance(cls, model.TextType):
            cls = cls.header
            base = same(base, cls)
        found = self.program.layouts.find_method(cls, name)
        if found is None:
            field = cls.fields.get(name)
            if field is not None and isinstance(model.value_of(field.ty), FuncType):
                target = self.read(self.offset(base, field.offset), field.ty)
                return self.call_pointer(target, node)
            if field is not None and isinstance(field.ty, model.OptionalType) and isinstance(field.ty.inner, FuncType):
                key = f"{ast.unparse(node.func)}" if isinstance(node, ast.Call) else ""
                if key in self.state.narrowed:
                    return self.call_pointer(same(self.read(self.offset(base, field.offset), field.ty), field.ty.inner), node)
                raise self.may_be_none(node.func if isinstance(node, ast.Call) else node, base, f"`{name}` may be None here")
            raise self.error("E0203", node, f"`{cls.name}` has no method `{name}`", did_you_mean(name, self.members_of(cls)))
        owner, method = found
        if (
            "property" in method.marks
            and isinstance(node, ast.Call)
            and node.args == []
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == name
        ):
            raise self.error("E0807", node, f"`{name}` is a property", f"leave out the parentheses: `{ast.unparse(node.func)}`")
        if method.is_static:
            inst = self.program.instance(method, owner, {}, node)
            call = self.call_instance(inst, self.arguments(inst, method, args, list(keywords), node, 0), node)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Name):
                return hir.Seq(call.ty, [hir.Do(base)], call)  # the object counts for nothing, but finding it may fail, or do something
            return call
        if cls.polymorphic and name != "__init__" and (method.is_abstract or self.program.layouts.is_overridden(cls, name)):
            return self._virtual(cls, name, method, owner, base, args, list(keywords), node)
        return self._direct(owner, method, same(base, owner), args, list(keywords), node)

    def _direct(self: Any, owner: ClassType, method: FuncDecl, receiver: Expr, args: list[Any], keywords: Any, node: Any) -> Expr:
        names = self.program.type_variables(method)
        receiver = same(receiver, owner)
        if names:
            return self._generic_call(method, names, receiver, node, None, owner, args, keywords)
        return self._known_call(method, owner, [receiver], args, keywords, node)

    def _virtual(
        self: Any, cls: ClassType, name: str, method: FuncDecl, owner: ClassType, base: Expr, args: list[Any], keywords: Any, node: Any
    ) -> Expr:
        group = self.program.virtual_group(cls, name, node)
        inst = group.signature
        ready = self.arguments(inst, inst.decl, args, keywords, node, 1)
        self.note_call(group, node, [base, *ready])
        self.forget_memory(node if hasattr(node, "lineno") else None)
        call = hir.CallVirtual(inst.result, base, group, ready)
        call.line = getattr(node, "lineno", 0)
        return call

    # -- function pointers --------------------------------------------------------------------------------------
    def call_pointer(self: Any, target: Expr, node: ast.Call) -> Expr:
        sig = target.ty
        if isinstance(sig, model.ClosureType):
            return self.call_nested(sig.made, target if sig.made.frame else None, node)
        if isinstance(sig, model.OptionalType) and isinstance(sig.inner, FuncType):
            raise self.may_be_none(node.func, target)
        if not isinstance(sig, FuncType):
            raise self.error("E0802", node.func, f"a `{sig.name}` cannot be called")
        if len(node.args) != len(sig.params) or node.keywords:
            raise self.error(
                "E0801", node, f"`{sig.name}` takes {len(sig.params)} positional argument{'s' if len(sig.params) != 1 else ''}"
            )
        args = [self.argument(a, p) for a, p in zip(node.args, sig.params, strict=True)]
        if sig.raises:
            self.note_raise(node)
        self.fn.has_function_values = True
        self.note_call(FunctionValue(target, sig, ast.unparse(node.func)), node, args)
        self.forget_memory()
        call = hir.CallPtr(sig.result, target, args, sig)
        call.line = node.lineno
        return call

    def note_raise(self: Any, node: Any) -> None:
        """Something here raises by itself."""
        if not self.catching:
            self.fn.raises = True
            self.fn.raise_node = self.fn.raise_node or node
