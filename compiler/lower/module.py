# SPDX-License-Identifier: GPL-2.0-or-later
"""One module's IR: its functions and globals, declarations of what it uses of others, copies of small functions to inline.

A function is defined in its home module only; another module that calls a small one gets an `available_externally` copy, which
LLVM may inline and never emits. What only a function around it can name (functions within functions, callees compiled for them) is
written where it is used, for that object alone. The text depends on nothing but the program, so it keys the object cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compiler.lower.debug import DebugInfo
from compiler.lower.explore import ExploringEmitter
from compiler.lower.function import FunctionEmitter
from compiler.lower.values import VALUELESS, constant, quote, storage_llvm
from compiler.types import hir, model
from compiler.types.decls import FnInst, GlobalDecl, ModuleDecl
from compiler.types.model import NORETURN, ClassType, IntType, Type


NOINLINE = 2  # its set of attributes
INLINE_SIZE = 16  # of a body that may be copied into other modules, as hir.size counts


def lower_modules(program: Any, only: str = "", emitted: set[Any] | None = None) -> dict[str, str]:
    """The IR of each module that has something to emit, or of the one that is named.

    `emitted` holds the functions, globals and vtables that were lowered before, and gets those lowered now.
    """
    emitted = set() if emitted is None else emitted
    by_module: dict[str, list[FnInst]] = {}
    for fn in program.functions:
        if fn.body is not None and fn not in emitted and not fn.local:
            by_module.setdefault(fn.module.name, []).append(fn)
    texts: dict[str, str] = {}
    for name in [only] if only else sorted(program.modules):
        module = program.modules[name]
        functions = sorted(by_module.get(name, []), key=lambda f: f.symbol)
        globs = [g for g in module.globals if g.ty is not None and g.const is None and g.entries != ["extern"] and g not in emitted]
        vtables = [c for c in program.vtables if c.decl.module is module and c not in emitted]
        if functions or globs or vtables:
            texts[name] = ModuleEmitter(program, module, functions, globs, vtables).text()
            emitted.update(functions, globs, vtables)
    return texts


HOST_THREADS = 16  # a hosted world's per-core and per-thread variables are arrays by the number of the host's thread


def host_stride(ty: Type) -> int:
    return (ty.size + ty.align - 1) // ty.align * ty.align


def for_each_thread(entries: list[Any], ty: Type) -> list[Any]:
    return [(i * host_stride(ty) + offset, *rest) for i in range(HOST_THREADS) for offset, *rest in entries]


def may_inline(fn: FnInst) -> bool:
    """Whether other modules get a copy to inline. (Functions that the compiler made have no declaration, and are called once.)"""
    if fn.body is None or fn.decl is None or fn.counted or fn.inline == "noinline" or fn.exported or fn.cold or fn.result is NORETURN:
        return False
    if fn.weight == 0:
        fn.weight = hir.size(fn.body, INLINE_SIZE) + 1
    return fn.inline == "inline" or fn.artificial or fn.weight <= INLINE_SIZE


class ModuleEmitter:
    def __init__(
        self, program: Any, module: ModuleDecl, functions: list[FnInst], globs: list[GlobalDecl], vtables: list[ClassType]
    ) -> None:
        self.program, self.module, self.functions, self.globs, self.vtables = program, module, functions, globs, vtables
        self.world = program.world
        self.parts: list[str] = []
        self.declared: dict[str, str] = {}
        self.strings: dict[bytes, str] = {}
        self.string_lines: list[str] = []
        self.site_lines: list[str] = []
        self.emitting = ""  # symbol of the function that is being lowered
        self.copies: list[FnInst] = []
        self.copied: set[int] = set()
        self.own = {id(f) for f in functions}
        self.own_globals = set(globs)
        self.debug = DebugInfo(program, module)

    def text(self) -> str:
        for glob in self.globs:
            self.parts.append(self._global(glob))
        self.debug.names(self.module)
        for cls in self.vtables:
            self.parts.append(self._vtable(cls))
        for fn in self.functions:
            self.parts.append(self._function(fn, ""))
        while self.copies:
            fn = self.copies.pop()
            self.parts.append(self._function(fn, "internal " if fn.local else "available_externally "))
        declared = [self.declared[k] for k in sorted(self.declared)]
        head = [f'source_filename = "{self.module.source.shown}"', *self.string_lines, *self.site_lines, *declared]
        return "\n".join([*head, *self.parts, self._attributes(), self.debug.text()]) + "\n"

    # -- functions ----------------------------------------------------------------------------------------------
    def _function(self, fn: FnInst, linkage: str) -> str:
        explored = self.world.explore and not fn.module.name.startswith("compiler.")
        # An artificial function has no lines: where it is inlined, LLVM gives its instructions the line of the call.
        scope = 0 if fn.artificial else self.debug.subprogram(fn)
        emitter = (ExploringEmitter if explored else FunctionEmitter)(self, fn, scope)
        self.emitting = self.symbol(fn)
        body = emitter.body()
        params = ", ".join(f"{self.param_type(fn, v.ty)} %a{v.number}" for v in fn.params if v.ty not in VALUELESS)
        place = "" if fn.artificial else f" !dbg !{scope}"
        if fn.counted:
            return self._counted(fn, linkage, params, [f"#{NOINLINE}{place} {{", *body, "}"])
        head = f"define {linkage}dso_local {self.return_type(fn)} {self.name(fn)}({params}) #{self._attribute_set(fn)}"
        return "\n".join([f"{head}{place} {{", *body, "}"])

    def _counted(self, fn: FnInst, linkage: str, params: str, body: list[str]) -> str:
        """The function behind one that does nothing but call it: the place to which it returns is that of no other function."""
        result, name = self.return_type(fn), "@" + quote(f"{self.symbol(fn)}.counted")
        inner = "\n".join([f"define internal {result} {name}({params}) {body[0]}", *body[1:]])
        scope = self.debug.subprogram(fn, ".outer")  # a breakpoint by the function's name is one in the inner
        place = f", !dbg !{self.debug.location(fn.line, scope)}"
        call = f"notail call {result} {name}({params}){place}"
        lines = [f"  {call}", f"  ret void{place}"] if result == "void" else [f"  %result = {call}", f"  ret {result} %result{place}"]
        outer = [f"define {linkage}dso_local {result} {self.name(fn)}({params}) #{NOINLINE} !dbg !{scope} {{", *lines, "}"]
        return "\n".join([inner, *outer])

    def _attribute_set(self, fn: FnInst) -> int:
        if fn.result is NORETURN or fn.cold:
            return 1
        if fn.artificial and self.world.checked:
            return 4  # reports tell its caller's line: it must be one with it
        if fn.inline == "noinline":
            return NOINLINE
        return 3 if fn.inline == "inline" else 0

    def _attributes(self) -> str:
        base = 'nounwind "frame-pointer"="all"' + (" noredzone null_pointer_is_valid" if self.world.kind == "kernel" else "")
        if self.world.checked:
            base += ' "disable-tail-calls"="true"'  # whole backtraces
            if self.world.kind != "hosted":
                base += " sspstrong"  # a canary in each frame that holds an object: mem.S has it, the world `__stack_chk_fail`
        return "\n".join(
            [
                f"attributes #0 = {{ {base} }}",
                f"attributes #1 = {{ cold noinline {base} }}",
                f"attributes #2 = {{ noinline {base} }}",
                f"attributes #3 = {{ inlinehint {base} }}",
                f"attributes #4 = {{ alwaysinline {base} }}",
            ]
        )

    def return_type(self, fn: Any) -> str:
        return result_llvm(fn.result, fn.raises, bool(fn.external or fn.exported))

    def param_type(self, fn: FnInst, ty: Type) -> str:
        return extended(ty) if fn.external or fn.exported else ty.llvm

    @staticmethod
    def symbol(fn: FnInst) -> str:
        return fn.external or fn.exported or fn.symbol

    def name(self, fn: FnInst) -> str:
        return "@" + quote(self.symbol(fn))

    def use_function(self, fn: FnInst) -> str:
        """The function's name here; declares it, or copies it in to be inlined."""
        if id(fn) not in self.own and id(fn) not in self.copied:
            if fn.local or may_inline(fn):
                self.copied.add(id(fn))
                self.copies.append(fn)
            else:
                params = ", ".join(self.param_type(fn, v.ty) for v in fn.params if v.ty not in VALUELESS)
                noreturn = " noreturn" if fn.result is NORETURN and not fn.raises else ""  # an error comes back
                self.declared[self.name(fn)] = f"declare dso_local {self.return_type(fn)} {self.name(fn)}({params}){noreturn} nounwind"
        return self.name(fn)

    @staticmethod
    def inlines(fn: FnInst) -> bool:
        return may_inline(fn)

    def only_target(self, group: Any, cls: ClassType) -> FnInst | None:
        """What a virtual call reaches, if all objects of the class that this world makes have the same method there."""
        found: set[FnInst | None] = set()
        for made in self.program.vtables:
            if cls in ancestry(made):
                _, owner, method = made.vtable[group.slot]
                found.add(None if method.is_abstract else method.plain_instance(owner))
        return found.pop() if len(found) == 1 else None

    def declare(self, name: str, text: str) -> str:
        self.declared[name] = text
        return name

    # -- globals ------------------------------------------------------------------------------------------------
    def use_global(self, glob: GlobalDecl) -> str:
        name = "@" + quote(glob.symbol)
        if glob not in self.own_globals:
            local = " thread_local(localexec)" if self.is_thread_local(glob) else ""
            size = max(glob.ty.size, 1) if glob.ty is not None else 1
            self.declared[name] = f"{name} = external dso_local{local} global [{size} x i8]"
        return name

    def is_thread_local(self, glob: GlobalDecl) -> bool:
        return isinstance(glob.ty, model.PerCoreType) and glob.ty.kind == "thread" and self.world.kind == "user"

    def _global(self, glob: GlobalDecl) -> str:
        ty = glob.ty
        assert ty is not None
        self.program.layouts.ensure(ty)
        name, section, local = "@" + quote(glob.symbol), "", ""
        if isinstance(ty, model.PerCoreType):
            if ty.kind == "core" and self.world.kind == "kernel":
                section = f', section ".percpu.{glob.symbol}"'  # its own, so that the linker drops what nobody uses
            local = "thread_local(localexec) " if self.is_thread_local(glob) else ""
        if isinstance(ty, model.RegistryType):
            return self._registry(glob, name)
        kind, value = self.contents(glob.init or [], ty.size)
        if isinstance(ty, model.PerCoreType) and self.world.kind == "hosted":
            kind, value = self.contents(for_each_thread(glob.init or [], ty), host_stride(ty) * HOST_THREADS)
        constant = "constant" if glob.entries == ["constant"] else "global"
        return f"{name} = dso_local {local}{constant} {kind} {value}{section}, align {max(ty.align, 1)}{self.debug.variable_at(glob)}"

    def _registry(self, glob: GlobalDecl, name: str) -> str:
        entries = ", ".join(f"ptr {constant(self, e)}" for e in glob.entries)
        table = "@" + quote(glob.symbol + ".entries")
        count = len(glob.entries)
        value = f"[{entries}]" if count else "zeroinitializer"
        return (
            f"{table} = dso_local constant [{count} x ptr] {value}\n"
            f"{name} = dso_local constant {{ptr, i64}} {{ptr {table}, i64 {count}}}{self.debug.variable_at(glob)}"
        )

    def contents(self, entries: list[Any], size: int) -> tuple[str, str]:
        """LLVM type and value of a global whose listed places are not zero."""
        if not entries:
            return f"[{max(size, 1)} x i8]", "zeroinitializer"
        kinds, values, at = [], [], 0
        for offset, storage, value in sorted(entries, key=lambda e: e[0]):
            if offset > at:
                kinds.append(f"[{offset - at} x i8]")
                values.append(f"[{offset - at} x i8] zeroinitializer")
            kind = storage_llvm(storage)
            kinds.append(kind)
            values.append(f"{kind} {constant(self, value, memory=True)}")
            at = offset + storage.size
        if size > at:
            kinds.append(f"[{size - at} x i8]")
            values.append(f"[{size - at} x i8] zeroinitializer")
        return f"<{{{', '.join(kinds)}}}>", f"<{{{', '.join(values)}}}>"

    # -- constants ----------------------------------------------------------------------------------------------
    def string(self, data: bytes) -> str:
        """Address of constant bytes. Those that end in their only NUL the linker merges across modules."""
        found = self.strings.get(data)
        if found is None:
            found = self.strings[data] = f"@.str.{len(self.strings)}"
            shown = "".join(chr(b) if 32 <= b < 127 and b not in (34, 92) else f"\\{b:02X}" for b in data)
            self.string_lines.append(f'{found} = private unnamed_addr constant [{len(data)} x i8] c"{shown}"')
        return found

    def check_site(self, site: Any) -> str:
        """Address of the constant that describes a check: the layout of `CheckSite` in compiler/runtime/checks.py."""
        texts = ", ".join(f"ptr {self.string(text.encode() + bytes(1))}" for text in (site.what, site.file, site.function))
        name = f"@.site.{len(self.site_lines)}"
        # A section for each function's, so that the linker drops them with it.
        section = f', section ".rodata.checks.{self.emitting}"'
        self.site_lines.append(f"{name} = private constant {{ptr, ptr, ptr, i32}} {{{texts}, i32 {site.line}}}{section}")
        return name

    def vtable(self, cls: ClassType) -> str:
        name = "@" + quote(f"{cls.decl.module.name}.{cls.symbol}.vtable")
        if cls.decl.module is not self.module:
            self.declared[name] = f"{name} = external dso_local constant [{len(cls.vtable)} x ptr]"
        return name

    def _vtable(self, cls: ClassType) -> str:
        slots = []
        for _, owner, method in cls.vtable:
            inst = method.plain_instance(owner)
            slots.append(f"ptr {self.use_function(inst)}" if inst is not None and not method.is_abstract else "ptr null")
        name = "@" + quote(f"{cls.decl.module.name}.{cls.symbol}.vtable")
        return f"{name} = dso_local constant [{len(slots)} x ptr] [{', '.join(slots)}]"


def ancestry(cls: ClassType | None) -> Iterator[ClassType]:
    """The class and its bases."""
    while cls is not None:
        yield cls
        cls = cls.base


def result_llvm(result: Type, raises: bool, c_abi: bool = False) -> str:
    if result in VALUELESS:
        return "i1" if raises else "void"
    if raises:
        return f"{{{result.llvm}, i1}}"
    return extended(result, front=True) if c_abi else result.llvm


def extended(ty: Type, front: bool = False) -> str:
    """A narrow integer with the C convention's extension."""
    base = model.underlying(ty)
    attribute = ""
    if isinstance(base, IntType) and base.bits < 64:
        attribute = "signext" if base.signed else "zeroext"
    elif ty is model.BOOL:
        attribute = "zeroext"
    if not attribute:
        return ty.llvm
    return f"{attribute} {ty.llvm}" if front else f"{ty.llvm} {attribute}"
