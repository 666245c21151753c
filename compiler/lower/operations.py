# SPDX-License-Identifier: GPL-2.0-or-later
"""IR of calls, atomics and intrinsics."""

from __future__ import annotations

from typing import Any

from compiler.lower.values import VALUELESS, storage_llvm
from compiler.types.model import BOOL, NORETURN, Type


class OperationMixin:
    # -- calls --------------------------------------------------------------------------------------------------
    def e_Call(self: Any, e: Any) -> str:
        fn = e.fn
        args = [self.value(a) for a in e.args]
        line = e.line
        self.calls += not self.module.inlines(fn)
        typed = ", ".join(f"{self.module.param_type(fn, v.ty)} {a}" for v, a in zip(fn.params, args, strict=True) if v.ty not in VALUELESS)
        if self.dead:
            return "poison"
        if line:
            self.at(line)
        return self._call(self.module.use_function(fn), typed, fn.result, fn.raises, self.module.return_type(fn))

    def _call(self: Any, target: str, args: str, result: Type, raises: bool, kind: str) -> str:
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
        self.branch(self._unlikely(flag), landing, fine)
        self.start(fine)
        if result is NORETURN:
            self.do("unreachable")
            self.dead = True
        return "poison" if result in VALUELESS else self.ins(f"extractvalue {kind} {found}, 0")

    def e_CallPtr(self: Any, e: Any) -> str:
        from compiler.lower.module import result_llvm

        self.calls += 1
        target = self.value(e.target)
        args = ", ".join(f"{a.ty.llvm} {self.value(a)}" for a in e.args)
        if self.dead:
            return "poison"
        if e.line:
            self.at(e.line)
        return self._call(target, args, e.sig.result, e.sig.raises, result_llvm(e.sig.result, e.sig.raises))

    def e_CallVirtual(self: Any, e: Any) -> str:
        from compiler.lower.module import result_llvm

        self.calls += 1
        receiver = self.value(e.receiver)
        args = "".join(f", {a.ty.llvm} {self.value(a)}" for a in e.args)
        if self.dead:
            return "poison"
        if e.line:
            self.at(e.line)
        only = self.module.only_target(e.group, e.receiver.ty)
        if only is not None:
            kind = self.module.return_type(only)
            return self._call(self.module.use_function(only), f"ptr {receiver}{args}", only.result, only.raises, kind)
        table = self.ins(f"load ptr, ptr {receiver}")
        entry = self.ins(f"getelementptr ptr, ptr {table}, i64 {e.group.slot}")
        target = self.ins(f"load ptr, ptr {entry}")
        result = e.group.signature.result
        return self._call(target, f"ptr {receiver}{args}", result, e.group.raises, result_llvm(result, e.group.raises))

    # -- atomics and intrinsics ---------------------------------------------------------------------------------
    def e_AtomicOp(self: Any, e: Any) -> str:
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

    def e_Intrinsic(self: Any, e: Any) -> str:
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

    def i_fneg(self: Any, e: Any) -> str:
        return self.ins(f"fneg {e.ty.llvm} {self.value(e.args[0])}")

    def i_fence(self: Any, e: Any) -> str:
        order = e.args[0].data.decode()
        if order != "monotonic":
            self.do(f"fence {order}")
        return "poison"

    def i_compiler_fence(self: Any, e: Any) -> str:
        self.do('fence syncscope("singlethread") seq_cst')
        return "poison"

    def i_pause(self: Any, e: Any) -> str:
        name = {"x86_64": "@llvm.x86.sse2.pause", "riscv": "@llvm.riscv.pause"}.get(self.module.world.processor)
        if name is not None:
            self.module.declare(name, f"declare void {name}()")
            self.do(f"call void {name}()")
        return "poison"

    def i_readcyclecounter(self: Any, e: Any) -> str:
        # On RISC-V the counter that all harts share; cycles differ from one to the next, and with the clock's rate.
        name = "@llvm.readsteadycounter" if self.module.world.processor == "riscv" else "@llvm.readcyclecounter"
        self.module.declare(name, f"declare i64 {name}()")
        return self.ins(f"call i64 {name}()")

    def i_mul_high(self: Any, e: Any) -> str:
        a, b = (self.value(x) for x in e.args)
        wide = [self.ins(f"zext i64 {x} to i128") for x in (a, b)]
        product = self.ins(f"mul i128 {wide[0]}, {wide[1]}")
        return self.ins(f"trunc i128 {self.ins(f'lshr i128 {product}, 64')} to i64")

    def i_frameaddress(self: Any, e: Any) -> str:
        self.module.declare("@llvm.frameaddress.p0", "declare ptr @llvm.frameaddress.p0(i32)")
        return self.ins("call ptr @llvm.frameaddress.p0(i32 0)")

    def i_returnaddress(self: Any, e: Any) -> str:
        self.module.declare("@llvm.returnaddress", "declare ptr @llvm.returnaddress(i32)")
        return self.ins("call ptr @llvm.returnaddress(i32 0)")

    def i_thread_pointer(self: Any, e: Any) -> str:
        self.module.declare("@llvm.thread.pointer.p0", "declare ptr @llvm.thread.pointer.p0()")
        return self.ins("call ptr @llvm.thread.pointer.p0()")

    def _unlikely(self: Any, test: str) -> str:
        self.module.declare("@llvm.expect.i1", "declare i1 @llvm.expect.i1(i1, i1)")
        return str(self.ins(f"call i1 @llvm.expect.i1(i1 {test}, i1 false)"))

    def _expect(self: Any, e: Any, what: str) -> str:
        self.module.declare("@llvm.expect.i1", "declare i1 @llvm.expect.i1(i1, i1)")
        return self.ins(f"call i1 @llvm.expect.i1(i1 {self.value(e.args[0])}, i1 {what})")

    def i_likely(self: Any, e: Any) -> str:
        return self._expect(e, "true")

    def i_unlikely(self: Any, e: Any) -> str:
        return self._expect(e, "false")

    def i_memmove(self: Any, e: Any) -> str:
        a, b, n = (self.value(x) for x in e.args)
        self.module.declare("@llvm.memmove.p0.p0.i64", "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)")
        self.do(f"call void @llvm.memmove.p0.p0.i64(ptr align 1 {a}, ptr align 1 {b}, i64 {n}, i1 false)")
        return "poison"

    def i_memset(self: Any, e: Any) -> str:
        a, v, n = (self.value(x) for x in e.args)
        self.module.declare("@llvm.memset.p0.i64", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        self.do(f"call void @llvm.memset.p0.i64(ptr align 1 {a}, i8 {v}, i64 {n}, i1 false)")
        return "poison"
