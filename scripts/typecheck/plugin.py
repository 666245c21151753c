# SPDX-License-Identifier: GPL-2.0-or-later
"""What mypy is told of the language: classes may be made without any of their fields, widths are integers, spans of bytes are strings.

- `@struct` and plain classes without `__init__` are made with any of their fields, by name or in order; what is not given is zero.
- `u8`, `u64`, … are classes for what inherits from them (`class Kind(u8, Enum)`) and `int` as the type of a name.
- `Span[u8]` and `str` are one type; a `Format` is given as a `str`.
- `__exit__` takes no arguments.
"""

from __future__ import annotations

from collections.abc import Callable

from mypy.nodes import ARG_OPT, ARG_STAR, ARG_STAR2, Argument, AssignmentStmt, ClassDef, NameExpr, TypeInfo, Var
from mypy.plugin import AnalyzeTypeContext, ClassDefContext, FunctionContext, FunctionSigContext, MethodSigContext, Plugin
from mypy.plugins.common import add_method_to_class
from mypy.typeanal import TypeAnalyser
from mypy.types import AnyType, CallableType, FunctionLike, Instance, NoneType, Type, TypeOfAny, UnboundType

WIDTHS = {f"lang.{name}" for name in ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "usize", "isize")}


class Language(Plugin):
    def get_class_decorator_hook_2(self, fullname: str) -> Callable[[ClassDefContext], bool] | None:
        return make_constructor if fullname == "lang.struct" else None

    def get_type_analyze_hook(self, fullname: str) -> Callable[[AnalyzeTypeContext], Type] | None:
        if fullname in WIDTHS:
            return width
        return {"builtins.Span": span, "lang.Span": span, "lang.Array": span, "lang.Format": text}.get(fullname)

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        if fullname in WIDTHS:
            return converted
        return bytes_made if fullname == "builtins.Span" else None

    def get_function_signature_hook(self, fullname: str) -> Callable[[FunctionSigContext], FunctionLike] | None:
        return made_of_fields if fullname.rpartition(".")[2][:1].isupper() else None

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        return leaving if fullname.endswith(".__exit__") else None


def plugin(version: str) -> type[Plugin]:
    return Language


def make_constructor(ctx: ClassDefContext) -> bool:
    """`__init__` with every field, of base classes first, all of them optional."""
    info = ctx.cls.info
    if "__init__" in info.names and not info.names["__init__"].plugin_generated:
        return True
    arguments = []
    for base in reversed(info.mro):
        for statement in base.defn.defs.body:
            target = statement.lvalues[0] if isinstance(statement, AssignmentStmt) and statement.unanalyzed_type is not None else None
            if isinstance(target, NameExpr):
                name = target.name
                symbol = info.get(name)
                known = symbol.node.type if symbol is not None and isinstance(symbol.node, Var) else None
                kind: Type = known or AnyType(TypeOfAny.unannotated)
                arguments.append(Argument(Var(name, kind), kind, None, ARG_OPT))
    add_method_to_class(ctx.api, ctx.cls, "__init__", arguments, NoneType())
    return True


def width(ctx: AnalyzeTypeContext) -> Type:
    api = ctx.api
    assert isinstance(api, TypeAnalyser)
    if isinstance(getattr(api.api, "statement", None), ClassDef):  # a base class
        info = api.lookup_fully_qualified(f"lang.{ctx.type.name}").node
        assert isinstance(info, TypeInfo)
        return api.analyze_type_with_type_info(info, [], ctx.type, False)
    return api.named_type("builtins.int")


def converted(ctx: FunctionContext) -> Type:
    """`u64(x)`."""
    return ctx.api.named_generic_type("builtins.int", [])


def bytes_made(ctx: FunctionContext) -> Type:
    """`Span[u8](address, length)`."""
    made = ctx.default_return_type
    items = made.args[0] if isinstance(made, Instance) and made.args else None
    if isinstance(items, Instance) and items.type.fullname == "builtins.int":
        return ctx.api.named_generic_type("builtins.str", [])
    return made


def span(ctx: AnalyzeTypeContext) -> Type:
    api = ctx.api
    assert isinstance(api, TypeAnalyser)
    args = ctx.type.args
    if len(args) == 1 and isinstance(args[0], UnboundType) and args[0].name == "u8":
        return api.named_type("builtins.str")
    name = "builtins.Array" if ctx.type.name.endswith("Array") else "builtins.Span"  # `table: Array[T] = (a, b)`: a tuple is one
    return api.named_type(name, [api.anal_type(a) for a in args] or [AnyType(TypeOfAny.from_omitted_generics)])


def text(ctx: AnalyzeTypeContext) -> Type:
    """A `Format` is given as text."""
    api = ctx.api
    assert isinstance(api, TypeAnalyser)
    return api.named_type("builtins.str")


def made_of_fields(ctx: FunctionSigContext) -> FunctionLike:
    """A plain class without `__init__` is made with fields too: which ones, the compiler checks."""
    signature = ctx.default_signature
    if not isinstance(signature, CallableType) or not signature.is_type_obj():
        return signature
    init = signature.type_object().get("__init__")
    if init is None or init.fullname != "builtins.object.__init__":
        return signature
    anything = AnyType(TypeOfAny.special_form)
    return signature.copy_modified(arg_types=[anything] * 2, arg_kinds=[ARG_STAR, ARG_STAR2], arg_names=[None, None])


def leaving(ctx: MethodSigContext) -> FunctionLike:
    signature = ctx.default_signature
    if len(signature.arg_types) > 1 or not isinstance(signature, CallableType):
        return signature
    anything = AnyType(TypeOfAny.special_form)
    return signature.copy_modified(arg_types=[anything] * 3, arg_kinds=[ARG_OPT] * 3, arg_names=[None] * 3)
