# SPDX-License-Identifier: GPL-2.0-or-later
"""What a module declares: classes, functions, globals, imports. No types are resolved here yet."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from compiler.diagnostics import Source
from compiler.syntax.walk import walk
from compiler.types import vocabulary
from compiler.types.model import ClassType, Type


@dataclass(eq=False)
class Vocabulary:
    """A name of `lang`, `typing`, `enum` or `abc`: the compiler knows what it means."""

    name: str


@dataclass(eq=False)
class ImportedName:
    """`from module import name`, resolved when first used."""

    module: str
    name: str
    node: ast.AST


@dataclass(eq=False)
class ModuleDecl:
    name: str
    source: Source
    tree: ast.Module
    scope: dict[str, Any] = field(default_factory=dict)
    functions: list[FuncDecl] = field(default_factory=list)
    classes: list[ClassDecl] = field(default_factory=list)
    globals: list[GlobalDecl] = field(default_factory=list)
    renamed: set[str] = field(default_factory=set)  # aliases of a bare class or scalar, which mean that itself


@dataclass(eq=False)
class TypeVarDecl:
    """`T = TypeVar("T")`, perhaps with a `bound=` or with the types it is one of."""

    name: str
    module: ModuleDecl
    bound: ast.expr | None = None
    choices: list[ast.expr] = field(default_factory=list)


@dataclass(eq=False)
class NewTypeDecl:
    name: str
    node: ast.Call
    module: ModuleDecl
    ty: Type | None = None


@dataclass(eq=False)
class GlobalDecl:
    """A module-level name: a constant unless a function declares it `global` or its type is storage."""

    name: str
    module: ModuleDecl
    node: ast.stmt
    annotation: ast.expr | None
    value: ast.expr | None
    assigned: bool = False  # some function says `global name`
    state: str = "new"  # new, busy (being resolved), done
    ty: Type | None = None  # storage type
    const: Any = None  # its folded value, for constants
    symbol: str = ""
    init: Any = None  # [(offset, storage type, constant expression)] for storage
    entries: list[Any] = field(default_factory=list)  # of a Registry
    may_be_alias: bool = False  # its value could name a type; told when it is first looked up (aliases.py)


@dataclass(eq=False)
class AliasDecl:
    """`Handler = Callable[[u32], None]`."""

    name: str
    module: ModuleDecl
    value: ast.expr
    ty: Type | None = None  # as storage
    state: str = "new"  # new, busy (being resolved), done


@dataclass(eq=False)
class FuncDecl:
    name: str
    module: ModuleDecl
    node: ast.FunctionDef
    owner: ClassDecl | None
    marks: dict[str, Any]  # decorator name -> its first argument or True
    decorators: list[ast.expr] = field(default_factory=list)  # those that are not marks: registries
    instances: dict[Any, FnInst] = field(default_factory=dict)
    takes_functions: bool | None = None  # a parameter is a `Callable`; None: not looked at yet

    @property
    def is_static(self) -> bool:
        return "staticmethod" in self.marks

    def plain_instance(self, cls: ClassType) -> FnInst | None:
        """What is compiled of a method without type variables of its own, if anything asked for it."""
        return self.instances.get((cls, (), None))

    @property
    def is_abstract(self) -> bool:
        """Marked so, or a method of a `Protocol` without a body of its own."""
        if "abstractmethod" in self.marks:
            return True
        return self.owner is not None and self.owner.is_protocol and all_stubs(self.node.body)


@dataclass(eq=False)
class ClassDecl:
    name: str
    module: ModuleDecl
    node: ast.ClassDef
    kind: str = ""  # struct, object, enum, bits, mmio, error; found when first used
    typevars: list[str] = field(default_factory=list)
    options: dict[str, int] = field(default_factory=dict)  # @struct(align=…, packed=…, size=…)
    methods: dict[str, FuncDecl] = field(default_factory=dict)
    setters: dict[str, FuncDecl] = field(default_factory=dict)  # `@x.setter def x`
    fields: list[ast.AnnAssign] = field(default_factory=list)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    decorators: list[ast.expr] = field(default_factory=list)
    base: ast.expr | None = None
    base_decl: ClassDecl | None = None
    subclasses: list[ClassDecl] = field(default_factory=list)
    instances: dict[Any, Any] = field(default_factory=dict)
    unknown_option: ast.keyword | None = None  # of @struct(…)
    error_id: int = 0
    ready: bool = False

    @property
    def is_protocol(self) -> bool:
        heads = [b.value if isinstance(b, ast.Subscript) else b for b in self.node.bases]
        return any(isinstance(h, ast.Name) and h.id == "Protocol" for h in heads)


@dataclass(eq=False)
class Section:
    """A stretch of a function in which it may not block: a spinlock is held, or interrupts are off."""

    what: str  # as diagnostics say it: "a spinlock is held", "interrupts are off"
    path: str  # the lock as the source names it, "" if it does not
    node: ast.AST
    lock: str | int = ""  # which lock: `Proc.lock`, `alloc.lock`; the number of a parameter; "" if that cannot be told
    guard: Any = None  # the variable of `with lock as guard`
    is_block: bool = False  # by `with`: whoever leaves the block ends it


@dataclass(eq=False)
class FunctionValue:
    """What a call through a function value calls: whatever may have been put there."""

    target: Any  # the expression (hir)
    sig: Any
    shown: str


@dataclass(eq=False)
class CallSite:
    """One call in a function, for what is found over the call graph. `held`: the sections that it stands in, and cannot end."""

    callee: Any  # FnInst, VirtualGroup or FunctionValue
    node: ast.AST | None
    held: tuple[Section, ...] = ()
    args: list[Any] = field(default_factory=list)
    outside: frozenset[str] = frozenset()  # contexts in which this is not reached
    locks: dict[int, str | int] = field(default_factory=dict)  # arguments that are locks: which


@dataclass(eq=False)
class FnInst:
    """One function to compile: a declaration with its class instance and type variables fixed."""

    decl: FuncDecl | None
    symbol: str
    module: ModuleDecl
    self_type: ClassType | None = None
    tvars: dict[str, Any] = field(default_factory=dict)
    params: list[Any] = field(default_factory=list)  # hir.Var
    result: Any = None
    body: list[Any] | None = None
    slots: list[Any] = field(default_factory=list)
    same_variables: list[tuple[Any, Any]] = field(default_factory=list)  # (a captured variable here, the one that it is)
    captured: list[Any] = field(default_factory=list)  # (variable of the function around, its place in the frame: the first parameter)
    variables: list[Any] = field(default_factory=list)
    line: int = 0
    raises: bool = False
    catches: bool = False  # an error may be raised and caught in it or beneath it: another that is in flight meanwhile must be kept aside
    may_raise_from: list[Any] = field(default_factory=list)  # callees whose error leaves this function
    raise_node: Any = None  # where it raises itself (for messages)
    calls: list[CallSite] = field(default_factory=list)
    acquired: list[tuple[Section, tuple[Section, ...]]] = field(default_factory=list)  # locks that it takes, each with those held by then
    external: str = ""  # symbol of an @extern
    exported: str = ""  # symbol of an @export
    generic: bool = False
    must_not_raise: list[tuple[Any, Any]] = field(default_factory=list)
    inline: str = ""  # '', 'inline', 'noinline'
    cold: bool = False
    float_node: Any = None  # its first expression of floating-point type
    has_function_values: bool = False  # its body handles values of type Callable
    taken: list[tuple[ModuleDecl, Any]] = field(default_factory=list)  # where it is used as a value
    artificial: bool = False  # its instructions are of its caller's lines
    weight: int = 0  # size of the body, for inlining across modules; 0: not known yet
    counted: bool = False  # `@recursion(N)` in a checked build: it counts itself on the stack
    local: bool = False  # a function within a function, or compiled for one: no other module can name it

    @property
    def shown(self) -> str:
        return self.symbol

    @property
    def qualname(self) -> str:
        """`Ring.push`: the name as the source has it, and as CPython shows it."""
        if self.decl is None:
            return self.symbol
        return f"{self.decl.owner.name}.{self.decl.name}" if self.decl.owner is not None else self.decl.name


def is_lock_order(value: Any) -> TypeGuard[ast.Call]:
    """`lock_order("a.lock", …)`: a statement to the compiler, see effects/locks.py."""
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "lock_order"


STRUCT_OPTIONS = ("align", "packed", "size")


def all_stubs(body: list[ast.stmt]) -> bool:
    """A body of only a docstring and `...`: an abstract or extern declaration."""
    return all(isinstance(s, ast.Pass) or isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in body)


MARKS = vocabulary.MARKS | {"staticmethod", "property", "abstractmethod", "final", "override", "classmethod"}


def collect(module: ModuleDecl) -> None:
    """Fill a module's scope from its statements."""
    for node in module.tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            _collect_import(module, node)
        elif isinstance(node, ast.ClassDef):
            _collect_class(module, node)
        elif isinstance(node, ast.FunctionDef):
            decl = make_function(module, node, None)
            module.functions.append(decl)
            module.scope[node.name] = decl
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            _collect_global(module, node, node.target.id, node.annotation, node.value)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            _collect_assignment(module, node, node.targets[0].id)
    for inner in walk(module.tree):
        if isinstance(inner, ast.Global):
            for name in inner.names:
                found = module.scope.get(name)
                if isinstance(found, GlobalDecl):
                    found.assigned = True


def _collect_import(module: ModuleDecl, node: ast.Import | ast.ImportFrom) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            module.scope[name] = ImportedName(alias.name if alias.asname else alias.name.split(".")[0], "", node)
            if not alias.asname and "." in alias.name:
                module.scope.setdefault(f"import {alias.name}", ImportedName(alias.name, "", node))
        return
    base = node.module or ""
    if node.level:
        parts = module.name.split(".")[: -node.level]
        base = ".".join([*parts, base] if base else parts)
    for alias in node.names:
        module.scope[alias.asname or alias.name] = ImportedName(base, alias.name, alias)


def _collect_assignment(module: ModuleDecl, node: ast.Assign, name: str) -> None:
    call = node.value
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
        if call.func.id == "TypeVar":
            bound = next((k.value for k in call.keywords if k.arg == "bound"), None)
            module.scope[name] = TypeVarDecl(name, module, bound, call.args[1:])
            return
        if call.func.id == "NewType":
            module.scope[name] = NewTypeDecl(name, call, module)
            return
    _collect_global(module, node, name, None, node.value)


def _collect_global(module: ModuleDecl, node: ast.stmt, name: str, annotation: ast.expr | None, value: ast.expr | None) -> None:
    if name == "__all__":
        return
    decl = GlobalDecl(name, module, node, annotation, value, symbol=f"{module.name}.{name}")
    stated = isinstance(annotation, ast.Name) and annotation.id == "TypeAlias"
    decl.may_be_alias = stated or annotation is None and isinstance(value, (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp))
    module.globals.append(decl)
    module.scope[name] = decl


def _mark_of(decorator: ast.expr) -> tuple[str, Any] | None:
    call = decorator if isinstance(decorator, ast.Call) else None
    target = call.func if call else decorator
    if isinstance(target, ast.Name) and target.id in MARKS:
        argument: Any = True
        if call and call.args and isinstance(call.args[0], ast.Constant):
            argument = call.args[0].value
        return target.id, argument
    return None


def is_setter(node: ast.FunctionDef) -> bool:
    """`@x.setter def x(self, value)`."""
    return any(isinstance(d, ast.Attribute) and d.attr == "setter" and ast.unparse(d.value) == node.name for d in node.decorator_list)


def make_function(module: ModuleDecl, node: ast.FunctionDef, owner: ClassDecl | None) -> FuncDecl:
    decl = FuncDecl(node.name, module, node, owner, {})
    for decorator in node.decorator_list:
        mark = _mark_of(decorator)
        if mark:
            decl.marks[mark[0]] = mark[1]
        elif not (owner is not None and is_setter(node)):
            decl.decorators.append(decorator)
    return decl


def _collect_class(module: ModuleDecl, node: ast.ClassDef) -> None:
    decl = ClassDecl(node.name, module, node)
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        target = call.func if call else decorator
        if isinstance(target, ast.Name) and target.id == "struct":
            decl.kind = "struct"
            for keyword in call.keywords if call else []:
                if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, int) and keyword.arg in STRUCT_OPTIONS:
                    decl.options[keyword.arg] = int(keyword.value.value)
                else:
                    decl.unknown_option = keyword
        elif not (isinstance(target, ast.Name) and target.id in ("final", "runtime_checkable", "unique")):
            decl.decorators.append(decorator)
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            (decl.setters if is_setter(item) else decl.methods)[item.name] = make_function(module, item, decl)
        elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            if _is_final(item.annotation) and item.value is not None:
                decl.constants[item.target.id] = item.value
            else:
                decl.fields.append(item)
        elif isinstance(item, ast.Assign) and len(item.targets) == 1 and isinstance(item.targets[0], ast.Name):
            decl.constants[item.targets[0].id] = item.value
    module.classes.append(decl)
    module.scope[node.name] = decl


def _is_final(annotation: ast.expr) -> bool:
    target = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return isinstance(target, ast.Name) and target.id in ("Final", "ClassVar")
