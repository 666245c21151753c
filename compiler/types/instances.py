# SPDX-License-Identifier: GPL-2.0-or-later
"""What is compiled: functions with fixed types, globals with their contents, groups of virtual methods."""

from __future__ import annotations

import ast
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from compiler.diagnostics import CompileError, Span
from compiler.syntax.walk import walk
from compiler.types import compile_time, hir, model
from compiler.types.decls import FnInst, FuncDecl, GlobalDecl, ModuleDecl, TypeVarDecl, is_lock_order, is_setter
from compiler.types.elaborate.construct import StaticTarget
from compiler.types.elaborate.flow import names_bound
from compiler.types.elaborate.elaborator import Elaborator, pseudo_function
from compiler.types.generated import Generated
from compiler.types.model import ClassType, EnumType, Type
from compiler.types.provided import checked_module

if TYPE_CHECKING:
    pass


class VirtualGroup:
    """A virtual method with all that override it: one slot, one calling convention."""

    def __init__(self, signature: FnInst, slot: int, name: str) -> None:
        self.signature, self.slot, self.name = signature, slot, name
        self.members: list[FnInst] = []
        self.raises = False

    @property
    def shown(self) -> str:
        return self.signature.symbol


LONGEST_SYMBOL = 1000  # characters: a type that grows with each instance has no end


class Instances(Generated):
    """Mixed into `Program`."""

    def __init__(self: Any) -> None:
        self.format_counts: dict[str, int] = {}
        self.format_count = 0
        self.symbols: Counter[str] = Counter()
        self.groups: dict[Any, VirtualGroup] = {}
        self.elaborated: set[FnInst] = set()
        Generated.__init__(self)

    # -- functions ----------------------------------------------------------------------------------------------
    def type_variables(self: Any, decl: FuncDecl) -> list[str]:
        """The type variables of a generic function (not those of its class)."""
        if not hasattr(decl, "tvar_names"):
            own = set(decl.owner.typevars) if decl.owner is not None else set()
            found: list[str] = []
            for part in walk(decl.node.args):
                if isinstance(part, ast.Name) and part.id not in own and part.id not in found and self._is_typevar(decl.module, part.id):
                    found.append(part.id)
            decl.tvar_names = found  # type: ignore[attr-defined]
        return decl.tvar_names  # type: ignore[attr-defined]

    def _is_typevar(self: Any, module: ModuleDecl, name: str) -> bool:
        item = module.scope.get(name)
        if item is None:
            return False
        try:
            return isinstance(self.lookup(module, name, module.tree), TypeVarDecl)
        except CompileError:
            return False

    def instance(
        self: Any,
        decl: FuncDecl,
        cls: ClassType | None,
        tvars: dict[str, Any],
        node: ast.AST,
        bits_self: Type | None = None,
        closures: dict[str, Any] | None = None,
    ) -> FnInst:
        """The function to call: made, with its signature resolved, when first asked for; `closures`: parameters of known functions."""
        given = tuple(sorted((k, v.made.inst.symbol) for k, v in closures.items())) if closures else ()
        key = (cls, tuple(sorted(tvars.items(), key=itemgetter(0))), bits_self, *given)
        found = decl.instances.get(key)
        if found is not None:
            return found
        owner = cls.symbol if cls is not None else decl.owner.name if decl.owner is not None else ""
        symbol = ".".join(p for p in (decl.module.name, owner, decl.name) if p) + (".setter" if is_setter(decl.node) else "")
        if tvars:
            symbol += f"[{', '.join(v.name for _, v in sorted(tvars.items()))}]"
        if len(symbol) > LONGEST_SYMBOL:
            hint = "each call asks for a larger type than the one before: end the recursion, or take a `Ref`"
            raise self.error("E0815", decl.module, decl.node, f"`{decl.name}` needs instances without end", hint)
        if given:
            symbol += f"({', '.join(shown for _, shown in given)})"
        self.symbols[symbol] += 1  # two types of one name, in different modules, make two instances of one name
        if self.symbols[symbol] > 1:
            symbol += f".{self.symbols[symbol]}"
        inst = FnInst(decl, symbol, decl.module, cls, {**self.tvars_of(cls), **tvars})
        decl.instances[key] = inst
        inst.line = decl.node.lineno
        inst.local = bool(given)
        inst.generic = bool(tvars or cls is not None and cls.args)
        inst.inline = "noinline" if "noinline" in decl.marks else "inline" if "inline" in decl.marks else ""
        inst.cold = "cold" in decl.marks
        inst.artificial = "artificial" in decl.marks
        # Not those that the compiler calls: they report what is found. A hosted program stands on CPython's stack, which has no chain.
        inst.counted = "recursion" in decl.marks and "hook" not in decl.marks and self.world.checked and self.world.kind != "hosted"
        try:
            self._signature(inst, decl, cls or bits_self, closures or {})
        except CompileError:
            del decl.instances[key]
            raise
        if "extern" in decl.marks:
            inst.external = decl.marks["extern"] if isinstance(decl.marks["extern"], str) else decl.name
        else:
            if "export" in decl.marks:
                inst.exported = decl.marks["export"] if isinstance(decl.marks["export"], str) else decl.name
            if not decl.is_abstract:
                self.elaborate_later.append(inst)
                self.functions.append(inst)
        return inst

    def _signature(self: Any, inst: FnInst, decl: FuncDecl, self_type: Type | None, closures: dict[str, Any]) -> None:
        spec = decl.node.args
        for i, arg in enumerate([*spec.posonlyargs, *spec.args, *spec.kwonlyargs]):
            if i == 0 and decl.owner is not None and not decl.is_static:
                ty: Type = self_type if self_type is not None else self.class_type(decl.owner, ())
            elif arg.arg in closures:
                ty = closures[arg.arg]
            elif arg.annotation is None:
                raise self.error("E0814", decl.module, arg, f"the parameter `{arg.arg}` has no type", f"write `{arg.arg}: T`")
            else:
                ty = model.value_of(self.resolve(arg.annotation, decl.module, inst.tvars))
            inst.params.append(hir.Var(arg.arg, ty, len(inst.variables)))
            inst.variables.append(inst.params[-1])
        returns = decl.node.returns
        inst.result = model.value_of(self.resolve(returns, decl.module, inst.tvars)) if returns is not None else model.VOID
        for var in inst.params:
            self.layouts.ensure(var.ty)

    def elaborate_all(self: Any) -> None:
        """Elaborate every function asked for, until none is left."""
        while self.elaborate_later:
            self.elaborate(self.elaborate_later.pop())

    def elaborate(self: Any, inst: FnInst) -> None:
        """Elaborate a function; one that is being elaborated, or is done, is left alone."""
        if inst in self.elaborated:
            return
        self.elaborated.add(inst)
        maker, decl = Elaborator(self, inst), inst.decl
        assert decl is not None
        maker.assigned_later = names_bound(decl.node)
        if decl.owner is not None:
            maker.tvars = inst.tvars
        maker.body()

    def evaluate_in(self, maker: Elaborator, node: ast.expr) -> Any:
        found = maker.expr(node)
        return found.value if isinstance(found, hir.Const) and found.ty is not model.BOOL else None

    def format_count_in(self, fn: FnInst) -> int:
        self.format_counts[fn.symbol] = self.format_counts.get(fn.symbol, 0) + 1
        return self.format_counts[fn.symbol]

    # -- generics -----------------------------------------------------------------------------------------------
    def unify(
        self: Any, annotation: ast.expr, ty: Type, tvars: dict[str, Any], names: list[str], decl: FuncDecl, class_tvars: dict[str, Any]
    ) -> None:
        """Match an annotation against an argument's type, binding type variables."""
        if isinstance(annotation, ast.Name) and annotation.id in names:
            tvars.setdefault(annotation.id, ty)
            return
        if isinstance(annotation, ast.BinOp):
            side = annotation.right if isinstance(annotation.left, ast.Constant) else annotation.left
            self.unify(side, ty.inner if isinstance(ty, model.OptionalType) else ty, tvars, names, decl, class_tvars)
            return
        if not isinstance(annotation, ast.Subscript):
            return
        head = annotation.value.id if isinstance(annotation.value, ast.Name) else ""
        items = list(annotation.slice.elts) if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        inner = {"Span": ("elem",), "Ptr": ("elem",), "Atomic": ("elem",), "User": ("inner",), "Registry": ("elem",)}.get(head)
        if head == "Ref":
            self.unify(items[0], ty.target if isinstance(ty, model.RefType) else ty, tvars, names, decl, class_tvars)
        elif head == "Span" and isinstance(ty, model.ArrayType):
            self.unify(items[0], ty.elem, tvars, names, decl, class_tvars)
        elif inner is not None and hasattr(ty, inner[0]):
            self.unify(items[0], getattr(ty, inner[0]), tvars, names, decl, class_tvars)
        elif head == "Callable" and isinstance(ty, model.FuncType) and isinstance(items[0], ast.List):
            for part, have in zip(items[0].elts, ty.params, strict=False):
                self.unify(part, have, tvars, names, decl, class_tvars)
            self.unify(items[1], ty.result, tvars, names, decl, class_tvars)
        elif head == "tuple" and isinstance(ty, model.TupleType):
            for part, have in zip(items, ty.elems, strict=False):
                self.unify(part, have, tvars, names, decl, class_tvars)
        elif isinstance(ty, ClassType):
            for part, have in zip(items, ty.args, strict=False):
                if isinstance(have, Type):
                    self.unify(part, have, tvars, names, decl, class_tvars)

    # -- virtual methods ----------------------------------------------------------------------------------------
    def virtual_group(self: Any, cls: ClassType, name: str, node: ast.AST) -> VirtualGroup:
        root, root_method = cls, None
        walk: ClassType | None = self.layouts.complete(cls)
        while walk is not None:
            if name in walk.decl.methods and walk.polymorphic:
                root, root_method = walk, walk.decl.methods[name]
            walk = walk.base
        key = (root, name)
        found = self.groups.get(key)
        if found is None:
            assert root_method is not None
            slot = next(i for i, (n, _, _) in enumerate(root.vtable) if n == name)
            signature = self.instance(root_method, root, {}, node)
            found = self.groups[key] = VirtualGroup(signature, slot, name)
            self._fill_group(found, root.decl, root, name, node)
        return found

    def _fill_group(self: Any, group: VirtualGroup, decl: Any, root: ClassType, name: str, node: ast.AST) -> None:
        """Every class of the program that defines the method is a member."""
        pending = [decl]
        while pending:
            current = pending.pop(0)
            pending += current.subclasses
            method = current.methods.get(name)
            if method is None or current.typevars:
                continue
            ty = self.class_type(current, ())
            self.layouts.complete(ty)
            if self.world.only_reached and ty is not root and ty not in self.vtables:
                continue  # not made by anything so far: `join_groups` when it is
            inst = self.instance(method, ty, {}, method.node)
            want, have = group.signature, inst
            if [p.ty for p in want.params[1:]] != [p.ty for p in have.params[1:]] or want.result is not have.result:
                self.reporter.add(
                    self.error(
                        "E0707",
                        method.module,
                        method.node,
                        f"`{ty.name}.{name}` overrides `{root.name}.{name}` with other types",
                        f"its base has `{ast.unparse(root.decl.methods[name].node.args)} -> {want.result.name}`",
                        labels=[(Span.of(root.decl.module.source, root.decl.methods[name].node), "this is the base's")],
                    ).diagnostic
                )
            if not method.is_abstract:
                group.members.append(inst)

    def join_groups(self: Any, cls: ClassType) -> None:
        """A class is made that its virtual groups have left out."""
        for (root, name), group in self.groups.items():
            method = cls.decl.methods.get(name)
            if cls.derives_from(root) and method is not None and not method.is_abstract:
                inst = self.instance(method, cls, {}, method.node)
                if inst not in group.members:
                    group.members.append(inst)

    def errno_type(self: Any) -> EnumType:
        module = self.find_module("compiler.lang.errno")
        found = self.class_type(module.scope["Errno"], ())
        assert isinstance(found, EnumType)
        return found

    # -- globals ------------------------------------------------------------------------------------------------
    def resolve_global(self: Any, glob: GlobalDecl) -> None:
        """Find a global's type, and its value or contents."""
        if glob.state == "done":
            return
        if glob.state == "busy":
            if glob.ty is not None:
                return
            raise self.error("E1304", glob.module, glob.node, f"`{glob.name}` is defined by itself")
        glob.state = "busy"
        try:
            self._resolve_global(glob)
        except CompileError as error:
            self.reporter.add(error.diagnostic)
        glob.state = "done"

    def _resolve_global(self: Any, glob: GlobalDecl) -> None:
        module, value = glob.module, glob.value
        maker = Elaborator(self, pseudo_function(module, {}))
        if value is None:
            raise self.error("E0606", module, glob.node, f"`{glob.name}` is declared without a value")
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "tuple":
            self._table(glob, value, maker)
            return
        if checked_module(self, glob):
            return
        storage = self._storage_made(glob, maker)
        if storage is not None:
            self.layouts.ensure(storage)
            glob.ty = storage
            glob.init = self._contents(storage, value, maker)
            return
        if is_lock_order(value):  # a statement to the compiler (effects/locks.py)
            glob.ty, glob.const = model.U64, hir.Const(model.U64, len(value.args))
            return
        want = None
        if glob.annotation is not None and not _is_bare_final(glob.annotation):
            annotated = self.resolve(glob.annotation, module, {})
            want = model.value_of(annotated)
        found = maker.expr(value, want)
        if want is not None:
            found = maker.coerce(found, want, value, f"`{glob.name}`")
        found = compile_time.fold(self, found, value, module, f"`{glob.name}`")
        if glob.assigned:
            found = maker.settle(found)
            glob.ty = model.storage_of(found.ty)
            glob.init = [(0, glob.ty, found)]
        else:
            glob.ty, glob.const = model.storage_of(found.ty), found

    def _table(self: Any, glob: GlobalDecl, value: ast.Call, maker: Elaborator) -> None:
        """`squares = tuple(n * n for n in range(100))`: a constant array, computed now."""
        note = glob.annotation.slice if isinstance(glob.annotation, ast.Subscript) else None
        note = note.elts[0] if isinstance(note, ast.Tuple) and note.elts else note
        elem = self.resolve(note, glob.module, {}) if note is not None else None
        body, found = maker.table_body(value, elem)
        elem = self.layouts.ensure(elem if elem is not None else model.storage_of(found) if not found.is_place else found)
        what = f"`{glob.name}`"
        items = compile_time.collect(self, body, value, glob.module, what)
        run = compile_time.Evaluation(self)
        glob.ty = model.intern(model.ArrayType, elem, len(items))
        self.layouts.ensure(glob.ty)
        glob.init = [entry for i, item in enumerate(items) for entry in run.contents(elem, item, i * elem.size)]
        glob.entries = ["constant"]

    def _storage_made(self: Any, glob: GlobalDecl, maker: Elaborator) -> Type | None:
        """The storage type if the initialiser makes an object, else None."""
        value = glob.value
        note = glob.annotation
        if isinstance(value, ast.Tuple) and isinstance(note, ast.Subscript) and isinstance(note.value, ast.Name):
            parts = note.slice.elts if isinstance(note.slice, ast.Tuple) else []
            is_table = note.value.id == "tuple" and len(parts) == 2 and isinstance(parts[1], ast.Constant) and parts[1].value is ...
            if is_table or note.value.id in ("Array", "Span"):
                elem = self.layouts.ensure(self.resolve(parts[0] if is_table else note.slice, glob.module, {}))
                glob.entries = ["constant"] if is_table else []
                return model.intern(model.ArrayType, elem, len(value.elts))
        if not isinstance(value, ast.Call):
            return None
        if isinstance(value.func, ast.Name) and value.func.id in ("array", "text", "extern_symbol"):
            if value.func.id == "extern_symbol":
                glob.symbol = str(value.args[0].value) if value.args and isinstance(value.args[0], ast.Constant) else glob.name
                glob.entries = ["extern"]
                return model.intern(model.ArrayType, model.U8, 0)
            return self.layouts.sized_type(glob.annotation, value, glob.module, {})
        made = maker.type_meant(value.func)
        if isinstance(made, ClassType) and made.decl.kind == "error":
            return None
        return made if made is not None and made.is_place else None

    def _contents(self: Any, storage: Type, value: ast.Call, maker: Elaborator) -> list[Any]:
        target = StaticTarget()
        if isinstance(storage, (model.PerCoreType,)):
            inner = storage.elem
            if value.args and not inner.is_place:
                maker.fill(target, 0, inner, value.args[0], maker, "")
            elif maker.needs_filling(inner):
                maker.fill(target, 0, inner, None, maker, "")
        elif not isinstance(storage, model.RegistryType) and not (
            isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "extern_symbol"
        ):
            maker.fill(target, 0, storage, value, maker, "")
        return target.entries

    # -- registries ---------------------------------------------------------------------------------------------
    def register_all(self: Any) -> None:
        """Collect what the program's modules registered by decorator, in the order of their names."""
        for name in sorted(self.modules):
            module = self.modules[name]
            if self.world.only_reached and module.source.path not in {p.resolve() for p in self.world.roots}:
                continue
            for decl in [*module.classes, *module.functions]:
                for decorator in decl.decorators:
                    try:
                        self._register(module, decl, decorator)
                    except CompileError as error:
                        self.reporter.add(error.diagnostic)

    def _register(self: Any, module: ModuleDecl, decl: Any, decorator: ast.expr) -> None:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        registry = self.lookup_path(module, target) if isinstance(target, (ast.Name, ast.Attribute)) else None
        if not isinstance(registry, GlobalDecl):
            raise self.error("E0705", module, decorator, f"`{ast.unparse(decorator)}` is not a decorator of this language")
        self.resolve_global(registry)
        if not isinstance(registry.ty, model.RegistryType):
            raise self.error("E0706", module, decorator, f"`{registry.name}` is not a Registry")
        maker = Elaborator(self, pseudo_function(module, {}))
        if isinstance(decl, FuncDecl):
            entry = maker.value(ast.copy_location(ast.Name(decl.name, ast.Load()), decorator), model.value_of(registry.ty.elem))
        else:
            call = ast.Call(ast.Name(decl.name, ast.Load()), [], [])
            for part in walk(call):
                ast.copy_location(part, decorator)
            one = GlobalDecl(f"{decl.name}.instance", module, decl.node, None, call, symbol=f"{module.name}.{decl.name}.instance")
            module.globals.append(one)
            entry = maker.coerce(maker.global_value(one, decorator), model.value_of(registry.ty.elem), decorator)
        registry.entries.append(entry)


def _is_bare_final(annotation: ast.expr) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "Final"
