# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads compiled objects into this process with LLVM's MCJIT, and calls into them so that they cannot take it down.

Objects come from the same cache and code generator as the kernel's. `exit` and `write`, through which a hosted world ends
and prints, are given here: during a guarded call `exit` jumps back to the caller (setjmp and longjmp cross compiled frames
only, never Python's), and what is written can be captured. One guarded call at a time in one engine.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from compiler.backend.cache import Cache
from compiler.backend.codegen import CodegenPool, Job, emit, object_key
from compiler.backend.target import Target

LEVEL = 1
JMP_BUF_BYTES = 512  # more than any host C library needs (glibc on x86_64: 200)
HOST_THREADS = 16  # as compiler/lower/module.py lays out what each thread has of its own

RETURNED, RAISED, EXITED = 0, 1, 2

GUARD = f"""
@"host.guard" = global [{HOST_THREADS} x ptr] zeroinitializer
@"host.status" = global i32 0
@"host.write" = global ptr null
@"host.missing" = global ptr null
@"host.thread" = global ptr null
@"host.exit" = global ptr null

declare i32 @_setjmp(ptr) returns_twice
declare void @longjmp(ptr, i32) noreturn
declare void @_exit(i32) noreturn

define i64 @host_thread() {{
  %hook = load ptr, ptr @"host.thread"
  %none = icmp eq ptr %hook, null
  br i1 %none, label %first, label %ask
first:
  ret i64 0
ask:
  %number = call i64 %hook()
  ret i64 %number
}}

define ptr @"host.guard.mine"() {{
  %number = call i64 @host_thread()
  %mine = getelementptr ptr, ptr @"host.guard", i64 %number
  ret ptr %mine
}}

define void @exit(i32 %status) noreturn {{
  %hook = load ptr, ptr @"host.exit"
  %unhooked = icmp eq ptr %hook, null
  br i1 %unhooked, label %look, label %ask
ask:
  call void %hook()
  br label %look
look:
  %guard = call ptr @"host.guard.mine"()
  %buffer = load ptr, ptr %guard
  %none = icmp eq ptr %buffer, null
  br i1 %none, label %leave, label %jump
leave:
  call void @_exit(i32 %status)
  unreachable
jump:
  store i32 %status, ptr @"host.status"
  call void @longjmp(ptr %buffer, i32 1)
  unreachable
}}

define i64 @write(i32 %fd, i64 %data, i64 %size) {{
  %hook = load ptr, ptr @"host.write"
  %done = call i64 %hook(i32 %fd, i64 %data, i64 %size)
  ret i64 %done
}}

define i32 @"host.enter"(ptr %thunk, ptr %arguments, ptr %result) returns_twice {{
  %buffer = alloca [{JMP_BUF_BYTES} x i8], align 16
  %guard = call ptr @"host.guard.mine"()
  %outer = load volatile ptr, ptr %guard
  store volatile ptr %buffer, ptr %guard
  %again = call i32 @_setjmp(ptr %buffer) returns_twice
  %first = icmp eq i32 %again, 0
  br i1 %first, label %go, label %back
go:
  %raised = call i1 %thunk(ptr %arguments, ptr %result)
  store volatile ptr %outer, ptr %guard
  %status = zext i1 %raised to i32
  ret i32 %status
back:
  store volatile ptr %outer, ptr %guard
  ret i32 {EXITED}
}}
"""


# Coroutines: setjmp and longjmp between stacks, which getcontext's kin only enter the first time (they ask the system for the signal mask).
SWITCH = """
declare i32 @_setjmp(ptr) returns_twice
declare void @longjmp(ptr, i32) noreturn
declare i32 @getcontext(ptr)
declare void @makecontext(ptr, ptr, i32, ...)
declare i32 @setcontext(ptr)

define void @host_switch(i64 %leave, i64 %enter) noinline {
  %from = inttoptr i64 %leave to ptr
  %to = inttoptr i64 %enter to ptr
  %again = call i32 @_setjmp(ptr %from) returns_twice
  %first = icmp eq i32 %again, 0
  br i1 %first, label %go, label %back
go:
  call void @longjmp(ptr %to, i32 1)
  unreachable
back:
  ret void
}

define void @host_first_switch(i64 %leave, i64 %context, i64 %stack, i64 %size, i64 %entry) noinline {
  %from = inttoptr i64 %leave to ptr
  %again = call i32 @_setjmp(ptr %from) returns_twice
  %first = icmp eq i32 %again, 0
  br i1 %first, label %go, label %back
go:
  %c = inttoptr i64 %context to ptr
  %got = call i32 @getcontext(ptr %c)
  %link = getelementptr i64, ptr %c, i64 1
  store i64 0, ptr %link
  %stack.base = getelementptr i64, ptr %c, i64 2
  store i64 %stack, ptr %stack.base
  %stack.size = getelementptr i64, ptr %c, i64 4
  store i64 %size, ptr %stack.size
  %code = inttoptr i64 %entry to ptr
  call void (ptr, ptr, i32, ...) @makecontext(ptr %c, ptr %code, i32 0)
  %set = call i32 @setcontext(ptr %c)
  unreachable
back:
  ret void
}
"""


def host_target() -> Target:
    """The machine that this runs on. The large code model, because libraries may be further than 2 GiB away."""
    import llvmlite.binding as llvm

    return Target(llvm.get_process_triple(), "", "", "large", "", (), ())


class CodegenFailed(Exception):
    """The code generator refused a module."""


class Engine:
    """Some modules, loaded. `missing` are the functions that the host does not have: calling one ends the call."""

    def __init__(self, modules: Mapping[str, str], cache: Cache, in_process: bool = False, level: int = LEVEL) -> None:
        import llvmlite.binding as llvm

        self.llvm = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.target = host_target()
        self.level = level
        self.output: list[tuple[int, bytes]] | None = None  # what is written is captured here; None: let it through
        self.keep: list[object] = []
        machine = llvm.Target.from_triple(self.target.triple).create_target_machine(codemodel="large", jit=True)
        backing = llvm.parse_assembly(f'target triple = "{self.target.triple}"')
        self.engine = llvm.create_mcjit_compiler(backing, machine)
        self.missing: list[str] = []
        self.defined: set[str] = set()
        self.add({**modules, "host.guard": GUARD, "host.switch": SWITCH}, cache, in_process)
        self._install_hooks()

    def add(self, modules: Mapping[str, str], cache: Cache, in_process: bool = False) -> None:
        """Load more modules, which may use what is loaded."""
        objects = [p.read_bytes() for p in self._compile(modules, cache, in_process)]
        self.defined.update(*(_defined(data) for data in objects))
        missing = sorted({n for data in objects for n in _undefined(data)} - self.defined)
        missing = [name for name in missing if not self.llvm.address_of_symbol(name)]
        if missing:
            self.missing += missing
            self.defined.update(missing)
            objects += [p.read_bytes() for p in self._compile({"host.missing": _stubs(missing)}, cache, in_process)]
        for data in objects:
            self.keep.append(data)
            self.engine.add_object_file(self.llvm.ObjectFileRef.from_data(data))
        self.engine.finalize_object()

    def _compile(self, modules: Mapping[str, str], cache: Cache, in_process: bool) -> list[Path]:
        from importlib.metadata import version

        llvm_version = "llvmlite " + version("llvmlite")
        keys = {name: object_key(ir, self.target, self.level, llvm_version) for name, ir in modules.items()}
        jobs = []
        for name, key in keys.items():
            if cache.find(key) is None:
                if in_process:
                    cache.put(key, emit(modules[name], self.target, self.level)[0])
                else:
                    jobs.append(Job(name, cache.put(key, modules[name].encode(), ".ll"), key, self.target, self.level))
        if jobs:
            with CodegenPool(cache) as pool:
                for outcome in pool.run(jobs):
                    if outcome.error:
                        raise CodegenFailed(f"{outcome.job.module}: {outcome.error}")
        return [cache.path(key) for key in keys.values()]

    def _install_hooks(self) -> None:
        prototype = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int32, ctypes.c_int64, ctypes.c_int64)
        self._hook = prototype(self._write)
        ctypes.c_void_p.from_address(self.address("host.write")).value = ctypes.cast(self._hook, ctypes.c_void_p).value
        enter = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self._enter = enter(self.address("host.enter"))

    def set_hooks(self, thread: int, leave: int, write: int = 0) -> None:
        """Functions of compiled or other code: which thread calls, what to do first at `exit`, and where output goes (0: as before)."""
        for name, value in (("host.thread", thread), ("host.exit", leave), ("host.write", write)):
            if value or name != "host.write":
                ctypes.c_void_p.from_address(self.address(name)).value = value or None

    def _write(self, fd: int, data: int, size: int) -> int:
        if self.output is None:
            return os.write(fd, ctypes.string_at(data, size))
        self.output.append((fd, ctypes.string_at(data, size)))
        return size

    def address(self, symbol: str) -> int:
        """Where a function or variable is; 0 if there is none of that name."""
        return self.engine.get_function_address(symbol) or self.engine.get_global_value_address(symbol)

    def add_thunk(self, name: str, ir: str, cache: Cache) -> int:
        """Compile a few lines of IR that call into the loaded code; the address of its function `name`."""
        (path,) = self._compile({name: ir}, cache, in_process=True)
        data = path.read_bytes()
        self.keep.append(data)
        self.engine.add_object_file(self.llvm.ObjectFileRef.from_data(data))
        self.engine.finalize_object()
        return self.address(name)

    def enter(self, thunk: int, arguments: int, result: int) -> int:
        """Call a thunk: RETURNED, RAISED, or EXITED (then `exit_status` tells with what)."""
        return self._enter(thunk, arguments, result)

    @property
    def enter_address(self) -> int:
        return self.address("host.enter")

    @property
    def exit_status(self) -> int:
        return ctypes.c_int32.from_address(self.address("host.status")).value

    def missing_call(self) -> str:
        """The name of the missing function that the last call ran into, or "". Forgets it."""
        cell = ctypes.c_void_p.from_address(self.address("host.missing"))
        name = ctypes.string_at(cell.value).decode() if cell.value else ""
        cell.value = None
        return name

    def start(self, arguments: list[str]) -> int:
        """Run a hosted program unguarded in this process, which its `exit` ends. Its status if it returns."""
        ctypes.c_void_p.from_address(self.address("host.write")).value = self.llvm.address_of_symbol("write")
        words = [a.encode() + b"\0" for a in arguments]
        buffers = [ctypes.create_string_buffer(w, len(w)) for w in words]
        table = (ctypes.c_uint64 * (len(buffers) + 1))(*[ctypes.addressof(b) for b in buffers], 0)
        main: Callable[..., int] = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32, ctypes.c_void_p)(self.address("hosted_start"))
        return main(len(buffers), ctypes.addressof(table))


def _undefined(data: bytes) -> set[str]:
    from compiler.backend.elf import Elf

    return {s.name for s in Elf(data).symbols() if s.section == 0}


def _defined(data: bytes) -> set[str]:
    from compiler.backend.elf import Elf

    return {s.name for s in Elf(data).symbols() if s.section != 0 and s.binding}


def _stubs(names: list[str]) -> str:
    """Definitions for functions that the host has not: each notes its name and leaves the guarded call."""
    out = ['@"host.missing" = external global ptr', "declare void @exit(i32) noreturn"]
    for number, name in enumerate(names):
        raw = name.encode()
        text = "".join(f"\\{b:02X}" for b in raw)
        out += [
            f'@"host.name.{number}" = private constant [{len(raw) + 1} x i8] c"{text}\\00"',
            f'define void @"{name}"() noreturn {{',
            f'  store ptr @"host.name.{number}", ptr @"host.missing"',
            "  call void @exit(i32 102)",
            "  unreachable",
            "}",
        ]
    return "\n".join(out) + "\n"
