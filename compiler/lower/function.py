# SPDX-License-Identifier: GPL-2.0-or-later
"""One function's IR.

Locals are stack slots that LLVM promotes. An error in flight is control flow: a call that may raise returns a flag, which is tested on a
cold branch to the innermost landing: a handler, clean-up, or the function's error return. `finally` parts are emitted on each way out.
"""

from __future__ import annotations

from typing import Any

from compiler.lower.expressions import SCALARS, ExpressionMixin, field_owner
from compiler.lower.operations import OperationMixin
from compiler.lower.values import VALUELESS, storage_llvm
from compiler.types import hir, model
from compiler.types.hir import Expr
from compiler.types.model import BOOL, VOID


UNROLLED_LINES = 1200  # of IR as lowered, about a third of which remain


class Scope:
    """An enclosing `try`: where an error lands, and what runs on the way out."""

    __slots__ = ("final", "label", "used")

    def __init__(self, label: str, final: Any) -> None:
        self.label, self.final, self.used = label, final, False


def one_choice(node: Any) -> Any:
    """`if c: x = p.left else: x = p.right` as the assignment `x = p.left if c else p.right`, which needs no branch; else None."""
    if len(node.then) != 1 or len(node.other) != 1:
        return None
    then, other = node.then[0], node.other[0]
    if not isinstance(then, hir.SetVar) or not isinstance(other, hir.SetVar) or then.var is not other.var:
        return None
    if then.var.ty.llvm not in SCALARS or (owner := field_owner(then.value)) is None or owner is not field_owner(other.value):
        return None
    return hir.at_line(hir.SetVar(then.var, hir.Cond(then.value.ty, node.test, then.value, other.value)), node.line)


def may_catch(body: Any) -> bool:
    """Whether something in these statements, or in what they call, may raise an error and catch it."""
    todo = [body]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo += node
        elif (fields := hir.FIELDS.get(type(node))) is not None:
            if isinstance(node, (hir.CallPtr, hir.CallVirtual)) or (isinstance(node, hir.Try) and node.handler is not None):
                return True
            if isinstance(node, hir.Call) and node.fn.catches:
                return True
            todo += [getattr(node, name) for name in fields]
    return False


class FunctionEmitter(ExpressionMixin, OperationMixin):
    def __init__(self, module: Any, fn: Any, scope: int) -> None:
        self.module, self.fn, self.scope = module, fn, scope
        self.kind = module.world.kind
        self.arch = module.world.arch
        self.lines: list[str] = []
        self.count = 0
        self.labels = 0
        self.label = "entry"
        self.dead = False
        self.scopes: list[Scope] = []
        self.loops: dict[Any, tuple[str, str, int]] = {}
        self.used_loops: dict[Any, set[str]] = {}
        self.line = fn.line
        self.dbg = ""
        self.at(fn.line)
        self.raise_out = ""
        self.outcomes: list[tuple[str, str, str]] = []  # of one that raises and has a value: value, whether it raised, block
        self.kept_aside = 0  # errors, so far
        self.calls = 0  # of functions that will hardly be inlined, so far
        self.innermost = False  # no loop has ended since the last one began

    # -- text ---------------------------------------------------------------------------------------------------
    def at(self, line: int) -> None:
        if line and not self.fn.artificial:
            self.line = line
            self.dbg = f", !dbg !{self.module.debug.location(line, self.scope)}"

    def ins(self, text: str) -> str:
        """An instruction with a result."""
        if self.dead:
            return "poison"
        self.count += 1
        name = f"%t{self.count}"
        self.lines.append(f"  {name} = {text}{self.dbg}")
        return name

    def do(self, text: str) -> None:
        if not self.dead:
            self.lines.append(f"  {text}{self.dbg}")

    def new_label(self, hint: str) -> str:
        self.labels += 1
        return f"{hint}{self.labels}"

    def start(self, label: str) -> None:
        """Begin a block; falls through from the one before if that is not ended."""
        if not self.dead:
            self.lines.append(f"  br label %{label}{self.dbg}")
        self.lines.append(f"{label}:")
        self.label, self.dead = label, False

    def jump(self, label: str) -> None:
        self.do(f"br label %{label}")
        self.dead = True

    def branch(self, test: str, then: str, other: str) -> None:
        self.do(f"br i1 {test}, label %{then}, label %{other}")
        self.dead = True

    # -- whole --------------------------------------------------------------------------------------------------
    def body(self) -> list[str]:
        head: list[str] = []
        for number, var in enumerate(self.fn.params, 1):
            if var.ty not in VALUELESS:
                self.do(f"store {var.ty.llvm} %a{var.number}, ptr %v{var.number}")
                if var.name and not self.fn.artificial:
                    self.lines.append(self.module.debug.variable(self.fn, var, number, self.scope))
        self.statements(self.fn.body)
        if not self.dead:
            if self.fn.result is VOID:
                self.do("ret i1 false" if self.fn.raises else "ret void")
            else:
                self.do("unreachable")
        if self.raise_out:
            self.dead = True
            self.start(self.raise_out)
            self._error_return()
        if self.outcomes:
            self._return_outcome()
        for var, place in self.fn.captured:  # their storage is in the function around this one
            head.append(f"  %c{var.number} = getelementptr i8, ptr %a{self.fn.params[0].number}, i64 {8 * place}")
            head.append(f"  %v{var.number} = load ptr, ptr %c{var.number}, align 8")
            if var.name:
                self.lines.insert(0, self.module.debug.variable(self.fn, var, 0, self.scope))
        captured = {var for var, _ in self.fn.captured}
        for var in self.fn.variables:
            if var.ty not in VALUELESS and var.ty is not model.NONE and var not in captured:
                head.append(f"  %v{var.number} = alloca {var.ty.llvm if var.ty is not model.UNTYPED else 'i64'}")
                if var.name and not self.fn.artificial and not any(var is p for p in self.fn.params):
                    self.lines.insert(0, self.module.debug.variable(self.fn, var, 0, self.scope))
        for slot in self.fn.slots:
            head.append(f"  %s{slot.number} = alloca [{slot.size} x i8], align {max(slot.align, 8)}")
        for number in range(self.kept_aside):
            head.append(f"  %kept{number} = alloca [{self._error_size()} x i8], align 8")
        return ["entry:", *head, *self.lines]

    def _error_return(self) -> None:
        if not self.fn.raises:
            self.do("unreachable")
        elif self.fn.result in VALUELESS:
            self.do("ret i1 true")
        else:
            self._leave_with("poison", "true")
        self.dead = True

    def _leave_with(self, value: str, raised: str) -> None:
        """All ways out meet in one block, and each part of the result there: where the function is inlined LLVM follows each flag to who
        looks at it. Of pairs that meet it does not know what is in them."""
        self.outcomes.append((value, raised, self.label))
        self.jump("out")

    def _return_outcome(self) -> None:
        kind = self.fn.result.llvm
        self.start("out")
        value = self.ins(f"phi {kind} {', '.join(f'[{value}, %{label}]' for value, _, label in self.outcomes)}")
        raised = self.ins(f"phi i1 {', '.join(f'[{raised}, %{label}]' for _, raised, label in self.outcomes)}")
        half = self.ins(f"insertvalue {{{kind}, i1}} poison, {kind} {value}, 0")
        pair = self.ins(f"insertvalue {{{kind}, i1}} {half}, i1 {raised}, 1")
        self.do(f"ret {{{kind}, i1}} {pair}")

    # -- statements ---------------------------------------------------------------------------------------------
    def statements(self, nodes: list[Any]) -> None:
        for node in nodes:
            if self.dead:
                return
            self.at(node.line)
            getattr(self, f"s_{type(node).__name__}")(node)

    def s_SetVar(self, node: Any) -> None:
        value = self.value(node.value)
        if node.var.ty not in VALUELESS and node.value.ty not in VALUELESS:
            self.do(f"store {node.var.ty.llvm} {value}, ptr %v{node.var.number}")

    def s_Store(self, node: Any) -> None:
        value = self.value(node.value)
        pointer = self.pointer(node.addr)
        ty = node.storage
        self.at(node.line)
        if ty is BOOL:
            value = self.ins(f"zext i1 {value} to i8") if value not in ("true", "false") else str(int(value == "true"))
        kind = "volatile " if node.volatile else ""
        self.do(f"store {kind}{storage_llvm(ty)} {value}, {pointer}, align {max(ty.align, 1)}")

    def s_Zero(self, node: Any) -> None:
        addr = self.value(node.addr)
        size = self.value(node.size) if isinstance(node.size, Expr) else str(node.size)
        if size == "0":
            return
        self.module.declare("@llvm.memset.p0.i64", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        self.do(f"call void @llvm.memset.p0.i64(ptr align 1 {addr}, i8 0, i64 {size}, i1 false)")

    def s_CopyBytes(self, node: Any) -> None:
        dst, src = self.value(node.dst), self.value(node.src)
        self.module.declare("@llvm.memmove.p0.p0.i64", "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)")
        if node.size:
            self.do(f"call void @llvm.memmove.p0.p0.i64(ptr align 1 {dst}, ptr align 1 {src}, i64 {node.size}, i1 false)")

    def s_Do(self, node: Any) -> None:
        self.value(node.expr)

    def s_If(self, node: Any) -> None:
        chosen = one_choice(node)
        if chosen is not None:
            self.s_SetVar(chosen)
            return
        test = self.value(node.test)
        if self.dead:
            return
        if test == "true" or test == "false":
            self.statements(node.then if test == "true" else node.other)
            return
        then, other, end = self.new_label("then"), self.new_label("else"), self.new_label("end")
        self.branch(test, then, other if node.other else end)
        self.start(then)
        self.statements(node.then)
        then_dead = self.dead
        if not self.dead:
            self.jump(end)
        if node.other:
            self.start(other)
            self.statements(node.other)
            if self.dead and then_dead:
                return
            if not self.dead:
                self.jump(end)
        self.start(end)

    def s_Loop(self, node: Any) -> None:
        head, step, end = self.new_label("loop"), self.new_label("step"), self.new_label("done")
        self.loops[node.loop] = (step, end, len(self.scopes))
        self.used_loops[node.loop] = set()
        self.start(head)
        first, calls, self.innermost = len(self.lines), self.calls, True
        self.statements(node.body)
        if not self.dead or step in self.used_loops[node.loop]:
            self.start(step)
            self.statements(node.step)
            self.do(f"br label %{head}{self._unrolling(node.loop.trips, len(self.lines) - first) if self.calls == calls else ''}")
            self.innermost = False
        self.dead = True
        if end in self.used_loops[node.loop]:
            self.start(end)

    def _unrolling(self, trips: int, lines: int) -> str:
        """A hint for an innermost loop that runs a constant number of times and calls nothing large: several rounds in one save the
        moves from one round's variables to the next one's. (Short ones LLVM unrolls by itself.)"""
        if self.module.world.checked or trips < 16 or not self.innermost:
            return ""
        times = next((n for n in (8, 4, 2) if trips % n == 0 and n * lines <= UNROLLED_LINES), 0)
        return f", !llvm.loop !{self.module.debug.unrolled(times)}" if times else ""

    def _leave_loop(self, loop: Any, index: int) -> None:
        *labels, depth = self.loops[loop]
        self._unwind(depth)
        if not self.dead:
            label = str(labels[index])
            self.used_loops[loop].add(label)
            self.jump(label)

    def s_Break(self, node: Any) -> None:
        self._leave_loop(node.loop, 1)

    def s_Continue(self, node: Any) -> None:
        self._leave_loop(node.loop, 0)

    def _unwind(self, depth: int) -> None:
        """Run the clean-up of the scopes that are left, innermost first."""
        kept = self.scopes
        for i in range(len(kept) - 1, depth - 1, -1):
            if kept[i].final is not None and not self.dead:
                self.scopes = kept[:i]
                self.statements(kept[i].final)
        self.scopes = kept

    def s_Return(self, node: Any) -> None:
        value = self.value(node.value) if node.value is not None else ""
        if self.dead:
            return
        line = node.line
        self._unwind(0)
        self.at(line)
        if self.dead:
            return
        if self.fn.result in VALUELESS:
            self.do("ret i1 false" if self.fn.raises else "ret void")
        elif self.fn.raises:
            self._leave_with(value, "false")
        else:
            self.do(f"ret {self.fn.result.llvm} {value}")
        self.dead = True

    def s_Raise(self, node: Any) -> None:
        if node.kept is not None:
            self._put_back(node.kept)
        self.jump(self._landing())

    def s_Handle(self, node: Any) -> None:
        self._keep(node.kept, node.body)
        self.statements(node.body)

    # There is one slot for the error in flight. A handler that raises it again, and a `finally` on its way, keep it aside if what they do
    # may raise and catch another.
    def _keep(self, kept: hir.Kept, body: list[Any]) -> None:
        kept.slot = None
        if may_catch(body) and (error := self._error_slot()):
            kept.slot = f"%kept{self.kept_aside}"
            self.kept_aside += 1
            self._copy_error(kept.slot, error)

    def _put_back(self, kept: hir.Kept) -> None:
        if kept.slot is not None:
            self._copy_error(self._error_slot(), kept.slot)

    def _copy_error(self, dst: str, src: str) -> None:
        self.module.declare("@llvm.memmove.p0.p0.i64", "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)")
        self.do(f"call void @llvm.memmove.p0.p0.i64(ptr align 4 {dst}, ptr align 4 {src}, i64 {self._error_size()}, i1 false)")

    def _error_slot(self) -> str:
        """Its address now (a thread may have moved); empty in a program in which nothing raises."""
        hook = self.module.program.hooks.get("error_slot")
        for fn in hook.instances.values() if hook is not None else ():
            return str(self.value(hir.Call(fn.result, fn, [])))
        return ""

    def _error_size(self) -> int:
        return self.module.program.runtime_class("ErrorSlot").size

    def _landing(self) -> str:
        """Where an error goes from here."""
        if self.scopes:
            self.scopes[-1].used = True
            return self.scopes[-1].label
        if not self.raise_out:
            self.raise_out = self.new_label("raise")
        return self.raise_out

    def s_Try(self, node: Any) -> None:
        scope = Scope(self.new_label("catch"), node.final)
        end = self.new_label("tried")
        self.scopes.append(scope)
        self.statements(node.body)
        self.scopes.pop()
        reached = not self.dead
        if reached:
            if node.final is not None:
                self.statements(node.final)
                reached = not self.dead
            if not self.dead:
                self.jump(end)
        if scope.used:
            self.dead = True
            self.start(scope.label)
            if node.handler is not None:
                self.statements(node.handler)
                if not self.dead:
                    reached = True
                    self.jump(end)
            else:
                kept = hir.Kept()
                self._keep(kept, node.final)
                self.statements(node.final)
                if not self.dead:
                    self._put_back(kept)
                    self.jump(self._landing())
        self.dead = True
        if reached:
            self.start(end)

    def s_Unreachable(self, node: Any) -> None:
        self.do("unreachable")
        self.dead = True
