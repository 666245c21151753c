# SPDX-License-Identifier: GPL-2.0-or-later
"""Lowering for the interleaving explorer: each access to memory, fence and pause becomes a call of compiler/runtime/explorer/hooks.py.

A load asks where to take its bytes from, a store hands its bytes over, an atomic operation stands between two calls. Locals whose
address nobody has are LLVM's own and stay as they are.
"""

from __future__ import annotations

from typing import Any

from compiler.lower.function import FunctionEmitter
from compiler.lower.values import storage_llvm
from compiler.types import hir
from compiler.types.hir import Expr
from compiler.types.model import BOOL, Type

ORDERS = {"plain": 0, "volatile": 1, "monotonic": 2, "acquire": 3, "release": 4, "acq_rel": 5, "seq_cst": 6}
DECLARED = {
    "explorer_read": "declare i64 @explorer_read(i64, i64, i32 zeroext, i64, i32 zeroext)",
    "explorer_write": "declare void @explorer_write(i64, i64, i64, i32 zeroext, i64, i32 zeroext)",
    "explorer_begin_change": "declare void @explorer_begin_change(i64, i64, i32 zeroext, i64, i32 zeroext)",
    "explorer_end_change": "declare void @explorer_end_change(i64, i64, i32 zeroext, i32 zeroext, i64, i32 zeroext)",
    "explorer_fence": "declare void @explorer_fence(i32 zeroext, i64, i32 zeroext)",
    "explorer_pause": "declare void @explorer_pause(i64, i32 zeroext)",
}


class ExploringEmitter(FunctionEmitter):
    def __init__(self, module: Any, fn: Any, scope: int) -> None:
        self.rooms: list[str] = []  # stack room for values on their way to memory
        super().__init__(module, fn, scope)

    def body(self) -> list[str]:
        entry, *rest = super().body()
        return [entry, *self.rooms, *rest]

    # -- calls of the explorer ------------------------------------------------------------------------------------
    def _hook(self, name: str, args: str) -> str:
        """The call, with the place in the source; its text."""
        self.module.declare(f"@{name}", DECLARED[name])
        file = self.module.string(self.fn.module.source.shown.encode() + b"\0")
        kind = "i64" if name == "explorer_read" else "void"
        return f"call {kind} @{name}({args}{', ' if args else ''}i64 ptrtoint (ptr {file} to i64), i32 {self.line})"

    def _address(self, pointer: str) -> str:
        return self.ins(f"ptrtoint ptr {pointer} to i64")

    def _readable(self, pointer: str, size: str, order: str) -> str:
        """Where to take the bytes from."""
        found = self.ins(self._hook("explorer_read", f"i64 {self._address(pointer)}, i64 {size}, i32 {ORDERS[order]}"))
        return self.ins(f"inttoptr i64 {found} to ptr")

    def _write(self, pointer: str, size: str, source: str, order: str) -> None:
        args = f"i64 {self._address(pointer)}, i64 {size}, i64 {self._address(source)}, i32 {ORDERS[order]}"
        self.do(self._hook("explorer_write", args))

    def _room(self, text: str) -> str:
        name = f"%room{len(self.rooms)}"
        self.rooms.append(f"  {name} = alloca {text}")
        return name

    def _write_value(self, pointer: str, ty: Type, value: str, order: str) -> None:
        room = self._room(f"{storage_llvm(ty)}, align {max(ty.align, 1)}")
        self.do(f"store {storage_llvm(ty)} {value}, ptr {room}, align {max(ty.align, 1)}")
        self._write(pointer, str(ty.size), room, order)

    # -- plain memory ---------------------------------------------------------------------------------------------
    def e_Load(self, e: Any) -> str:
        pointer = self.value(e.addr)
        if e.line:
            self.at(e.line)
        place = self._readable(pointer, str(e.storage.size), "volatile" if e.volatile else "plain")
        found = self.ins(f"load {storage_llvm(e.storage)}, ptr {place}, align 1")
        return self.ins(f"icmp ne i8 {found}, 0") if e.storage is BOOL else found

    def s_Store(self, node: Any) -> None:
        value = self.value(node.value)
        pointer = self.value(node.addr)
        self.at(node.line)
        if node.storage is BOOL:
            value = self.ins(f"zext i1 {value} to i8") if value not in ("true", "false") else str(int(value == "true"))
        if not self.dead:
            self._write_value(pointer, node.storage, value, "volatile" if node.volatile else "plain")

    def s_Zero(self, node: Any) -> None:
        pointer = self.value(node.addr)
        size = self.value(node.size) if isinstance(node.size, Expr) else str(node.size)
        if size != "0" and not self.dead:
            self._fill(pointer, "0", size)

    def _fill(self, pointer: str, byte: str, size: str) -> None:
        self.module.declare("@llvm.memset.p0.i64", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        source = self.ins(f"alloca i8, i64 {size}, align 8")
        self.do(f"call void @llvm.memset.p0.i64(ptr {source}, i8 {byte}, i64 {size}, i1 false)")
        self._write(pointer, size, source, "plain")

    def s_CopyBytes(self, node: Any) -> None:
        dst, src = self.value(node.dst), self.value(node.src)
        if node.size and not self.dead:
            self._copy(dst, src, str(node.size))

    def _copy(self, dst: str, src: str, size: str) -> None:
        # Read, keep aside, write: another thread may run in between, as it may between any two instructions.
        self.module.declare("@llvm.memmove.p0.p0.i64", "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)")
        aside = self.ins(f"alloca i8, i64 {size}, align 8")
        place = self._readable(src, size, "plain")
        self.do(f"call void @llvm.memmove.p0.p0.i64(ptr {aside}, ptr {place}, i64 {size}, i1 false)")
        self._write(dst, size, aside, "plain")

    def i_memmove(self, e: Any) -> str:
        dst, src, size = (self.value(x) for x in e.args)
        if not self.dead:
            self._copy(dst, src, size)
        return "poison"

    def i_memset(self, e: Any) -> str:
        pointer, byte, size = (self.value(x) for x in e.args)
        if not self.dead:
            self._fill(pointer, byte, size)
        return "poison"

    # -- atomics --------------------------------------------------------------------------------------------------
    def e_AtomicOp(self, e: hir.Expr) -> str:
        ty, kind = e.elem, storage_llvm(e.elem)
        if e.op == "load":
            place = self._readable(self.value(e.addr), str(ty.size), e.order)
            found = self.ins(f"load {kind}, ptr {place}, align 1")
            return self.ins(f"icmp ne i8 {found}, 0") if ty is BOOL else found
        if e.op == "store":
            pointer, value = self.value(e.addr), self.value(e.args[0])
            if ty is BOOL:
                value = self.ins(f"zext i1 {value} to i8")
            if not self.dead:
                self._write_value(pointer, ty, value, e.order)
            return "poison"
        return self._change(e, kind)

    def _change(self, e: Any, kind: str) -> str:
        """A read-and-write: done by the machine's own instruction, between two calls."""
        pointer = self.value(e.addr)
        args = [self.value(a) for a in e.args]
        if e.elem is BOOL:
            args = [self.ins(f"zext i1 {a} to i8") for a in args]
        where = f"i64 {self._address(pointer)}, i64 {e.elem.size}, i32 {ORDERS[e.order]}"
        self.do(self._hook("explorer_begin_change", where))
        if e.op == "cas":
            pair = self.ins(f"cmpxchg ptr {pointer}, {kind} {args[0]}, {kind} {args[1]} seq_cst seq_cst")
            done = self.ins(f"extractvalue {{{kind}, i1}} {pair}, 1")
            self.do(self._hook("explorer_end_change", f"{where}, i32 {self.ins(f'zext i1 {done} to i32')}"))
            return done
        found = self.ins(f"atomicrmw {e.op} ptr {pointer}, {kind} {args[0]} seq_cst")
        self.do(self._hook("explorer_end_change", f"{where}, i32 1"))
        return self.ins(f"icmp ne i8 {found}, 0") if e.elem is BOOL else found

    def i_fence(self, e: Any) -> str:
        self.do(self._hook("explorer_fence", f"i32 {ORDERS[e.args[0].data.decode()]}"))
        return "poison"

    def i_compiler_fence(self, e: Any) -> str:
        return "poison"  # orders nothing between processors

    def i_pause(self, e: Any) -> str:
        self.do(self._hook("explorer_pause", ""))
        return "poison"
