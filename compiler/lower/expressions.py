# SPDX-License-Identifier: GPL-2.0-or-later
"""IR of values, addresses and arithmetic."""

from __future__ import annotations

from typing import Any

from compiler.lower.values import VALUELESS, constant, literal, storage_llvm
from compiler.types import hir, model
from compiler.types.hir import Const, Expr
from compiler.types.model import BOOL, NORETURN, FloatType, IntType


SCALARS = ("i8", "i16", "i32", "i64", "ptr")


def field_owner(expr: Expr) -> Any:
    """The local that refers to the object of which this is a plain field, else None."""
    while isinstance(expr, hir.Conv) and expr.op == "same":
        expr = expr.operand
    if not isinstance(expr, hir.Load) or expr.volatile or expr.storage is BOOL:
        return None
    base = expr.addr
    while isinstance(base, hir.Offset) or isinstance(base, hir.Conv) and base.op == "same":
        base = base.base if isinstance(base, hir.Offset) else base.operand
    if not isinstance(base, hir.VarGet):
        return None
    ty = base.var.ty
    owner = ty.inner if isinstance(ty, model.OptionalType) else ty
    return base.var if isinstance(owner, model.ClassType) else None


class ExpressionMixin:
    # -- expressions --------------------------------------------------------------------------------------------
    def value(self: Any, expr: Expr) -> str:
        if expr.line:
            self.at(expr.line)
        return str(getattr(self, f"e_{type(expr).__name__}")(expr))

    def typed(self: Any, expr: Expr) -> str:
        return f"{expr.ty.llvm} {self.value(expr)}"

    def e_Const(self: Any, e: Any) -> str:
        if e.ty is model.UNTYPED:
            return str(int(e.value))
        return literal(e.ty, e.value)

    def e_StrLit(self: Any, e: Any) -> str:
        return constant(self.module, e)

    def e_VarGet(self: Any, e: Any) -> str:
        if e.var.ty in VALUELESS:
            return "poison"
        return self.ins(f"load {e.var.ty.llvm}, ptr %v{e.var.number}")

    def e_VarAddr(self: Any, e: Any) -> str:
        return f"%v{e.var.number}"

    def e_GlobalAddr(self: Any, e: Any) -> str:
        if self.module.is_thread_local(e.glob):
            return self._thread_address(e.glob)
        return str(self.module.use_global(e.glob))

    def _thread_address(self: Any, glob: Any) -> str:
        name = self.module.use_global(glob)
        self.module.declare("@llvm.threadlocal.address.p0", "declare nonnull ptr @llvm.threadlocal.address.p0(ptr nonnull)")
        return self.ins(f"call ptr @llvm.threadlocal.address.p0(ptr {name})")

    def e_FnAddr(self: Any, e: Any) -> str:
        return str(self.module.use_function(e.fn))

    def e_VtableAddr(self: Any, e: Any) -> str:
        return constant(self.module, e)

    def e_SiteAddr(self: Any, e: Any) -> str:
        return constant(self.module, e)

    def e_StackSlot(self: Any, e: Any) -> str:
        return f"%s{e.slot.number}"

    def e_CoreAddr(self: Any, e: Any) -> str:
        glob = e.glob
        if glob.ty.kind == "thread" and self.kind == "user":
            return str(self._thread_address(glob))
        name = self.module.use_global(glob)
        if self.kind != "kernel":
            return self._of_thread(str(name), glob, e.core)
        if e.core is None:
            delta = self._this_core_delta()
        else:
            index = self.value(e.core)
            table = self.module.declare("@percore_deltas", "@percore_deltas = external dso_local global [256 x i64]")
            slot = self.ins(f"getelementptr i64, ptr {table}, i64 {index}")
            delta = self.ins(f"load i64, ptr {slot}")
        return self.ins(f"getelementptr i8, ptr {name}, i64 {delta}")

    def _of_thread(self: Any, name: str, glob: Any, core: Any) -> str:
        """A hosted world's: an array by the number of the host's thread."""
        from compiler.lower.module import host_stride

        if core is None:
            self.module.declare("@host_thread", "declare i64 @host_thread() nounwind")
        index = self.ins("call i64 @host_thread()") if core is None else self.value(core)
        return self.ins(f"getelementptr [{host_stride(glob.ty)} x i8], ptr {name}, i64 {index}")

    def _this_core_delta(self: Any) -> str:
        if self.arch == "riscv":
            # The core's base is in tp, and a thread that blocks may come back on another core. To LLVM a register that nothing writes is a
            # constant, which it takes out of loops and keeps over calls; so each read is an empty piece of assembly that "writes" tp.
            return self.ins('call i64 asm sideeffect "", "={x4}"()')
        self.module.declare("@percore_delta", "@percore_delta = external dso_local global i64")
        return self.ins("load i64, ptr addrspace(256) inttoptr (i64 ptrtoint (ptr @percore_delta to i64) to ptr addrspace(256))")

    def pointer(self: Any, addr: Expr) -> str:
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

    def e_Load(self: Any, e: Any) -> str:
        pointer = self.pointer(e.addr)
        if e.line:
            self.at(e.line)
        kind = "volatile " if e.volatile else ""
        found = self.ins(f"load {kind}{storage_llvm(e.storage)}, {pointer}, align {max(e.storage.align, 1)}")
        return self.ins(f"icmp ne i8 {found}, 0") if e.storage is BOOL else found

    def e_Offset(self: Any, e: Any) -> str:
        base = self.value(e.base)
        return self.ins(f"getelementptr i8, ptr {base}, i64 {e.offset}") if e.offset else base

    def e_Index(self: Any, e: Any) -> str:
        base, index = self.value(e.base), self.value(e.index)
        scale = e.scale
        if scale in (1, 2, 4, 8):
            return self.ins(f"getelementptr i{8 * scale}, ptr {base}, i64 {index}")
        return self.ins(f"getelementptr [{scale} x i8], ptr {base}, i64 {index}")

    def e_Part(self: Any, e: Any) -> str:
        whole = e.whole
        if isinstance(whole, hir.Make):
            values = [self.value(p) for p in whole.parts]
            return values[e.index]
        value = self.value(whole)
        return self.ins(f"extractvalue {whole.ty.llvm} {value}, {e.index}")

    def e_Make(self: Any, e: Any) -> str:
        values = [self.value(p) for p in e.parts]
        found = "poison"
        for i, (part, value) in enumerate(zip(e.parts, values, strict=True)):
            kind = "ptr" if e.ty.llvm == "{ptr, i64}" and i == 0 else part.ty.llvm
            found = self.ins(f"insertvalue {e.ty.llvm} {found}, {kind} {value}, {i}")
        return found

    def e_Seq(self: Any, e: Any) -> str:
        self.statements(e.body)
        return self.value(e.result)

    def e_Conv(self: Any, e: Any) -> str:
        value = self.value(e.operand)
        have, want = e.operand.ty.llvm, e.ty.llvm
        if e.op in ("same", "lent"):
            return value
        if e.op == "ptrtoint":
            return self.ins(f"ptrtoint ptr {value} to i64")
        if e.op == "inttoptr":
            return self.ins(f"inttoptr i64 {value} to ptr")
        if e.op in ("fptosi", "fptoui"):
            suffix = f"{want}.{'f64' if have == 'double' else 'f32'}"
            name = f"@llvm.{e.op}.sat.{suffix}"
            self.module.declare(name, f"declare {want} {name}({have})")
            return self.ins(f"call {want} {name}({have} {value})")
        if have == want:
            return value
        if e.op == "uitofp" and have == "i64" and self.module.world.processor == "x86_64":
            return self._float_of_unsigned(value, want)
        return self.ins(f"{e.op} {have} {value} to {want}")

    def _float_of_unsigned(self: Any, value: str, want: str) -> str:
        """Only signed numbers have an instruction here: the upper half is halved (keeping the lowest bit for rounding) and doubled."""
        small, large, end = self.new_label("signed"), self.new_label("unsigned"), self.new_label("converted")
        self.branch(self._unlikely(self.ins(f"icmp slt i64 {value}, 0")), large, small)
        self.start(large)
        half = self.ins(f"or i64 {self.ins(f'lshr i64 {value}, 1')}, {self.ins(f'and i64 {value}, 1')}")
        half = self.ins(f"sitofp i64 {half} to {want}")
        doubled = self.ins(f"fadd {want} {half}, {half}")
        self.jump(end)
        self.start(small)
        plain = self.ins(f"sitofp i64 {value} to {want}")
        self.jump(end)
        self.start(end)
        return self.ins(f"phi {want} [{plain}, %{small}], [{doubled}, %{large}]")

    # -- arithmetic ---------------------------------------------------------------------------------------------
    def e_Bin(self: Any, e: Any) -> str:
        left, right = self.value(e.left), self.value(e.right)
        ty = e.ty.llvm
        if e.op in ("floordiv", "floormod"):
            return self._floor(e, left, right)
        if e.op == "fmod":
            return self._fmod(ty, left, right)
        if e.op == "lshr" and e.right.ty.llvm != ty:
            right = literal(e.ty, e.right.value) if isinstance(e.right, Const) else right
        if e.op in ("shl", "lshr", "ashr") and not isinstance(e.right, Const):
            # What is past the width is an error in checked builds; in release ones it must not become LLVM's poison.
            right = self.ins(f"and {ty} {right}, {e.ty.size * 8 - 1}")
        return self.ins(f"{e.op.removesuffix('.wrap')} {ty} {left}, {right}")

    def _floor(self: Any, e: Any, left: str, right: str) -> str:
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
            minus = self.ins(f"icmp eq {ty} {right}, -1")  # the least value // -1 traps on x86
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

    def _fmod(self: Any, ty: str, left: str, right: str) -> str:
        rest = self.ins(f"frem {ty} {left}, {right}")
        nonzero = self.ins(f"fcmp une {ty} {rest}, 0.0")
        a, b = self.ins(f"fcmp olt {ty} {rest}, 0.0"), self.ins(f"fcmp olt {ty} {right}, 0.0")
        adjust = self.ins(f"and i1 {nonzero}, {self.ins(f'xor i1 {a}, {b}')}")
        moved = self.ins(f"select i1 {adjust}, {ty} {self.ins(f'fadd {ty} {rest}, {right}')}, {ty} {rest}")
        zero = self.ins(f"select i1 {b}, {ty} -0.0, {ty} 0.0")  # a zero has the divisor's sign
        return self.ins(f"select i1 {nonzero}, {ty} {moved}, {ty} {zero}")

    def e_Cmp(self: Any, e: Any) -> str:
        left, right = self.value(e.left), self.value(e.right)
        ty = e.left.ty
        code = "fcmp" if isinstance(ty, FloatType) else "icmp"
        return self.ins(f"{code} {e.pred} {ty.llvm} {left}, {right}")

    def e_Not(self: Any, e: Any) -> str:
        value = self.value(e.operand)
        return {"true": "false", "false": "true"}.get(value) or self.ins(f"xor i1 {value}, true")

    def e_Logic(self: Any, e: Any) -> str:
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

    def e_Cond(self: Any, e: Any) -> str:
        test = self.value(e.test)
        if self.dead:
            return "poison"
        if e.ty.llvm in SCALARS and (owner := field_owner(e.then)) is not None and owner is field_owner(e.other):
            # Whichever it is, the object is there to be read: both fields are, and the wait is not for an address that depends on the test.
            then, other = (self.ins(f"freeze {e.ty.llvm} {self.value(part)}") for part in (e.then, e.other))
            return self.ins(f"select i1 {test}, {e.ty.llvm} {then}, {e.ty.llvm} {other}")
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
