# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions that the compiler writes itself: the names of an enum's members, and flags as text."""

from __future__ import annotations

import ast
from typing import Any

from compiler.types import hir, model
from compiler.types.decls import FnInst
from compiler.types.model import BOOL, STR, EnumType


class Generated:
    """Mixed into `Program`."""

    def __init__(self: Any) -> None:
        self.enum_names: dict[EnumType, FnInst] = {}
        self.flag_printers: dict[EnumType, FnInst] = {}

    def enum_name_function(self: Any, ty: EnumType, maker: Any) -> FnInst:
        """`name(value) -> str` of an enum."""
        found = self.enum_names.get(ty)
        if found is None:
            found = self.enum_names[ty] = _of_enum(ty, "name", STR)
            value = hir.Var("value", ty, 0)
            found.params, found.variables = [value], [value]
            body: list[Any] = []
            for number, name in reversed({v: n for n, v in reversed(ty.members.items())}.items()):
                test = hir.Cmp(BOOL, "eq", hir.VarGet(ty, value), hir.Const(ty, number))
                body.append(hir.If(test, [hir.Return(hir.StrLit(STR, name.encode()))], []))
            found.body = [*body, hir.Return(hir.StrLit(STR, b"?"))]
            self.functions.append(found)
        return found

    def flag_printer(self: Any, ty: EnumType, sink_type: Any, maker: Any) -> FnInst:
        """`print(value, sink)` of flags: the names of their bits, `READ|WRITE`; what has no name as a number; `0` for none."""
        found = self.flag_printers.get(ty)
        if found is not None:
            return found
        found = self.flag_printers[ty] = _of_enum(ty, "print", model.VOID)
        program = type(maker)(self, found)
        value, sink = hir.Var("value", ty, 0), hir.Var("sink", sink_type, 1)
        rest = hir.Var("rest", ty.storage, 2)
        found.params, found.variables = [value, sink], [value, sink, rest]
        node = ast.copy_location(ast.Pass(), ty.decl.node)
        raw = ty.storage

        def put(text: bytes) -> Any:
            return hir.Do(program.call_method(hir.VarGet(sink_type, sink), "put", [hir.StrLit(STR, text)], node))

        def left() -> Any:
            return hir.VarGet(raw, rest)

        body: list[Any] = [hir.SetVar(rest, hir.Conv(raw, "same", hir.VarGet(ty, value)))]
        whole = {v: n for n, v in reversed(ty.members.items())}
        for number, name in reversed(whole.items()):  # one member alone, aliases of several bits too
            test = hir.Cmp(BOOL, "eq", left(), hir.Const(raw, number))
            body.append(hir.If(test, [put(name.encode()), hir.Return(None)], []))
        for number, name in reversed(whole.items()):
            if number.bit_count() != 1:
                continue
            bit = hir.Const(raw, number)
            cleared = hir.SetVar(rest, hir.Bin(raw, "xor", left(), bit))
            more = hir.If(hir.Cmp(BOOL, "ne", left(), hir.Const(raw, 0)), [put(b"|")], [])
            is_set = hir.Cmp(BOOL, "ne", hir.Bin(raw, "and", left(), bit), hir.Const(raw, 0))
            body.append(hir.If(is_set, [put(name.encode()), cleared, more], []))
        wide = program.resize(left(), raw, model.U64)
        number = hir.Do(program.runtime_call("put_u64", [hir.VarGet(sink_type, sink), wide], node))
        none = hir.Cmp(BOOL, "eq", hir.VarGet(ty, value), hir.Const(ty, 0))
        body.append(hir.If(hir.Logic(BOOL, "or", hir.Cmp(BOOL, "ne", left(), hir.Const(raw, 0)), none), [number], []))
        found.body = body
        self.functions.append(found)
        return found


def _of_enum(ty: EnumType, name: str, result: Any) -> FnInst:
    module = ty.decl.module
    made = FnInst(None, f"{module.name}.{ty.decl.name}.{name}", module)
    made.result, made.line = result, ty.decl.node.lineno
    return made
