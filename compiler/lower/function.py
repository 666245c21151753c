# SPDX-License-Identifier: GPL-2.0-or-later
"""One function's IR.

Locals are stack slots that LLVM promotes. An error in flight is control flow: a call that may raise returns a flag, which is tested on a
cold branch to the innermost landing: a handler, clean-up, or the function's error return. `finally` parts are emitted on each way out.
"""

from __future__ import annotations

from typing import Any

from compiler.lower.values import constant, literal, storage_llvm
from compiler.types import hir, model
from compiler.types.hir import Const, Expr
from compiler.types.model import BOOL, NORETURN, U64, VOID, FloatType, IntType, Type

COLD = "!prof"
VALUELESS = (VOID, NORETURN)


class Scope:
    """An enclosing `try`: where an error lands, and what runs on the way out."""

    __slots__ = ("final", "label", "used")

    def __init__(self, label: str, final: Any) -> None:
        self.label, self.final, self.used = label, final, False


class FunctionEmitter:
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

    # -- text ---------------------------------------------------------------------------------------------------
    def at(self, line: int) -> None:
        if line:
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
        for var in self.fn.params:
            if var.ty not in VALUELESS:
                self.do(f"store {var.ty.llvm} %a{var.number}, ptr %v{var.number}")
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
        for var in self.fn.variables:
            if var.ty not in VALUELESS and var.ty is not model.NONE:
                head.append(f"  %v{var.number} = alloca {var.ty.llvm if var.ty is not model.UNTYPED else 'i64'}")
        for slot in self.fn.slots:
            head.append(f"  %s{slot.number} = alloca [{slot.size} x i8], align {max(slot.align, 8)}")
        return ["entry:", *head, *self.lines]

    def _error_return(self) -> None:
        if not self.fn.raises:
            self.do("unreachable")
        elif self.fn.result in VALUELESS:
            self.do("ret i1 true")
        else:
            full = f"{{{self.fn.result.llvm}, i1}}"
            value = self.ins(f"insertvalue {full} poison, i1 true, 1")
            self.do(f"ret {full} {value}")
        self.dead = True

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
        self.statements(node.body)
        if not self.dead or step in self.used_loops[node.loop]:
            self.start(step)
            self.statements(node.step)
            self.jump(head)
        self.dead = True
        if end in self.used_loops[node.loop]:
            self.start(end)

    def _leave_loop(self, loop: Any, index: int) -> None:
        target = self.loops[loop]
        self._unwind(target[2])
        if not self.dead:
            self.used_loops[loop].add(target[index])
            self.jump(target[index])

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
            full = f"{{{self.fn.result.llvm}, i1}}"
            pair = self.ins(f"insertvalue {full} {{{self.fn.result.llvm} poison, i1 false}}, {self.fn.result.llvm} {value}, 0")
            self.do(f"ret {full} {pair}")
        else:
            self.do(f"ret {self.fn.result.llvm} {value}")
        self.dead = True

    def s_Raise(self, node: Any) -> None:
        self.jump(self._landing())

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
                self.statements(node.final)
                if not self.dead:
                    self.jump(self._landing())
        self.dead = True
        if reached:
            self.start(end)

    def s_Unreachable(self, node: Any) -> None:
        self.do("unreachable")
        self.dead = True

    # -- expressions --------------------------------------------------------------------------------------------
    def value(self, expr: Expr) -> str:
        if expr.line:
            self.at(expr.line)
        return str(getattr(self, f"e_{type(expr).__name__}")(expr))

    def typed(self, expr: Expr) -> str:
        return f"{expr.ty.llvm} {self.value(expr)}"

    def e_Const(self, e: Any) -> str:
        if e.ty is model.UNTYPED:
            return str(int(e.value))
        return literal(e.ty, e.value)

    def e_StrLit(self, e: Any) -> str:
        return constant(self.module, e)

    def e_VarGet(self, e: Any) -> str:
        if e.var.ty in VALUELESS:
            return "poison"
        return self.ins(f"load {e.var.ty.llvm}, ptr %v{e.var.number}")

    def e_GlobalAddr(self, e: Any) -> str:
        if self.module.is_thread_local(e.glob):
            return self._thread_address(e.glob)
        return str(self.module.use_global(e.glob))

    def _thread_address(self, glob: Any) -> str:
        name = self.module.use_global(glob)
        self.module.declare("@llvm.threadlocal.address.p0", "declare nonnull ptr @llvm.threadlocal.address.p0(ptr nonnull)")
        return self.ins(f"call ptr @llvm.threadlocal.address.p0(ptr {name})")

    def e_FnAddr(self, e: Any) -> str:
        return str(self.module.use_function(e.fn))

    def e_VtableAddr(self, e: Any) -> str:
        return constant(self.module, e)

    def e_StackSlot(self, e: Any) -> str:
        return f"%s{e.slot.number}"

    def e_CoreAddr(self, e: Any) -> str:
        glob = e.glob
        if glob.ty.kind == "thread":
            return self._thread_address(glob) if self.kind == "user" else str(self.module.use_global(glob))
        name = self.module.use_global(glob)
        if self.kind != "kernel":
            if e.core is not None:
                self.value(e.core)
            return str(name)
        if e.core is None:
            delta = self._this_core_delta()
        else:
            index = self.value(e.core)
            table = self.module.declare("@percore_deltas", "@percore_deltas = external global [256 x i64]")
            slot = self.ins(f"getelementptr i64, ptr {table}, i64 {index}")
            delta = self.ins(f"load i64, ptr {slot}")
        return self.ins(f"getelementptr i8, ptr {name}, i64 {delta}")

    def _this_core_delta(self) -> str:
        if self.arch == "riscv":
            self.module.declare("@llvm.thread.pointer.p0", "declare ptr @llvm.thread.pointer.p0()")
            return self.ins(f"ptrtoint ptr {self.ins('call ptr @llvm.thread.pointer.p0()')} to i64")
        self.module.declare("@percore_delta", "@percore_delta = external global i64")
        return self.ins("load i64, ptr addrspace(256) inttoptr (i64 ptrtoint (ptr @percore_delta to i64) to ptr addrspace(256))")

    def pointer(self, addr: Expr) -> str:
        """`ptr X` for a load or store; this core's own variables are reached through the segment register."""
        if self.kind == "kernel" and self.arch == "x86_64":
            base, offset = addr, 0
            while isinstance(base, hir.Offset) or isinstance(base, hir.Conv) and base.op == "same":
                offset += base.offset if isinstance(base, hir.Offset) else 0
                base = base.base if isinstance(base, hir.Offset) else base.operand
            if isinstance(base, hir.CoreAddr) and base.core is None and base.glob.ty.kind == "core":
                name = self.module.use_global(base.glob)
                where = f"ptrtoint (ptr {name} to i64)"
                if offset:
                    where = f"add (i64 {where}, i64 {offset})"
                return f"ptr addrspace(256) inttoptr (i64 {where} to ptr addrspace(256))"
        return f"ptr {self.value(addr)}"

    def e_Load(self, e: Any) -> str:
        pointer = self.pointer(e.addr)
        if e.line:
            self.at(e.line)
        kind = "volatile " if e.volatile else ""
        found = self.ins(f"load {kind}{storage_llvm(e.storage)}, {pointer}, align {max(e.storage.align, 1)}")
        return self.ins(f"icmp ne i8 {found}, 0") if e.storage is BOOL else found

    def e_Offset(self, e: Any) -> str:
        base = self.value(e.base)
        return self.ins(f"getelementptr i8, ptr {base}, i64 {e.offset}") if e.offset else base

    def e_Index(self, e: Any) -> str:
        base, index = self.value(e.base), self.value(e.index)
        scale = e.scale
        if scale in (1, 2, 4, 8):
            return self.ins(f"getelementptr i{8 * scale}, ptr {base}, i64 {index}")
        return self.ins(f"getelementptr [{scale} x i8], ptr {base}, i64 {index}")

    def e_Part(self, e: Any) -> str:
        whole = e.whole
        if isinstance(whole, hir.Make):
            values = [self.value(p) for p in whole.parts]
            return values[e.index]
        value = self.value(whole)
        return self.ins(f"extractvalue {whole.ty.llvm} {value}, {e.index}")

    def e_Make(self, e: Any) -> str:
        values = [self.value(p) for p in e.parts]
        found = "poison"
        for i, (part, value) in enumerate(zip(e.parts, values, strict=True)):
            kind = "ptr" if e.ty.llvm == "{ptr, i64}" and i == 0 else part.ty.llvm
            found = self.ins(f"insertvalue {e.ty.llvm} {found}, {kind} {value}, {i}")
        return found

    def e_Seq(self, e: Any) -> str:
        self.statements(e.body)
        return self.value(e.result)

    def e_Conv(self, e: Any) -> str:
        value = self.value(e.operand)
        have, want = e.operand.ty.llvm, e.ty.llvm
        if e.op == "same":
            return value
        if e.op == "ptrtoint":
            return self.ins(f"ptrtoint ptr {value} to i64")
        if e.op == "inttoptr":
            return self.ins(f"inttoptr i64 {value} to ptr")
        if e.op in ("fptosi", "fptoui"):
            suffix = f"{want}.{ 'f64' if have == 'double' else 'f32'}"
            name = f"@llvm.{e.op}.sat.{suffix}"
            self.module.declare(name, f"declare {want} {name}({have})")
            return self.ins(f"call {want} {name}({have} {value})")
        if have == want:
            return value
        return self.ins(f"{e.op} {have} {value} to {want}")

    # -- arithmetic ---------------------------------------------------------------------------------------------
    def e_Bin(self, e: Any) -> str:
        left, right = self.value(e.left), self.value(e.right)
        ty = e.ty.llvm
        if e.op in ("floordiv", "floormod"):
            return self._floor(e, left, right)
        if e.op == "fmod":
            return self._fmod(ty, left, right)
        if e.op == "lshr" and e.right.ty.llvm != ty:
            right = literal(e.ty, e.right.value) if isinstance(e.right, Const) else right
        return self.ins(f"{e.op.removesuffix('.wrap')} {ty} {left}, {right}")

    def _floor(self, e: Any, left: str, right: str) -> str:
        """Division and remainder that round down, as Python's."""
        base = model.underlying(e.ty)
        ty = e.ty.llvm
        quotient = e.op == "floordiv"
        assert isinstance(base, IntType)
        if not base.signed:
            return self.ins(f"{'udiv' if quotient else 'urem'} {ty} {left}, {right}")
        if isinstance(e.right, Const) and e.right.value > 0 and e.right.value & (e.right.value - 1) == 0:
            if quotient:
                return self.ins(f"ashr {ty} {left}, {e.right.value.bit_length() - 1}")
            return self.ins(f"and {ty} {left}, {e.right.value - 1}")
        minus = "false"
        divisor = right
        if not isinstance(e.right, Const):
            minus = self.ins(f"icmp eq {ty} {right}, -1")           # the least value // -1 traps on x86
            divisor = self.ins(f"select i1 {minus}, {ty} 1, {ty} {right}")
        rest = self.ins(f"srem {ty} {left}, {divisor}")
        nonzero = self.ins(f"icmp ne {ty} {rest}, 0")
        mixed = self.ins(f"xor {ty} {rest}, {right}")
        opposite = self.ins(f"icmp slt {ty} {mixed}, 0")
        adjust = self.ins(f"and i1 {nonzero}, {opposite}")
        if not quotient:
            added = self.ins(f"add {ty} {rest}, {right}")
            return self.ins(f"select i1 {adjust}, {ty} {added}, {ty} {rest}")
        plain = self.ins(f"sdiv {ty} {left}, {divisor}")
        less = self.ins(f"sub {ty} {plain}, 1")
        found = self.ins(f"select i1 {adjust}, {ty} {less}, {ty} {plain}")
        if minus == "false":
            return found
        negated = self.ins(f"sub {ty} 0, {left}")
        return self.ins(f"select i1 {minus}, {ty} {negated}, {ty} {found}")

    def _fmod(self, ty: str, left: str, right: str) -> str:
        rest = self.ins(f"frem {ty} {left}, {right}")
        nonzero = self.ins(f"fcmp une {ty} {rest}, 0.0")
        a, b = self.ins(f"fcmp olt {ty} {rest}, 0.0"), self.ins(f"fcmp olt {ty} {right}, 0.0")
        adjust = self.ins(f"and i1 {nonzero}, {self.ins(f'xor i1 {a}, {b}')}")
        return self.ins(f"select i1 {adjust}, {ty} {self.ins(f'fadd {ty} {rest}, {right}')}, {ty} {rest}")

    def e_Cmp(self, e: Any) -> str:
        left, right = self.value(e.left), self.value(e.right)
        ty = e.left.ty
        code = "fcmp" if isinstance(ty, FloatType) else "icmp"
        return self.ins(f"{code} {e.pred} {ty.llvm} {left}, {right}")

    def e_Not(self, e: Any) -> str:
        value = self.value(e.operand)
        return {"true": "false", "false": "true"}.get(value) or self.ins(f"xor i1 {value}, true")

    def e_Logic(self, e: Any) -> str:
        """Short-circuit `and`/`or`."""
        left = self.value(e.left)
        if self.dead:
            return "poison"
        more, end = self.new_label("more"), self.new_label("both")
        came_from = self.label
        if e.op == "and":
            self.branch(left, more, end)
        else:
            self.branch(left, end, more)
        self.start(more)
        right = self.value(e.right)
        was = self.label
        alive = not self.dead
        if alive:
            self.jump(end)
        self.start(end)
        short = "false" if e.op == "and" else "true"
        arms = f"[{short}, %{came_from}]" + (f", [{right}, %{was}]" if alive else "")
        return self.ins(f"phi i1 {arms}")

    def e_Cond(self, e: Any) -> str:
        test = self.value(e.test)
        if self.dead:
            return "poison"
        then, other, end = self.new_label("yes"), self.new_label("no"), self.new_label("chosen")
        self.branch(test, then, other)
        arms = []
        for label, part in ((then, e.then), (other, e.other)):
            self.start(label)
            value = self.value(part)
            if not self.dead:
                if part.ty is NORETURN:
                    self.do("unreachable")
                    self.dead = True
                else:
                    arms.append(f"[{value}, %{self.label}]")
                    self.jump(end)
        if not arms:
            return "poison"
        self.start(end)
        return "poison" if e.ty in VALUELESS else self.ins(f"phi {e.ty.llvm} {', '.join(arms)}")

    # -- calls --------------------------------------------------------------------------------------------------
    def e_Call(self, e: Any) -> str:
        fn = e.fn
        args = [self.value(a) for a in e.args]
        line = e.line
        typed = ", ".join(f"{self.module.param_type(fn, v.ty)} {a}" for v, a in zip(fn.params, args, strict=True) if v.ty not in VALUELESS)
        if self.dead:
            return "poison"
        if line:
            self.at(line)
        return self._call(self.module.use_function(fn), typed, fn.result, fn.raises, self.module.return_type(fn))

    def _call(self, target: str, args: str, result: Type, raises: bool, kind: str) -> str:
        if kind == "void":
            self.do(f"call void {target}({args})")
            if result is NORETURN:
                self.do("unreachable")
                self.dead = True
            return "poison"
        found = self.ins(f"call {kind} {target}({args})")
        if not raises:
            return found
        flag = found if result in VALUELESS else self.ins(f"extractvalue {kind} {found}, 1")
        fine, landing = self.new_label("fine"), self._landing()
        self.module.declare("@llvm.expect.i1", "declare i1 @llvm.expect.i1(i1, i1)")
        unlikely = self.ins(f"call i1 @llvm.expect.i1(i1 {flag}, i1 false)")
        self.branch(unlikely, landing, fine)
        self.start(fine)
        if result is NORETURN:
            self.do("unreachable")
            self.dead = True
        return "poison" if result in VALUELESS else self.ins(f"extractvalue {kind} {found}, 0")

    def e_CallPtr(self, e: Any) -> str:
        from compiler.lower.module import result_llvm
        target = self.value(e.target)
        args = ", ".join(f"{a.ty.llvm} {self.value(a)}" for a in e.args)
        if self.dead:
            return "poison"
        if e.line:
            self.at(e.line)
        return self._call(target, args, e.sig.result, e.sig.raises, result_llvm(e.sig.result, e.sig.raises))

    def e_CallVirtual(self, e: Any) -> str:
        from compiler.lower.module import result_llvm
        receiver = self.value(e.receiver)
        args = "".join(f", {a.ty.llvm} {self.value(a)}" for a in e.args)
        if self.dead:
            return "poison"
        if e.line:
            self.at(e.line)
        table = self.ins(f"load ptr, ptr {receiver}")
        entry = self.ins(f"getelementptr ptr, ptr {table}, i64 {e.group.slot}")
        target = self.ins(f"load ptr, ptr {entry}, !invariant.load !{self._empty_node()}") if False else self.ins(f"load ptr, ptr {entry}")
        result = e.group.signature.result
        return self._call(target, f"ptr {receiver}{args}", result, e.group.raises, result_llvm(result, e.group.raises))

    def _empty_node(self) -> int:
        return int(self.module.debug.add("!{}"))

    # -- atomics and intrinsics ---------------------------------------------------------------------------------
    def e_AtomicOp(self, e: Any) -> str:
        addr = self.value(e.addr)
        args = [self.value(a) for a in e.args]
        ty = e.elem
        kind = storage_llvm(ty)
        if ty is BOOL:
            args = [self.ins(f"zext i1 {a} to i8") for a in args]
        align = max(ty.size, 1)
        if e.op == "load":
            found = self.ins(f"load atomic {kind}, ptr {addr} {e.order}, align {align}")
        elif e.op == "store":
            self.do(f"store atomic {kind} {args[0]}, ptr {addr} {e.order}, align {align}")
            return "poison"
        elif e.op == "cas":
            failure = {"acq_rel": "acquire", "release": "monotonic"}.get(e.order, e.order)
            pair = self.ins(f"cmpxchg ptr {addr}, {kind} {args[0]}, {kind} {args[1]} {e.order} {failure}")
            return self.ins(f"extractvalue {{{kind}, i1}} {pair}, 1")
        else:
            found = self.ins(f"atomicrmw {e.op} ptr {addr}, {kind} {args[0]} {e.order}")
        return self.ins(f"icmp ne i8 {found}, 0") if ty is BOOL else found

    def e_Intrinsic(self, e: Any) -> str:
        special = getattr(self, "i_" + e.name.replace(".", "_"), None)
        if special is not None:
            return str(special(e))
        ty = e.ty.llvm
        if e.name.endswith(".overflow"):
            op, part = e.name.removesuffix(".overflow"), e.args[0].ty.llvm
            name = f"@llvm.{op}.with.overflow.{part}"
            args = [self.value(a) for a in e.args]
            self.module.declare(name, f"declare {ty} {name}({part}, {part})")
            return self.ins(f"call {ty} {name}({part} {args[0]}, {part} {args[1]})")
        if e.name in ("ctlz", "cttz"):
            name = f"@llvm.{e.name}.{ty}"
            self.module.declare(name, f"declare {ty} {name}({ty}, i1)")
            return self.ins(f"call {ty} {name}({ty} {self.value(e.args[0])}, i1 false)")
        suffix = {"double": "f64", "float": "f32"}.get(ty, ty)
        name = f"@llvm.{e.name}.{suffix}"
        self.module.declare(name, f"declare {ty} {name}({ty})")
        return self.ins(f"call {ty} {name}({ty} {self.value(e.args[0])})")

    def i_fneg(self, e: Any) -> str:
        return self.ins(f"fneg {e.ty.llvm} {self.value(e.args[0])}")

    def i_fence(self, e: Any) -> str:
        order = e.args[0].data.decode()
        if order != "monotonic":
            self.do(f"fence {order}")
        return "poison"

    def i_compiler_fence(self, e: Any) -> str:
        self.do('fence syncscope("singlethread") seq_cst')
        return "poison"

    def i_pause(self, e: Any) -> str:
        name = "@llvm.riscv.pause" if self.arch == "riscv" and self.kind != "hosted" else "@llvm.x86.sse2.pause"
        if self.kind == "hosted":
            import platform
            if platform.machine() not in ("x86_64", "AMD64"):
                return "poison"
        self.module.declare(name, f"declare void {name}()")
        self.do(f"call void {name}()")
        return "poison"

    def i_readcyclecounter(self, e: Any) -> str:
        self.module.declare("@llvm.readcyclecounter", "declare i64 @llvm.readcyclecounter()")
        return self.ins("call i64 @llvm.readcyclecounter()")

    def i_mul_high(self, e: Any) -> str:
        a, b = (self.value(x) for x in e.args)
        wide = [self.ins(f"zext i64 {x} to i128") for x in (a, b)]
        product = self.ins(f"mul i128 {wide[0]}, {wide[1]}")
        return self.ins(f"trunc i128 {self.ins(f'lshr i128 {product}, 64')} to i64")

    def i_frameaddress(self, e: Any) -> str:
        self.module.declare("@llvm.frameaddress.p0", "declare ptr @llvm.frameaddress.p0(i32)")
        return self.ins("call ptr @llvm.frameaddress.p0(i32 0)")

    def i_returnaddress(self, e: Any) -> str:
        self.module.declare("@llvm.returnaddress", "declare ptr @llvm.returnaddress(i32)")
        return self.ins("call ptr @llvm.returnaddress(i32 0)")

    def i_thread_pointer(self, e: Any) -> str:
        self.module.declare("@llvm.thread.pointer.p0", "declare ptr @llvm.thread.pointer.p0()")
        return self.ins("call ptr @llvm.thread.pointer.p0()")

    def _expect(self, e: Any, what: str) -> str:
        self.module.declare("@llvm.expect.i1", "declare i1 @llvm.expect.i1(i1, i1)")
        return self.ins(f"call i1 @llvm.expect.i1(i1 {self.value(e.args[0])}, i1 {what})")

    def i_likely(self, e: Any) -> str:
        return self._expect(e, "true")

    def i_unlikely(self, e: Any) -> str:
        return self._expect(e, "false")

    def i_memmove(self, e: Any) -> str:
        a, b, n = (self.value(x) for x in e.args)
        self.module.declare("@llvm.memmove.p0.p0.i64", "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)")
        self.do(f"call void @llvm.memmove.p0.p0.i64(ptr align 1 {a}, ptr align 1 {b}, i64 {n}, i1 false)")
        return "poison"

    def i_memset(self, e: Any) -> str:
        a, v, n = (self.value(x) for x in e.args)
        self.module.declare("@llvm.memset.p0.i64", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        self.do(f"call void @llvm.memset.p0.i64(ptr align 1 {a}, i8 {v}, i64 {n}, i1 false)")
        return "poison"


_ = (COLD, U64)
