# SPDX-License-Identifier: GPL-2.0-or-later
"""Text: f-strings, and the methods of `str`.

An f-string becomes a `Format`: its values are put into a record on the caller's stack, and a small function, written here,
prints them to whatever sink the callee chooses. Nothing is allocated, nothing is parsed at run time.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from compiler.diagnostics import did_you_mean
from compiler.types import hir, model
from compiler.types.decls import CallSite, FnInst
from compiler.types.elaborate.construct import MemoryTarget
from compiler.types.elaborate.convert import same
from compiler.types.hir import Cmp, Cond, Const, Conv, Expr, Seq
from compiler.types.model import (
    BOOL,
    STR,
    U32,
    U64,
    BoolType,
    ClassType,
    EnumType,
    FloatType,
    IntType,
    OptionalType,
    PtrType,
    SpanType,
    TupleType,
    Type,
)

SPEC = re.compile(r"(?:(.)?([<>^=]))?([+\- ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?\Z", re.DOTALL)
STR_METHODS = {
    "startswith": "str_startswith",
    "endswith": "str_endswith",
    "find": "str_find",
    "rfind": "str_rfind",
    "strip": "str_strip",
    "lstrip": "str_lstrip",
    "rstrip": "str_rstrip",
    "isdigit": "str_isdigit",
    "split1": "str_split1",
}


def formatted(ty: Type) -> str:
    """How a message calls what is formatted."""
    return "an f-string" if isinstance(ty, ClassType) and ty.decl.name == "Format" else f"a `{ty.name}`"


class Piece:
    """One thing that an f-string prints: literal text, or a value with its format."""

    def __init__(self, text: bytes = b"", value: Any = None, spec: dict[str, Any] | None = None, node: Any = None) -> None:
        self.text, self.value, self.spec, self.node = text, value, spec or {}, node


def printers(value: Expr) -> list[FnInst]:
    """What may print a value that is an f-string itself, or a choice of such: the functions written for them."""
    if isinstance(value, Cond):
        return [*printers(value.then), *printers(value.other)]
    if isinstance(value, Seq) and isinstance(value.ty, ClassType) and value.ty.decl.name == "Format":
        return [s.value.fn for s in value.body if isinstance(s, hir.Store) and isinstance(s.value, hir.FnAddr)]
    return []


class StringMixin:
    def expr_JoinedStr(self: Any, node: ast.JoinedStr, want: Type | None) -> Expr:
        if isinstance(want, ClassType) and want.decl.name == "Format":
            return self.format_argument(node)
        if all(isinstance(v, ast.Constant) for v in node.values):
            return hir.StrLit(STR, self.utf8("".join(str(v.value) for v in node.values), node))  # type: ignore[attr-defined]
        raise self.error(
            "E1202",
            node,
            "an f-string is printed or written, it is not a `str`",
            'write it into a text: `line = text(80); line.write(f"…")`, then pass `line.view`',
        )

    # -- f-strings to Format ------------------------------------------------------------------------------------
    def format_argument(self: Any, node: ast.expr) -> Expr:
        if isinstance(node, ast.JoinedStr):
            return self.format_parts(node.values, node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.format_parts([node], node)
        found = self.expr(node, self.program.runtime_class("Format"))
        if isinstance(found.ty, ClassType) and found.ty.decl.name == "Format":
            return found
        return self.format_of_values([found], node)

    def format_parts(self: Any, parts: list[ast.expr], node: ast.AST) -> Expr:
        """A `Format` that prints constants and values in turn."""
        return self._format(self._pieces(parts), node)

    def _pieces(self: Any, parts: list[ast.expr]) -> list[Piece]:
        pieces: list[Piece] = []
        for part in parts:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                pieces.append(Piece(self.utf8(part.value, part)))
            elif isinstance(part, ast.FormattedValue):
                spec = self._parse_spec(part)
                if isinstance(part.value, ast.JoinedStr):
                    if part.conversion != -1:
                        message = f"an f-string in an f-string takes no `!{chr(part.conversion)}`"
                        raise self.error("E1205", part, message, "write it into a text first")
                    if part.format_spec is None:
                        pieces += self._pieces(part.value.values)
                        continue
                    value = self.format_parts(part.value.values, part.value)
                else:
                    value = self.settled(part.value)
                self._check_conversion(part, value.ty)
                self._check_spec(part, spec, value.ty)
                if part.conversion == ord("r"):
                    spec["repr"] = True
                pieces.append(Piece(value=value, spec=spec, node=part.value))
            elif isinstance(part, ast.JoinedStr):
                pieces += self._pieces(part.values)
            elif isinstance(part, ast.IfExp) and any(isinstance(side, ast.JoinedStr) for side in (part.body, part.orelse)):
                pieces.append(Piece(value=self.expr(part, self.program.runtime_class("Format")), node=part))
            else:
                pieces.append(Piece(value=self.settled(part), node=part))
        return pieces

    def format_of_values(self: Any, values: list[Expr], node: ast.AST) -> Expr:
        return self._format([Piece(value=v, node=node) for v in values], node)

    def _parse_spec(self: Any, part: ast.FormattedValue) -> dict[str, Any]:
        """The parts of a format spec; width and precision may be expressions."""
        if part.format_spec is None:
            return {}
        text, nested = "", []
        assert isinstance(part.format_spec, ast.JoinedStr)
        for item in part.format_spec.values:
            if isinstance(item, ast.Constant):
                text += str(item.value)
            elif isinstance(item, ast.FormattedValue):
                nested.append(
                    self.value(item.value, U32)
                    if isinstance(item.value, ast.Constant)
                    else self.convert(self.settled(item.value), U32, item.value)
                )
                text += "9999999"
        match = SPEC.match(text)
        if match is None:
            hint = "formats are like `>8`, `08x`, `#b`, `+,` and `.2f`"
            raise self.error("E1203", part, f"`{text}` is not a format that Python has", hint)
        fill, align, sign, alternate, zero, width, grouping, precision, kind = match.groups()
        spec = {
            "fill": fill,
            "align": align,
            "sign": sign,
            "alternate": bool(alternate),
            "zero": bool(zero),
            "grouping": grouping,
            "kind": kind,
            "width": int(width) if width else 0,
            "precision": int(precision) if precision else -1,
            "text": text,
        }
        if nested and width and width.endswith("9999999"):
            spec["width"] = nested.pop(0)
        if nested and precision == "9999999":
            spec["precision"] = self.resize(nested.pop(0), U32, model.I32)
        return spec

    def _check_conversion(self: Any, part: ast.FormattedValue, ty: Type) -> None:
        """`!r` and `!s` make text, and a spec behind them is one for text."""
        if part.conversion == -1:
            return
        shown = chr(part.conversion)
        if shown not in "rs":
            raise self.error("E1206", part, "only `!r` is supported")
        if self.is_text(ty) or isinstance(ty, (SpanType, model.ArrayType)):
            return
        if part.format_spec is not None:
            raise self.error("E1204", part, f"a format behind `!{shown}` is for text, but this is `{ty.name}`", f"leave `!{shown}` away")
        if shown == "r" and isinstance(ty, (EnumType, ClassType)):
            raise self.error("E1204", part, f"a `{ty.name}` has no `!r`")

    def _check_spec(self: Any, part: ast.FormattedValue, spec: dict[str, Any], ty: Type) -> None:
        """Python itself says whether a type has such a format."""
        text, kind = spec.pop("text", ""), spec.get("kind")
        if isinstance(ty, (TupleType, OptionalType)) or ty is model.NONE:
            return
        integer = isinstance(ty, (IntType, BoolType, model.NewType, PtrType)) or isinstance(ty, EnumType) and kind in tuple("dxXobcn")
        if integer and kind in tuple("eEfFgG%"):
            raise self.error("E1204", part, f"`{kind}` formats floats, but this is `{ty.name}`", "convert it: `f64(…)`")
        probe: Any = 0 if integer else 0.0 if isinstance(ty, FloatType) else ""
        try:
            format(probe, text.replace("9999999", "9"))
        except ValueError as wrong:
            why, shown = str(wrong).rstrip("."), text.replace("9999999", "{…}")
            raise self.error("E1204", part, f"{formatted(ty)} has no format `{shown}`: {why[0].lower()}{why[1:]}") from None

    def _format(self: Any, pieces: list[Piece], node: ast.AST) -> Expr:
        """Build the record of values and the function that prints it."""
        program = self.program
        fmt, sink_type = program.runtime_class("Format"), program.runtime_class("Sink")
        program.layouts.complete(fmt)
        program.format_count += 1
        fn = FnInst(None, f"{self.fn.symbol}.format{program.format_count_in(self.fn)}", self.module, None, {})
        fn.line = getattr(node, "lineno", 0)
        fn.result, fn.must_not_raise, fn.cold = model.VOID, [], False
        maker = type(self)(program, fn)
        ctx, sink = maker.variable("ctx", U64), maker.variable("sink", sink_type)
        fn.params = [ctx, sink]
        printer = FormatPrinter(maker, hir.VarGet(sink_type, sink), node)
        offset = 0
        stores: list[tuple[int, Type, Any]] = []
        for piece in pieces:
            if piece.value is None:
                printer.literal(piece.text)
                continue
            if isinstance(piece.value, hir.StrLit) and not piece.spec:
                printer.literal(piece.value.data)
                continue
            if piece.value.ty is model.NONE:
                printer.value(piece.value, piece.spec, piece.node or node)
                continue
            value = self.printable(piece.value, piece.node or node)
            fn.calls += [CallSite(inner, None) for inner in printers(value)]
            storage = model.storage_of(value.ty)
            for extra in ("width", "precision"):
                if isinstance(piece.spec.get(extra), Expr):
                    ty = U32 if extra == "width" else model.I32
                    offset = (offset + 3) // 4 * 4
                    stores.append((offset, ty, piece.spec[extra]))
                    piece.spec[extra] = printer.load(hir.VarGet(U64, ctx), offset, ty)
                    offset += 4
            offset = (offset + storage.align - 1) // storage.align * storage.align
            stores.append((offset, storage, value))
            printer.value(printer.load(hir.VarGet(U64, ctx), offset, storage), piece.spec, piece.node or node)
            offset += storage.size
        printer.flush()
        fn.body = maker.out
        program.functions.append(fn)
        record = hir.StackSlot(U64, self.slot(offset, 8))
        target = MemoryTarget(record)
        for at, storage, value in stores:
            target.put(at, storage, value)
        holder = hir.StackSlot(fmt, self.slot(fmt.size, 8))
        sig = fmt.fields["fn"].ty
        body = [
            *target.body,
            hir.Store(hir.Offset(U64, holder, fmt.fields["fn"].offset), hir.FnAddr(sig, fn), sig, False),
            hir.Store(hir.Offset(U64, holder, fmt.fields["ctx"].offset), Conv(U64, "ptrtoint", record), U64, False),
        ]
        fn.must_not_raise.append((self.fn, node))
        # The record lives no longer than this statement: what printing it does counts as done here.
        self.fn.calls.append(CallSite(fn, None, self.state.held))
        return Seq(fmt, body, holder)

    def printable(self: Any, value: Expr, node: ast.AST) -> Expr:
        """What is recorded for a value."""
        ty = value.ty
        if self.is_text(ty):
            return self.coerce(value, STR, node)
        if isinstance(ty, model.ArrayType) and ty.elem is model.U8:
            return same(self.coerce(value, model.span_of(model.U8), node), STR)
        return value

    # -- methods of str -----------------------------------------------------------------------------------------
    def string_method(self: Any, base: Expr, name: str, node: ast.Call) -> Expr:
        if name not in STR_METHODS:
            hint = {
                "split": "use `split1`, or `rt`'s word splitting",
                "format": "use an f-string",
                "join": "write the parts into a text",
            }.get(name) or did_you_mean(name, STR_METHODS)
            if not hint and hasattr(str, name):
                hint = "loop over its bytes, and write into a `Text`"
            raise self.error("E0203", node.func, f"`str` has no method `{name}` here", hint)
        args = [same(base, STR)]
        args += [self.value(a, STR) for a in node.args]
        inst = self.program.instance(self.program.runtime(STR_METHODS[name]), None, {}, node)
        if len(args) != len(inst.params):
            raise self.error("E0801", node, f"`{name}` takes {len(inst.params) - 1} argument{'s' if len(inst.params) != 2 else ''} here")
        return self.call_instance(inst, args, node)

    def parse_number(self: Any, expr: Expr, want: IntType, node: ast.AST) -> Expr:
        text = self.coerce(expr, STR, node)
        found = self.runtime_call("parse_i64" if want.signed else "parse_u64", [text], node)
        return self.fit(found, want, node)


class FormatPrinter:
    """Writes the body of the function that prints one f-string."""

    def __init__(self, maker: Any, sink: Expr, node: ast.AST) -> None:
        self.maker, self.sink, self.node = maker, sink, node
        self.pending = b""

    def literal(self, text: bytes) -> None:
        self.pending += text

    def flush(self) -> None:
        if self.pending:
            self.do(self.maker.call_method(self.sink, "put", [hir.StrLit(STR, self.pending)], self.node))
            self.pending = b""

    def do(self, call: Expr) -> None:
        self.maker.out.append(hir.at_line(hir.Do(call), getattr(self.node, "lineno", 0)))

    def load(self, ctx: Expr, offset: int, storage: Type) -> Expr:
        return hir.Load(
            model.value_of(storage), hir.Offset(U64, Conv(model.intern(PtrType, model.U8), "inttoptr", ctx), offset), storage, False
        )

    def call(self, name: str, args: list[Expr]) -> None:
        self.do(self.maker.runtime_call(name, [self.sink, *args], self.node))

    def spec(self, spec: dict[str, Any]) -> Expr:
        """A `FormatSpec` on the printing function's stack."""
        maker = self.maker
        cls = maker.program.runtime_class("FormatSpec")
        maker.program.layouts.complete(cls)
        slot = hir.StackSlot(cls, maker.slot(cls.size, cls.align))
        target = MemoryTarget(slot)
        target.body.append(hir.Zero(slot, cls.size))
        for name in ("fill", "align", "sign", "grouping", "kind"):
            if spec.get(name):
                self.field(target, cls, name, ord(spec[name]) if name != "kind" or spec[name] else 0)
        for name in ("alternate", "zero"):
            if spec.get(name):
                self.field(target, cls, name, True)
        self.field(target, cls, "width", spec.get("width", 0))
        self.field(target, cls, "precision", spec.get("precision", -1))
        return Seq(cls, target.body, slot)

    def field(self, target: MemoryTarget, cls: ClassType, name: str, value: Any) -> None:
        field = cls.fields[name]
        if not isinstance(value, Expr):
            value = Const(field.ty, value)
        if isinstance(value, Const) and not value.value:
            return
        target.put(field.offset, field.ty, value)

    def value(self, value: Expr, spec: dict[str, Any], node: ast.AST) -> None:
        ty, kind = value.ty, spec.get("kind")
        plain = spec.get("precision", -1) == -1 and not any(v for k, v in spec.items() if k != "precision")
        maker = self.maker
        if isinstance(ty, SpanType) and ty.elem is model.U8:
            if spec.get("repr"):
                self.flush()
                self.call("format_repr_str", [same(value, STR), self.spec(spec)])
            elif plain:
                self.flush()
                self.do(maker.call_method(self.sink, "put", [same(value, STR)], node))
            else:
                self.flush()
                self.call("format_str", [same(value, STR), self.spec(spec)])
            return
        if isinstance(ty, TupleType):
            self._tuple(value, spec, node)
            return
        if isinstance(ty, OptionalType) or ty is model.NONE:
            self._optional(value, spec, node)
            return
        self.flush()
        is_flags = isinstance(ty, EnumType) and ty.kind == "flag" and kind not in tuple("dxXobcn")
        if (is_flags or isinstance(ty, ClassType)) and not plain:
            self._padded(value, spec, node)
            return
        if is_flags:
            printer = maker.program.flag_printer(ty, self.sink.ty, maker)
            self.do(maker.call_instance(printer, [value, self.sink], node))
            return
        if isinstance(ty, EnumType) and kind not in tuple("dxXobcn"):
            name = maker.member_name(value, node)
            self.value(name, {k: v for k, v in spec.items() if k != "kind"}, node)
            return
        if isinstance(ty, BoolType) and kind in (None, "s"):
            self.call("format_bool", [value, self.spec(spec)])
            return
        if isinstance(ty, FloatType):
            self.call("format_f64", [maker.coerce(value, model.F64, node), self.spec(spec)])
            return
        if isinstance(ty, ClassType):
            if ty.decl.name == "Format":
                self.do(maker.call_method(value, "print_to", [self.sink], node))
                return
            if maker.program.layouts.find_method(ty, "format"):
                self.do(maker.call_method(value, "format", [self.sink], node))
                return
            raise maker.error(
                "E1204", node, f"a `{ty.name}` has no format", "give it `def format(self, sink: Sink) -> None`, or print its fields"
            )
        number = maker.to_integer(value, node)
        if not isinstance(number.ty, IntType):
            raise maker.error("E1204", node, f"a `{ty.name}` has no format")
        if kind == "c":
            self.call("format_char", [maker.resize(number, number.ty, U32), self.spec(spec)])
        elif plain:
            wide = maker.resize(number, number.ty, model.I64 if number.ty.signed else U64)
            self.call("put_i64" if number.ty.signed else "put_u64", [wide])
        else:
            self._integer(number, spec)

    def _padded(self, value: Expr, spec: dict[str, Any], node: ast.AST) -> None:
        """What has no length before it is printed: it is printed once more, to be measured."""
        if spec.get("precision", -1) != -1:
            raise self.maker.error("E1204", node, f"{formatted(value.ty)} has no precision", "print it into a text, and slice its view")
        is_message = isinstance(value.ty, ClassType) and value.ty.decl.name == "Format"
        message = value if is_message else self.maker.format_of_values([value], node)
        self.call("format_message", [message, self.spec(spec)])

    def _tuple(self, value: Expr, spec: dict[str, Any], node: ast.AST) -> None:
        """`(1, 'a')`: the parts as `repr` shows them."""
        if any(spec.values()):
            raise self.maker.error("E1204", node, "a tuple has no format spec", "print its parts")
        self.literal(b"(")
        for i, ty in enumerate(value.ty.elems):
            if isinstance(ty, (EnumType, ClassType)):
                raise self.maker.error("E1204", node, f"a `{ty.name}` in a tuple has no format", "print the parts")
            self.literal(b", " if i else b"")
            self.value(hir.Part(ty, value, i), {"repr": True} if isinstance(ty, SpanType) else {}, node)
        self.literal(b",)" if len(value.ty.elems) == 1 else b")")

    def _optional(self, value: Expr, spec: dict[str, Any], node: ast.AST) -> None:
        """The value, or `None`."""
        if any(v for k, v in spec.items() if k != "repr") and spec.get("kind") != "s" and set(spec) != {"repr"}:
            raise self.maker.error("E0501", node, "this may be None here, which has no format spec", "test it first")
        maker = self.maker
        if value.ty is model.NONE:
            self.literal(b"None")
            return
        self.flush()
        none: list[Any] = []
        some: list[Any] = []
        with maker.block(none):
            self.literal(b"None")
            self.flush()
        with maker.block(some):
            self.value(maker.unwrap(value, value.ty.inner), spec, node)
            self.flush()
        maker.out.append(hir.If(maker.is_none(value, node), none, some))

    def _integer(self, number: Expr, spec: dict[str, Any]) -> None:
        maker = self.maker
        if not number.ty.signed:
            self.call("format_u64", [maker.resize(number, number.ty, U64), Const(BOOL, False), self.spec(spec)])
            return
        wide = maker.resize(number, number.ty, model.I64)
        negative = Cmp(BOOL, "slt", wide, Const(model.I64, 0))
        bits = same(wide, U64)
        magnitude = Cond(U64, negative, hir.Bin(U64, "sub.wrap", Const(U64, 0), bits), bits)
        self.call("format_u64", [magnitude, negative, self.spec(spec)])
