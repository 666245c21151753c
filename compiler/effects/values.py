# SPDX-License-Identifier: GPL-2.0-or-later
"""Which functions a function value may be: a flow analysis over the whole program, so that nothing has to be declared.

Every place that can hold a function is a node: a local or parameter, a field of a class (one node for that field of all its
objects), a global, a function's result. Assignments, arguments and returns are edges, and the functions whose address is
taken flow along them. What goes through memory that cannot be told apart (elements of arrays, casts) is one node for each
list of parameter types: such a value may be any function of these parameters that went there, or, after a `cast`, any whose
address is taken at all. Objects are told apart no further than by field, so the answer errs to the safe side.
Andersen, "Program Analysis and Specialization for the C Programming Language", 1994, chapter 4, field-based.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compiler.types import hir, model
from compiler.types.decls import FnInst, FunctionValue
from compiler.types.model import ClassType, FuncType


def signature(ty: Any) -> Any:
    """The parameter types, if this is the type of a function value or of an optional one."""
    inner = ty.inner if isinstance(ty, model.OptionalType) else ty
    return inner.params if isinstance(inner, FuncType) else None


class FunctionValues:
    """`targets(value)`: the functions that a FunctionValue may call, in the order in which they were found."""

    def __init__(self, program: Any) -> None:
        self.program = program
        self.found: dict[Any, dict[FnInst, tuple[Any, int]]] = {}  # node -> functions, each with (module, line) of where it was given
        self.flows: dict[Any, dict[Any, None]] = {}  # node -> nodes that it flows into
        self.pending: list[tuple[Any, FnInst, tuple[Any, int]]] = []
        self.given: list[tuple[FunctionValue, list[Any]]] = []  # calls through values that pass function values on
        self.module: Any = None  # of what is scanned
        self.to_assembly: dict[FnInst, dict[FnInst, None]] = {}  # @extern function -> what it is given to call
        for fn in program.functions:
            for mine, theirs in fn.same_variables:
                if signature(mine.ty) is not None:
                    self._flow(mine, theirs)
                    self._flow(theirs, mine)
            if fn.has_function_values:
                self._scan(fn)
        for glob in [g for m in program.modules.values() for g in m.globals]:
            self._scan_global(glob)
        self._solve()

    def targets(self, value: FunctionValue) -> list[FnInst]:
        return list(self.found.get(value, ()))

    def origin(self, value: FunctionValue, target: FnInst) -> tuple[Any, Any] | None:
        """(module, node) of the place where the target became a value that reaches this call."""
        module, line = self.found.get(value, {}).get(target, (None, 0))
        return next(((m, n) for m, n in target.taken if m is module and n.lineno == line), None)

    # -- nodes --------------------------------------------------------------------------------------------------
    def _place(self, addr: Any, sig: Any, store: bool) -> Any:
        """The node of the memory at an address."""
        while isinstance(addr, hir.Index):  # elements of a global array: one node for all of them
            addr = addr.base
        offset = 0
        while isinstance(addr, (hir.Offset, hir.Conv)):
            if isinstance(addr, hir.Conv):
                if isinstance(addr.ty, ClassType):
                    break
                addr = addr.operand
                continue
            offset += addr.offset
            addr = addr.base
            if isinstance(addr.ty, ClassType):
                break
        if isinstance(addr.ty, ClassType):
            field = _field_at(addr.ty, offset)
            if field is not None:
                return self._memory(("field", *field), sig)
        if isinstance(addr, hir.GlobalAddr) and isinstance(addr.glob.ty, model.ArrayType):
            return self._memory(("global", addr.glob), sig)
        if isinstance(addr, hir.GlobalAddr) and signature(addr.glob.ty) is not None:
            return self._memory(("global", addr.glob), sig)
        return ("written", sig) if store else ("any", sig)

    def _memory(self, node: Any, sig: Any) -> Any:
        self._flow(("written", sig), node)
        self._flow(node, ("any", sig))
        self._flow(("written", sig), ("any", sig))
        return node

    def _flow(self, source: Any, target: Any) -> None:
        targets = self.flows.setdefault(source, {})
        if target not in targets:
            targets[target] = None
            self.pending += [(target, fn, origin) for fn, origin in self.found.get(source, {}).items()]

    def _sources(self, expr: Any, sig: Any) -> Iterator[Any]:
        """What an expression's value comes from: addresses of functions, and nodes."""
        if isinstance(expr, hir.FnAddr):
            yield expr
        elif isinstance(expr, hir.VarGet):
            yield expr.var
        elif isinstance(expr, hir.Load):
            yield self._place(expr.addr, sig, False)
        elif isinstance(expr, hir.Cond):
            yield from self._sources(expr.then, sig)
            yield from self._sources(expr.other, sig)
        elif isinstance(expr, hir.Seq):
            yield from self._sources(expr.result, sig)
        elif isinstance(expr, hir.Call):
            yield ("result", expr.fn)
        elif isinstance(expr, hir.CallVirtual):
            yield from (("result", member) for member in expr.group.members)
        elif isinstance(expr, hir.Conv) and (signature(expr.operand.ty) is not None or isinstance(expr.operand, hir.Const)):
            yield from self._sources(expr.operand, sig)
        elif not isinstance(expr, hir.Const):  # a cast, a part of a tuple, an atomic exchange
            yield ("taken", sig)

    def _assign(self, target: Any, value: Any) -> None:
        sig = signature(value.ty)
        if sig is None:
            return
        for source in self._sources(value, sig):
            self._add(source, target)

    def _add(self, source: Any, target: Any) -> None:
        if isinstance(source, hir.FnAddr):
            self.pending.append((target, source.fn, (self.module, source.line)))
        else:
            self._flow(source, target)

    # -- the program --------------------------------------------------------------------------------------------
    def _scan(self, fn: FnInst) -> None:
        self.module = fn.module
        for node in _nodes(fn.body):
            if isinstance(node, hir.SetVar):
                self._assign(node.var, node.value)
            elif isinstance(node, hir.Store):
                sig = signature(node.storage)
                if sig is not None:
                    self._assign(self._place(node.addr, sig, True), node.value)
            elif isinstance(node, hir.Return) and node.value is not None:
                self._assign(("result", fn), node.value)
            elif isinstance(node, hir.FnAddr):
                self._taken(node)
            elif isinstance(node, hir.Make):
                for part in node.parts:
                    if (sig := signature(part.ty)) is not None:
                        self._assign(("written", sig), part)
        for call in fn.calls:
            self._pass(call.callee, call.args)

    def _pass(self, callee: Any, args: list[Any]) -> None:
        functions = [a for a in args if signature(a.ty) is not None]
        if isinstance(callee, FunctionValue):
            for source in self._sources(callee.target, callee.sig.params):
                self._add(source, callee)
            if functions:
                self.given.append((callee, args))
        elif functions:
            for target in [callee] if isinstance(callee, FnInst) else callee.members:
                self._arguments(target, args)

    def _arguments(self, target: FnInst, args: list[Any]) -> None:
        for parameter, argument in zip(target.params, args, strict=False):
            self._assign(("assembly", target) if target.external else parameter, argument)

    def _taken(self, address: Any) -> None:
        self._add(address, ("taken", tuple(p.ty for p in address.fn.params)))

    def _scan_global(self, glob: Any) -> None:
        self.module = glob.module
        entries = [(0, glob.ty.elem, e) for e in glob.entries] if isinstance(glob.ty, model.RegistryType) else glob.init or []
        for offset, storage, value in [*entries, *([(0, glob.ty, glob.const)] if glob.const is not None else [])]:
            sig = signature(storage)
            if sig is None and not isinstance(value, (hir.FnAddr, hir.Conv)):
                continue
            for node in _nodes([value]):
                if isinstance(node, hir.FnAddr):
                    self._taken(node)
            if sig is None:
                continue
            field = _field_at(glob.ty, offset) if isinstance(glob.ty, ClassType) else None
            if field is not None:
                self._assign(self._memory(("field", *field), sig), value)
            elif signature(glob.ty) is not None or isinstance(glob.ty, (model.RegistryType, model.ArrayType)):
                self._assign(self._memory(("global", glob), sig), value)
            else:
                self._assign(("written", sig), value)

    def _solve(self) -> None:
        while self.pending:
            node, fn, origin = self.pending.pop()
            known = self.found.setdefault(node, {})
            if fn in known:
                continue
            known[fn] = origin
            self.pending += [(target, fn, origin) for target in self.flows.get(node, ())]
            if isinstance(node, tuple) and node[0] == "written":
                self.pending.append((("any", node[1]), fn, origin))
            if isinstance(node, tuple) and node[0] == "assembly":
                self.to_assembly.setdefault(node[1], {})[fn] = None
            for value, args in self.given:
                if value is node:
                    self._arguments(fn, args)


def _field_at(cls: ClassType, offset: int) -> tuple[Any, str] | None:
    """(class that declares it, name) of the function-valued field at an offset, inside embedded objects too."""
    for field in cls.fields.values():
        if isinstance(field.ty, ClassType):
            if field.offset <= offset < field.offset + field.ty.size:
                found = _field_at(field.ty, offset - field.offset)
                if found is not None:
                    return found
        elif field.offset == offset and signature(field.ty) is not None:
            return (field.owner or cls, field.name)
    return None


def _nodes(body: Any) -> Iterator[Any]:
    """Every node of a typed tree."""
    pending = [body]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        elif type(item) in _CHILDREN:
            yield item
            pending += [getattr(item, name) for name in _CHILDREN[type(item)]]


_KINDS = [kind for kind in vars(hir).values() if isinstance(kind, type) and hasattr(kind, "__slots__")]
_LEAVES = {"ty", "line", "var", "fn", "group", "glob", "sig", "cls", "slot", "loop", "storage", "volatile", "op", "name", "pred", "order"}
_CHILDREN: dict[type, tuple[str, ...]] = {
    kind: tuple(s for s in kind.__slots__ if s not in _LEAVES) for kind in _KINDS if kind not in (hir.Expr, hir.Var, hir.Slot)
}
