# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole program: its modules, what each name means, and the types that annotations denote.

`Program` owns every declaration of a world. Names are resolved lazily, so modules may import each other in any order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from compiler.diagnostics import CompileError, Diagnostic, Reporter, Source, Span, did_you_mean, labelled
from compiler.syntax import leftout
from compiler.syntax.loader import VOCABULARY_MODULES, Loader, ParsedModule, World
from compiler.syntax.syscalls import syscall_module
from compiler.syntax.unimported import unimported
from compiler.syntax.walk import walk
from compiler.types import aliases, bounds, decls, model
from compiler.types.decls import AliasDecl, ClassDecl, FuncDecl, GlobalDecl, ImportedName, ModuleDecl, NewTypeDecl, TypeVarDecl, Vocabulary
from compiler.types.instances import LONGEST_SYMBOL, Instances
from compiler.types.layout import Layouts
from compiler.types.model import ClassType, Type
from compiler.types.vocabulary import ALSO_IN, KNOWN, home_of

BUILTIN_NAMES = {
    "print",
    "len",
    "range",
    "min",
    "max",
    "abs",
    "sum",
    "any",
    "all",
    "enumerate",
    "zip",
    "reversed",
    "divmod",
    "ord",
    "chr",
    "getattr",
    "super",
    "isinstance",
    "Exception",
    "staticmethod",
    "property",
    "True",
    "False",
    "None",
    "tuple",
    "type",
    "hash",
    "id",
    "repr",
}
RUNTIME_CLASSES = {"Text", "Sink", "Format", "FormatSpec", "ErrorSlot", "FailedCheck", "CheckSite"}
BUILTIN_TYPES = {"int", "float", "bool", "str", "bytes"}


class Program(Instances):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.reporter = Reporter()
        self.loader = Loader(world, self.reporter)
        self.modules: dict[str, ModuleDecl] = {}
        self.by_path: dict[Any, ModuleDecl] = {}
        self.hooks: dict[str, FuncDecl] = {}
        self.layouts = Layouts(self)
        self.locks: Any = None  # the order of locks that was found (effects/locks.py)
        self.stacks: Any = None  # what the sources say about stacks (effects/stacks.py)
        self.error_classes: list[ClassDecl] = []
        self.functions: list[decls.FnInst] = []  # everything to lower, in order of discovery
        self.elaborate_later: list[decls.FnInst] = []
        self.globals_used: dict[GlobalDecl, None] = {}
        self.vtables: dict[ClassType, None] = {}

    @property
    def errors(self) -> list[Diagnostic]:
        return self.reporter.errors

    # -- loading ------------------------------------------------------------------------------------------------
    def load_roots(self) -> None:
        for path in self.loader.root_files():
            if path.is_file():
                self.module_of(self.loader.load(path), path)
        pending = True
        while pending:  # imports of imports, until nothing new turns up
            before = len(self.modules)
            for module in list(self.modules.values()):
                self._load_imports(module)
            pending = len(self.modules) != before
        self._link_classes()
        aliases.settle_all(self)
        self._find_hooks()

    def _find_hooks(self) -> None:
        for module in self.modules.values():
            if self.world.kind == "hosted" and not module.name.startswith("compiler."):
                continue  # a unit of the kernel brings the kernel's along, but here the host provides
            for function in module.functions:
                if "hook" in function.marks:
                    known = self.hooks.get(function.name)
                    self.hooks[function.name] = function
                    if known is not None and not self.world.explore:  # whose scheduler takes the place of the host
                        first = [(Span.of(known.module.source, known.node), "first defined here")]
                        message = f"the hook `{function.name}` is defined twice"
                        self.reporter.add(self.error("E0202", module, function.node, message, labels=first).diagnostic)

    def module_of(self, parsed: ParsedModule, path: Any) -> ModuleDecl:
        key = self.loader.real(path) if path else parsed.name
        found = self.by_path.get(key)
        if found is None:
            found = ModuleDecl(parsed.name, parsed.source, parsed.tree)
            self.by_path[key] = self.modules[parsed.name] = found
            decls.collect(found)
            for item in leftout.refused(parsed.tree):
                self.reporter.add(self.error(item.code, found, item.node, item.message, item.hint).diagnostic)
            for name, node in unimported(parsed.tree, {*found.scope, *BUILTIN_NAMES, *BUILTIN_TYPES}).items():
                self.reporter.add(self._undefined(found, name, node).diagnostic)
        return found

    def _load_imports(self, module: ModuleDecl) -> None:
        for item in list(module.scope.values()):
            if isinstance(item, ImportedName) and item.module not in VOCABULARY_MODULES:
                self.find_module(item.module)
                if item.name:
                    self.find_module(f"{item.module}.{item.name}")

    def find_module(self, name: str) -> ModuleDecl | None:
        """The module of that name, loaded on first use; None if there is no such file."""
        if name == "syscalls" and not self.loader.stands_in(name):
            if name not in self.modules:
                source = Source(self.world.repo / "syscalls", name, syscall_module(self.loader))
                parsed = self.loader.parse(name, source.path, source.text)
                self.module_of(parsed, None)
            return self.modules[name]
        path = self.loader.find(name)
        if path is None or path.is_dir():
            return None
        return self.module_of(self.loader.load(path), path)

    def _link_classes(self) -> None:
        for module in list(self.modules.values()):
            for decl in module.classes:
                try:
                    self.class_kind(decl)
                except CompileError as error:
                    self.reporter.add(error.diagnostic)

    # -- errors -------------------------------------------------------------------------------------------------
    def error(
        self,
        code: str,
        module: ModuleDecl,
        node: ast.AST,
        message: str,
        hint: str = "",
        *,
        label: str = "",
        labels: Iterable[tuple[ast.AST | Span, str]] = (),
    ) -> CompileError:
        """An error to raise. `label` is said at the node itself, `labels` at others: (node or Span, text)."""
        source = module.source
        return CompileError(Diagnostic(code, message, Span.of(source, node), hint, labelled(source, labels), label))

    # -- names --------------------------------------------------------------------------------------------------
    def lookup(self, module: ModuleDecl, name: str, node: ast.AST) -> Any:
        """What a name means at module level; imports are followed."""
        item = module.scope.get(name)
        if item is None:
            if name in BUILTIN_NAMES or name in BUILTIN_TYPES:
                return Vocabulary(name)
            raise self._undefined(module, name, node)
        if isinstance(item, ImportedName):
            item = module.scope[name] = self._follow(module, item)
        if isinstance(item, GlobalDecl) and item.may_be_alias:
            item = aliases.settle(self, item.module, item)
        return item

    def _undefined(self, module: ModuleDecl, name: str, node: ast.AST) -> CompileError:
        """Unknown, or of Python and left out, or of the vocabulary and not imported."""
        if name in KNOWN:
            return self.error("E0201", module, node, f"`{name}` is not defined", f"import it: `from {home_of(name)} import {name}`")
        hint = leftout.builtin_hint(name)
        if hint is not None:
            return self.error("E0117", module, node, f"`{name}` of Python is not part of this language", hint)
        known = [*module.scope, *BUILTIN_NAMES, *BUILTIN_TYPES]
        hint = did_you_mean(name, known) or did_you_mean(name, KNOWN)
        return self.error("E0201", module, node, f"`{name}` is not defined", hint)

    def _no_module(self, module: ModuleDecl, item: ImportedName) -> CompileError:
        of_python = leftout.module_hint(item.module)
        if of_python is not None:
            return self.error("E0209", module, item.node, f"there is no module `{item.module}` here: it is CPython's", of_python)
        return self.error("E0209", module, item.node, f"there is no module `{item.module}`", did_you_mean(item.module, self.modules))

    def _follow(self, module: ModuleDecl, item: ImportedName) -> Any:
        if item.module in VOCABULARY_MODULES:
            if not item.name:
                return item
            return self._vocabulary(module, item)
        if not item.name:
            found = self.find_module(item.module) or self.namespace(item.module)
            if found is None:
                raise self._no_module(module, item)
            return found
        inside = self.find_module(f"{item.module}.{item.name}")
        home = self.find_module(item.module)
        if home is not None and item.name in home.scope:
            return self.lookup(home, item.name, item.node)
        if inside is not None:
            return inside
        if home is None:
            raise self._no_module(module, item)
        if item.name == "*":
            raise CompileError(None)  # refused with the module's text
        hint = did_you_mean(item.name, home.scope)
        raise self.error("E0207", module, item.node, f"module `{item.module}` has no `{item.name}`", hint)

    def namespace(self, name: str) -> ModuleDecl | None:
        """A folder without `__init__.py`, as a module whose members are its files."""
        path = self.loader.find(name)
        if path is None or not path.is_dir():
            return None
        if name not in self.modules:
            source = Source(path, name, "")
            self.modules[name] = ModuleDecl(name, source, ast.Module([], []))
        return self.modules[name]

    def _vocabulary(self, module: ModuleDecl, item: ImportedName) -> Any:
        if item.name in KNOWN and item.module not in (home_of(item.name), ALSO_IN.get(item.name)):
            hint = f"`from {home_of(item.name)} import {item.name}`"
            raise self.error("E0207", module, item.node, f"`{item.name}` is not in `{item.module}`", hint)
        if item.name in RUNTIME_CLASSES:
            return self.runtime(item.name)
        if item.name == "Errno":
            errno = self.find_module("compiler.lang.errno")
            if errno is not None and "Errno" in errno.scope:
                return errno.scope["Errno"]
        if item.name == "*":
            raise CompileError(None)  # refused with the module's text
        if item.name not in KNOWN:
            hint = leftout.TYPING.get(item.name) or did_you_mean(item.name, KNOWN)
            raise self.error("E0207", module, item.node, f"`{item.module}` has no `{item.name}` in this language", hint)
        return Vocabulary(item.name)

    def runtime(self, name: str) -> Any:
        """A class or function of compiler/runtime by its name."""
        for part in ("text", "fmt", "fmt_float", "errors", "checks", "strings", "numbers"):
            module = self.find_module(f"compiler.runtime.{part}")
            if module is not None and name in module.scope and not isinstance(module.scope[name], ImportedName):
                return module.scope[name]
        raise CompileError(Diagnostic("E0001", f"the language runtime (compiler/runtime) has no `{name}`"))

    def runtime_class(self, name: str) -> ClassType:
        found = self.class_type(self.runtime(name), ())
        assert isinstance(found, ClassType)
        return found

    # -- classes ------------------------------------------------------------------------------------------------
    def class_kind(self, decl: ClassDecl) -> str:
        """Find what kind of class this is, from its decorator and bases."""
        if decl.ready:
            return decl.kind
        decl.ready = True
        if decl.unknown_option is not None:
            message = f"`@struct` has no option `{ast.unparse(decl.unknown_option)}`"
            self.reporter.add(
                self.error("E0715", decl.module, decl.unknown_option, message, "there are `align=N`, `packed=True` and `size=N`").diagnostic
            )
        kind, plain = self._bases(decl)
        if len(plain) > 1:
            raise self.error("E0714", decl.module, plain[1][0], "a class has at most one base class here", "put the second one in a field")
        if plain:
            kind = self._derive(decl, *plain[0], kind)
        if decl.options.get("storage") and kind not in ("enum", "int enum", "flag"):
            hint = "an enum may have it as storage: `class Kind(u8, Enum)`"
            base = decl.node.bases[0]
            raise self.error("E0716", decl.module, base, f"`{ast.unparse(base)}` cannot be a base class", hint)
        decl.kind = kind or "object"
        if decl.kind == "error":
            self.error_classes.append(decl)
            decl.error_id = len(self.error_classes)
        return decl.kind

    def _bases(self, decl: ClassDecl) -> tuple[str, list[tuple[ast.expr, ClassDecl]]]:
        """What the vocabulary among its bases makes of a class, and its bases that are classes themselves."""
        kind = decl.kind
        plain: list[tuple[ast.expr, ClassDecl]] = []
        for base in decl.node.bases:
            head = base.value if isinstance(base, ast.Subscript) else base
            meaning = self.lookup(decl.module, head.id, head) if isinstance(head, ast.Name) else self.lookup_path(decl.module, head)
            word = meaning.name if isinstance(meaning, Vocabulary) else ""
            if word in ("Enum", "IntEnum", "IntFlag", "Flag"):
                kind = {"Enum": "enum", "IntEnum": "int enum", "IntFlag": "flag", "Flag": "flag"}[word]
            elif word in model.SCALARS:
                decl.options["storage"] = model.SCALARS[word]  # type: ignore[assignment]
            elif word == "Bits":
                kind, decl.base = "bits", base
            elif word == "Mmio":
                kind = "mmio"
            elif word in ("Error", "Exception"):
                kind = "error"
            elif word in ("ABC", "Protocol"):
                kind = kind or "object"
                self._typevars(decl, base)
            elif word == "Generic":
                self._typevars(decl, base)
            elif isinstance(meaning, ClassDecl):
                plain.append((base, meaning))
            else:
                hint = "it is an alias: name the class itself" if isinstance(meaning, AliasDecl) else ""
                raise self.error("E0716", decl.module, base, f"`{ast.unparse(base)}` cannot be a base class", hint)
        return kind, plain

    def _derive(self, decl: ClassDecl, node: ast.expr, base: ClassDecl, kind: str) -> str:
        """The kind of a class that is `kind` by itself, and derives from `base`."""
        decl.base, decl.base_decl = node, base
        base_kind = self.class_kind(base)
        base.subclasses.append(decl)
        if base_kind == "error":
            return "error"
        if decl.kind:
            return kind
        if kind == "object" and base_kind == "struct":
            message = f"`{decl.name}` adds virtual methods to a base that is a plain @struct"
            hint = "make the base a class without `@struct`, or leave out the interface"
            raise self.error("E0710", decl.module, decl.node, message, hint, labels=[(node, "this has no table of methods")])
        return base_kind

    def _typevars(self, decl: ClassDecl, base: ast.expr) -> None:
        if isinstance(base, ast.Subscript):
            items = base.slice.elts if isinstance(base.slice, ast.Tuple) else [base.slice]
            decl.typevars += [i.id for i in items if isinstance(i, ast.Name)]

    def lookup_path(self, module: ModuleDecl, node: ast.expr) -> Any:
        """A dotted name, `heap.Cache`."""
        if isinstance(node, ast.Name):
            return self.lookup(module, node.id, node)
        if isinstance(node, ast.Attribute):
            home = self.lookup_path(module, node.value)
            if isinstance(home, ModuleDecl):
                return self.member(home, node.attr, module, node)
            if isinstance(home, ImportedName):
                return self._vocabulary(module, ImportedName(home.module, node.attr, node))
        raise self.error("E0208", module, node, f"`{ast.unparse(node)}` is not a name of a type or module")

    def member(self, home: ModuleDecl, name: str, module: ModuleDecl, node: ast.AST) -> Any:
        if name in home.scope:
            return self.lookup(home, name, node)
        inside = self.find_module(f"{home.name}.{name}") or self.namespace(f"{home.name}.{name}")
        if inside is not None:
            return inside
        raise self.error("E0207", module, node, f"module `{home.name}` has no `{name}`", did_you_mean(name, home.scope))

    def class_type(self, decl: ClassDecl, args: tuple[Any, ...], node: ast.AST | None = None) -> Type:
        """The type of a class; of a generic one, with its arguments."""
        found = decl.instances.get(args)
        if found is not None:
            return found
        kind = self.class_kind(decl)
        if kind in ("enum", "int enum", "flag"):
            made: Type = self.layouts.enum(decl, kind)
        elif kind == "bits":
            made = self.layouts.bits(decl)
        elif kind == "mmio":
            made = self.layouts.mmio(decl)
        elif kind == "error":
            made = ClassType(decl.name, decl, ())
            decl.instances[args] = made
        else:
            if len(args) != len(decl.typevars):
                want = len(decl.typevars)
                message = f"`{decl.name}` takes {want} type argument{'s' if want != 1 else ''}, not {len(args)}"
                raise self.error("E0331", decl.module, node or decl.node, message)
            shown = f"[{', '.join(a.name for a in args)}]" if args else ""
            if len(shown) > LONGEST_SYMBOL:
                hint = "each instance asks for a larger one: use one type all through"
                raise self.error("E0815", decl.module, decl.node, f"`{decl.name}` needs instances without end", hint)
            made = ClassType(decl.name + shown, decl, args)
            alike = sum(t.name == made.name for t in decl.instances.values())
            made.symbol += f".{alike + 1}" if alike else ""
            decl.instances[args] = made
            return made
        decl.instances[args] = made
        return made

    def tvars_of(self, cls: ClassType | None) -> dict[str, Any]:
        return dict(zip(cls.decl.typevars, cls.args, strict=True)) if cls is not None and cls.decl.typevars else {}

    # -- annotations --------------------------------------------------------------------------------------------
    def resolve(self, node: ast.expr, module: ModuleDecl, tvars: dict[str, Any]) -> Type:
        """The storage type that an annotation denotes. Raises CompileError."""
        if isinstance(node, ast.Constant):
            if node.value is None:
                return model.VOID
            if isinstance(node.value, str):
                return self.resolve(self.parsed_annotation(node, module), module, tvars)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._union(node, module, tvars)
        if isinstance(node, ast.Subscript):
            return self._subscript(node, module, tvars)
        if isinstance(node, ast.Name) and node.id in tvars:
            return tvars[node.id]
        meaning = self.lookup_path(module, node)
        return self.type_of_meaning(meaning, node, module)

    def parsed_annotation(self, node: ast.expr, module: ModuleDecl) -> ast.expr:
        """What an annotation says that is written as a string, because it names what stands further down."""
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            return node
        try:
            inner = ast.parse(node.value, mode="eval").body
        except (SyntaxError, ValueError):
            raise self.error("E0330", module, node, f"`{node.value}` is not a type") from None
        for part in walk(inner):
            ast.copy_location(part, node)
        return inner

    def type_of_meaning(self, meaning: Any, node: ast.AST, module: ModuleDecl) -> Type:
        found = self.maybe_type(meaning, node)
        if found is None:
            shown = ast.unparse(node)
            if isinstance(meaning, TypeVarDecl):
                raise self.error("E0332", module, node, f"type variable `{shown}` has no meaning here")
            if isinstance(meaning, GlobalDecl) and meaning.state == "done" and meaning.ty is None:
                raise CompileError(None)  # its definition had an error: said already
            raise self.error("E0330", module, node, f"`{shown}` is not a type")
        return found

    def maybe_type(self, meaning: Any, node: ast.AST | None = None) -> Type | None:
        if isinstance(meaning, Type):
            return meaning
        if isinstance(meaning, ClassDecl):
            return self.class_type(meaning, (), node)
        if isinstance(meaning, NewTypeDecl):
            return self._new_type(meaning)
        if isinstance(meaning, AliasDecl):
            return aliases.resolve(self, meaning)
        if isinstance(meaning, Vocabulary):
            if meaning.name in model.SCALARS:
                return model.SCALARS[meaning.name]
        return None

    def _new_type(self, decl: NewTypeDecl) -> Type:
        if decl.ty is None:
            base = self.resolve(decl.node.args[1], decl.module, {})
            if not isinstance(base, model.IntType):
                raise self.error("E0335", decl.module, decl.node, "NewType needs an integer type here")
            decl.ty = model.NewType(decl.name, base)
        return decl.ty

    def _union(self, node: ast.BinOp, module: ModuleDecl, tvars: dict[str, Any]) -> Type:
        left_none = isinstance(node.left, ast.Constant) and node.left.value is None
        right_none = isinstance(node.right, ast.Constant) and node.right.value is None
        if left_none == right_none:
            raise self.error("E0333", module, node, "the only union is `X | None`", "use an enum with a field, or two fields")
        inner = self.resolve(node.right if left_none else node.left, module, tvars)
        return model.optional(inner)

    def _subscript(self, node: ast.Subscript, module: ModuleDecl, tvars: dict[str, Any]) -> Type:
        head = self.lookup_path(module, node.value)
        items = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        if isinstance(head, ClassDecl):
            given_types = tuple(self._generic_argument(i, module, tvars) for i in items)
            for name, given in zip(head.typevars, given_types, strict=False):
                problem = bounds.complaint(self, head.module, name, given, node)
                if problem is not None:
                    raise self.error("E0821", module, node, *problem)
            return self.class_type(head, given_types, node)
        if isinstance(head, AliasDecl):
            raise self.error("E0331", module, node, f"`{head.name}` is an alias of one whole type; it takes no type arguments")
        word = head.name if isinstance(head, Vocabulary) else ""
        if word == "Callable":
            return self._callable(node, items, module, tvars)
        if word in ("Final", "ClassVar", "Annotated"):
            return self.resolve(items[0], module, tvars)
        args = [self.resolve(i, module, tvars) for i in items] if word != "Literal" else [self._argument(node, module, tvars)]
        if word == "tuple":
            return model.intern(model.TupleType, tuple(model.value_of(a) for a in args))
        if len(args) != 1:
            raise self.error("E0331", module, node, f"`{word or ast.unparse(node.value)}` takes one type argument")
        arg = args[0]
        if word == "Ref":
            return model.intern(model.RefType, arg)
        if word == "Ptr":
            return model.intern(model.PtrType, arg)
        if word == "Span":
            return model.span_of(arg)
        if word == "Atomic":
            return model.intern(model.AtomicType, arg)
        if word == "User":
            return model.intern(model.UserType, arg)
        if word in ("PerCore", "ThreadLocal"):
            return model.intern(model.PerCoreType, "core" if word == "PerCore" else "thread", arg)
        if word == "Registry":
            return model.intern(model.RegistryType, arg)
        if word == "Literal":
            return arg
        if word == "Array":
            raise self.error(
                "E1115",
                module,
                node,
                "an array's length stands in its initialiser",
                "write `field: Array[T] = array(n)`; functions take `Span[T]`",
            )
        if word == "Optional":
            return model.optional(arg)
        if word == "Reg":
            return arg
        raise self.error("E0331", module, node, f"`{ast.unparse(node.value)}` takes no type arguments")

    def _generic_argument(self, node: ast.expr, module: ModuleDecl, tvars: dict[str, Any]) -> Any:
        """A type, or a name as `Literal["link"]`. A bare string is a type that is declared further down, as elsewhere."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.resolve(node, module, tvars)
        return self._argument(node, module, tvars)

    def _argument(self, node: ast.expr, module: ModuleDecl, tvars: dict[str, Any]) -> Any:
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
            if isinstance(node.slice, ast.Constant):
                return model.intern(model.LiteralType, node.slice.value)
        return self.resolve(node, module, tvars)

    def _callable(self, node: ast.Subscript, items: list[ast.expr], module: ModuleDecl, tvars: dict[str, Any]) -> Type:
        if len(items) != 2 or not isinstance(items[0], ast.List):
            raise self.error("E0334", module, node, "a function type is written `Callable[[A, B], R]`")
        params = tuple(model.value_of(self.resolve(p, module, tvars)) for p in items[0].elts)
        result, raises = items[1], False
        if isinstance(result, ast.Subscript) and isinstance(result.value, ast.Name) and result.value.id == "Raises":
            result, raises = result.slice, True
        return model.intern(model.FuncType, params, model.value_of(self.resolve(result, module, tvars)), raises)
