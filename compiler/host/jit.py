# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiled units inside CPython: load a source of the language, and use its functions and classes as if they were Python's.

    unit = load("kern/lib/ring.py")                 # or the text of a source; its imports come along
    ring = unit.Ring[u64](slots=[0] * 8)            # an object, laid out as the kernel lays it out
    ring.push(3), ring.head, repr(ring)             # its methods and fields
    unit.output                                     # what compiled code printed so far

Any source loads, kernel or user: of what it imports only that is compiled which it reaches. What a host has not (privileged instructions,
traps, assembly) ends the call that reaches it with CheckFailed, which names it. `over` is a folder of stand-ins, or several of which the
first counts: a module found there replaces the one of its name, unless that is in `real`.
A function that raises raises `CompiledError` here, with the errno and the message; a failed run-time check, a failed assertion or a panic
raises `CheckFailed` and leaves this process whole. See compiler/host/values.py for what goes in and comes out, and
compiler/host/views.py for objects and their lifetime. A unit serves one thread at a time.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compiler.backend.cache import Cache, write_if_changed
from compiler.diagnostics import CompileError, did_you_mean
from compiler.driver import REPO
from compiler.host.engine import RAISED, RETURNED, Engine
from compiler.host.values import align_up, pack, shape, unpack
from compiler.host.views import Class, Elements, View, load_place, store_place, text_of
from compiler.types import hir, model
from compiler.types.decls import ClassDecl, FnInst, FuncDecl, GlobalDecl

MAP_FIXED_NOREPLACE = 0x100000  # of Linux; the module mmap has no name for it
ERROR_SLOT = "compiler.runtime.hosted.slots"


_mapped: dict[int, int] = {}  # what `Unit.map_at` has mapped in this process: size by address


class CompiledError(Exception):
    """An `Error` that left a called function."""

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(errno, message)
        self.errno, self.message = errno, message

    def __str__(self) -> str:
        return f"[errno {self.errno}] {self.message}"


class CheckFailed(CompiledError):
    """A run-time check, assertion or panic; or a call of a function that the host does not have. The errno is 0."""

    def __str__(self) -> str:
        return self.message


class SourceErrors(Exception):
    """The source has errors; the text holds all of them as the compiler prints them."""


def cache() -> Cache:
    return Cache(REPO / "build" / "cache")


Over = str | Path | Sequence[str | Path] | None


def load(
    source: str | Path, checked: bool = True, arch: str = "x86_64", over: Over = None, real: Sequence[str] = (), explore: bool = False
) -> Unit:
    """Compile a file (relative to the repository or absolute) or a text of several lines, and load it."""
    from compiler.frontend import analyse
    from compiler.syntax.loader import World

    path = _file_of(source)
    over = [over] if isinstance(over, (str, Path)) else over or ()
    folders = tuple((REPO / folder).resolve() for folder in over)
    world = World(
        kind="hosted", arch=arch, checked=checked, roots=[path], only_reached=True, over=folders, real=tuple(real), explore=explore
    )
    program = analyse(world)
    if program.errors:
        raise SourceErrors("\n".join(e.render() for e in program.errors))
    return Unit(path, program)


def _file_of(source: str | Path) -> Path:
    if isinstance(source, str) and "\n" in source:
        name = hashlib.sha256(source.encode()).hexdigest()[:16]
        path = REPO / "build" / "host" / f"unit_{name}.py"
        write_if_changed(path, source.encode())  # in one step: another process may be loading the same text
        return path
    path = Path(source)
    return path.resolve() if path.is_absolute() or path.is_file() else REPO / path


class Unit:
    """A loaded source: what it defines and imports are attributes. `unit["name"]` reaches also what has the name of a method here."""

    def __init__(self, path: Path, program: Any) -> None:
        from compiler.lower.module import lower_modules

        self.path, self.program = path, program
        self.keep: list[Any] = []
        self._emitted: set[Any] = set()
        self._late = 0
        self._thunks: dict[str, int] = {}
        self._constructors: dict[model.ClassType, Any] = {}
        self.engine = Engine(lower_modules(program, emitted=self._emitted), cache())
        self.engine.output = []
        self.module = program.by_path[path.resolve()]

    def __repr__(self) -> str:
        return f"<unit {self.path.name}: {', '.join(self.functions)}>"

    @property
    def output(self) -> str:
        """Everything printed so far, to whichever stream."""
        return b"".join(data for _, data in self.engine.output or []).decode(errors="replace")

    @property
    def functions(self) -> list[str]:
        """The functions of the file, and its classes' methods as `Class.method`, that take no type arguments."""
        methods = [f"{c.name}.{m}" for c in self.module.classes if not c.typevars for m in c.methods]
        return sorted([f.name for f in self.module.functions] + methods)

    def part(self, module: str) -> Part:
        """The names of another module of the unit."""
        return Part(self, self.program.modules[module])

    # -- names --------------------------------------------------------------------------------------------------
    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "module":  # not there yet, or looked for by Python itself
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Any:
        """A function, class, constant or variable of the file, or what it imports; `Class.method` too."""
        return self.find(self.module, name)

    def find(self, module: Any, name: str) -> Any:
        head, _, rest = name.partition(".")
        item = self._lookup(module, head)
        if isinstance(item, FuncDecl):
            return Function(self, item)
        if isinstance(item, ClassDecl):
            found = Class(self, item)
            return getattr(found, rest) if rest else found
        if isinstance(item, GlobalDecl):
            self.program.resolve_global(item)
            if item.const is not None:
                return _constant(item.const)
            return load_place(self, _storage(item), self._global(item))
        raise AttributeError(f"`{name}` of {self.path.name} is nothing that Python can use")

    def set(self, name: str, value: Any) -> None:
        """Assign a variable of the file."""
        self.assign(self.module, name, value)

    def assign(self, module: Any, name: str, value: Any) -> None:
        item = self._lookup(module, name)
        if not isinstance(item, GlobalDecl) or item.const is not None:
            raise AttributeError(f"`{name}` of {self.path.name} is no variable")
        store_place(self, _storage(item), self._global(item), value)

    def _lookup(self, module: Any, name: str) -> Any:
        if name not in module.scope:
            hint = did_you_mean(name, module.scope)
            known = f"; it has {', '.join(self.functions)}" if self.functions else ""
            raise AttributeError(f"{module.source.path.name} has no `{name}`" + (f"; {hint}" if hint else known))
        return self.program.lookup(module, name, module.tree)

    def _global(self, glob: GlobalDecl) -> int:
        if not self.engine.address(glob.symbol):
            self._compile()
        return self.engine.address(glob.symbol)

    def type_of(self, meaning: Any) -> Any:
        """A type argument: a class of the unit, `u64` of `lang` or by name, or a name as `Literal["link"]`."""
        if isinstance(meaning, model.Type):
            return meaning
        if isinstance(meaning, Class):
            return meaning.type
        literal = getattr(meaning, "__args__", None)
        if literal and isinstance(literal[0], str):
            return model.intern(model.LiteralType, literal[0])
        name = meaning if isinstance(meaning, str) else getattr(meaning, "__name__", str(meaning))
        if name in model.SCALARS:
            return model.SCALARS[name]
        if name in self.module.scope:
            found = self[name]
            if isinstance(found, Class):
                return found.type
        raise TypeError(f"{meaning!r} is no type of {self.path.name}")

    # -- memory -------------------------------------------------------------------------------------------------
    def buffer(self, size: int, fill: bytes = b"", align: int = 64) -> int:
        """The address of zeroed memory that lives as long as the unit."""
        align = max(align, 16)
        room = ctypes.create_string_buffer(size + align)
        self.keep.append(room)
        address = align_up(ctypes.addressof(room), align)
        ctypes.memmove(address, fill, min(len(fill), size))
        return address

    def map_at(self, address: int, size: int) -> None:
        """Zeroed memory at just this address, where kernel and processes expect it; what is there already of ours is cleared."""
        ours = _mapped.get(address, 0)
        if ours < size:
            area = ctypes.CDLL(None, use_errno=True).mmap
            area.restype, area.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
            # Private, anonymous, and never over what the process has there.
            got = area(address + ours, size - ours, 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)
            if got != address + ours:
                raise OSError(ctypes.get_errno(), f"no memory at {address:#x}")
            _mapped[address] = size
        ctypes.memset(address, 0, size)

    def make(self, ty: model.ClassType, arguments: tuple[Any, ...], fields: dict[str, Any]) -> View:
        """A new object: its class' `__init__` is called, or else defaults are filled in and then the fields given."""
        made = View(self, ty, self.buffer(ty.size, align=ty.align))
        self.fill(ty, made.host_address)
        init = self.method(ty, "__init__")
        if init is not None:
            init(made, *arguments, **fields)
            return made
        if len(arguments) > len(ty.fields):
            raise TypeError(f"`{ty.name}` has {len(ty.fields)} fields, not {len(arguments)}")
        given = dict(zip(ty.fields, arguments, strict=False))
        for name, value in {**given, **fields}.items():
            setattr(made, name, value)
        for name, field in ty.fields.items():
            if isinstance(field.ty, model.RefType) and name not in given and name not in fields:
                raise TypeError(f"`{ty.name}` needs `{name}`, a reference that is never None")
        return made

    def make_default(self, ty: model.ClassType) -> int:
        """The address of a new object with its defaults; an `__init__` is not called."""
        made = self.buffer(ty.size, align=ty.align)
        self.fill(ty, made)
        return made

    def fill(self, ty: model.ClassType, address: int) -> None:
        """The defaults of a class into zeroed memory, by code that the compiler makes for it."""
        from compiler.types.elaborate.construct import MemoryTarget
        from compiler.types.elaborate.elaborator import Elaborator

        if ty not in self._constructors:
            if not Elaborator(self.program, FnInst(None, "host.fill", ty.decl.module)).needs_filling(ty):
                self._constructors[ty] = None
                return
            inst = FnInst(None, f"host.fill.{ty.decl.module.name}.{ty.symbol}", ty.decl.module)
            into = hir.Var("into", ty, 0)
            inst.params, inst.variables, inst.result = [into], [into], model.VOID
            maker = Elaborator(self.program, inst)
            target = MemoryTarget(hir.VarGet(ty, into))
            self._refused(lambda: maker.initialise(target, 0, ty, None))
            inst.body = [*maker.out, *target.body]
            self.program.functions.append(inst)
            self._constructors[ty] = inst
        if self._constructors[ty] is not None:
            self.run(self._constructors[ty], (address,))

    def view(self, ty: model.Type, address: int) -> Any:
        """The object at an address; a polymorphic one as the class that it really is."""
        if isinstance(ty, model.ArrayType):
            return Elements(self, ty.elem, address, ty.length)
        assert isinstance(ty, model.ClassType)
        cls = self._class_at(self.program.layouts.complete(ty), address)
        if cls.decl.name == "Text" and cls.decl.module.name == "compiler.runtime.text":
            return text_of(self, cls, address)
        return View(self, cls, address)

    def _class_at(self, base: model.ClassType, address: int) -> model.ClassType:
        if base.polymorphic:
            table = ctypes.c_uint64.from_address(address).value
            for cls in self.program.vtables:
                if cls.derives_from(base) and self.engine.address(f"{cls.decl.module.name}.{cls.symbol}.vtable") == table:
                    return cls
        return base

    def elements(self, elem: model.Type, address: int, length: int) -> Elements:
        return Elements(self, elem, address, length)

    def address(self, symbol: str) -> int:
        """The address of a function or variable of the loaded program by its full symbol; 0 if there is none."""
        return self.engine.address(symbol)

    # -- calls --------------------------------------------------------------------------------------------------
    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function by its name, or `Class.method`. Raises CompiledError or CheckFailed as it does, TypeError for wrong arguments."""
        return self[name](*arguments)

    def method(self, ty: model.ClassType, name: str) -> Function | None:
        found = self.program.layouts.find_method(ty, name)
        return Function(self, found[1], found[0]) if found is not None else None

    def instance(self, decl: FuncDecl, cls: model.ClassType | None, tvars: dict[str, Any]) -> FnInst:
        """The compiled function, which is compiled now if nothing had asked for it."""
        return self._refused(lambda: self.program.instance(decl, cls, tvars, decl.node))

    def _refused(self, action: Any) -> Any:
        try:
            return action()
        except CompileError as error:
            raise SourceErrors(error.diagnostic.render() if error.diagnostic is not None else str(error)) from None

    def run(self, fn: FnInst, arguments: tuple[Any, ...]) -> Any:
        keep: list[Any] = []
        given = self.arguments(fn, arguments, keep)
        result = ctypes.create_string_buffer(max(shape(fn.result)[0], 1))
        before = len(self.engine.output or [])
        how = self.engine.enter(self.thunk(fn), ctypes.addressof(given), ctypes.addressof(result))
        if how != RETURNED:
            raise self.failure(how, before)
        return unpack(fn.result, result.raw, self)

    def arguments(self, fn: FnInst, arguments: tuple[Any, ...], keep: list[Any]) -> Any:
        """What a thunk takes; `keep` is to live as long as the call."""
        if len(arguments) != len(fn.params):
            name = fn.decl.name if fn.decl is not None else fn.symbol
            raise TypeError(f"{name} takes {len(fn.params)} arguments, not {len(arguments)}")
        data = b"".join(_slot(pack(p.ty, a, keep)) for p, a in zip(fn.params, arguments, strict=True))
        return ctypes.create_string_buffer(data, max(len(data), 1))

    def failure(self, how: int, before: int, thread: int = 0) -> CompiledError:
        """Why a call did not return. `before`: pieces of output there were before it."""
        return self._error(thread) if how == RAISED else self._check_failed(before)

    def thunk(self, fn: FnInst) -> int:
        """Address of `bool thunk(arguments, result)` for a function: see `thunk_ir`."""
        symbol = f"host.call.{fn.symbol}"
        if symbol not in self._thunks:
            self._compile()
            self._thunks[symbol] = self.engine.add_thunk(symbol, thunk_ir(symbol, fn), cache())
        return self._thunks[symbol]

    def _compile(self) -> None:
        """Compile and load what was asked for since the last time: instances of generics, methods that nothing had called."""
        from compiler.effects import raises
        from compiler.lower.module import lower_modules

        self.program.elaborate_all()
        if self.program.errors:
            raise SourceErrors("\n".join(e.render() for e in self.program.errors))
        raises.infer(self.program)
        texts = lower_modules(self.program, emitted=self._emitted)
        if texts:
            self._late += 1
            self.engine.add({f"{name}.late{self._late}": text for name, text in texts.items()}, cache())

    def _error(self, thread: int = 0) -> CompiledError:
        slot = self.address(ERROR_SLOT) + thread * self.program.runtime_class("ErrorSlot").size
        _, errno, length = (ctypes.c_uint32.from_address(slot + 4 * n).value for n in range(3))
        return CompiledError(errno, ctypes.string_at(slot + 12, length).decode(errors="replace"))

    def _check_failed(self, before: int) -> CheckFailed:
        missing = self.engine.missing_call()
        if missing:
            return CheckFailed(0, f"the host has no function `{missing}`")
        output = self.engine.output or []
        said = b"".join(data for fd, data in output[before:] if fd == 2).decode(errors="replace").strip()
        return CheckFailed(0, said or f"exit({self.engine.exit_status})")


class Part:
    """A module of a unit: its names are attributes, its variables can be assigned."""

    def __init__(self, unit: Unit, module: Any) -> None:
        object.__setattr__(self, "_unit", unit)
        object.__setattr__(self, "_module", module)

    def __getattr__(self, name: str) -> Any:
        return self._unit.find(self._module, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._unit.assign(self._module, name, value)


class Function:
    """A compiled function. `f(1, b=2)` calls it; `f[u64]` is the instance of a generic one."""

    def __init__(self, unit: Unit, decl: FuncDecl, cls: model.ClassType | None = None, tvars: dict[str, Any] | None = None) -> None:
        self.unit, self.decl, self.cls, self.tvars = unit, decl, cls, tvars or {}

    def __getitem__(self, args: Any) -> Function:
        names = self.unit.program.type_variables(self.decl)
        given = args if isinstance(args, tuple) else (args,)
        if len(given) != len(names):
            raise TypeError(f"{self.decl.name} takes type arguments {', '.join(names) or '(none)'}")
        return Function(self.unit, self.decl, self.cls, dict(zip(names, map(self.unit.type_of, given), strict=True)))

    @property
    def inst(self) -> FnInst:
        missing = [n for n in self.unit.program.type_variables(self.decl) if n not in self.tvars]
        if missing:
            raise TypeError(f"{self.decl.name} is generic: write {self.decl.name}[{', '.join(missing)}](…)")
        return self.unit.instance(self.decl, self.cls, self.tvars)

    @property
    def host_address(self) -> int:
        """Where it is, to be passed as a function value."""
        inst = self.inst
        self.unit.thunk(inst)
        return self.unit.address(inst.exported or inst.symbol)

    @property
    def signature(self) -> str:
        inst = self.inst
        params = ", ".join(f"{p.name}: {p.ty.name}" for p in inst.params)
        return f"{self.decl.name}({params}) -> {inst.result.name}"

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        inst = self.inst
        rest = [p.name for p in inst.params[len(arguments) :]]
        unknown = [n for n in named if n not in rest]
        if unknown:
            raise TypeError(f"{self.signature} has no place for `{unknown[0]}`")
        return self.unit.run(inst, arguments + tuple(named[n] for n in rest if n in named))

    def __repr__(self) -> str:
        return f"<compiled {self.signature}>"


def _storage(glob: GlobalDecl) -> model.Type:
    ty = glob.ty
    assert ty is not None
    return ty.elem if isinstance(ty, model.PerCoreType) else ty


def _constant(expr: Any) -> Any:
    if isinstance(expr, hir.StrLit):
        return expr.data.decode(errors="replace")
    if isinstance(expr, hir.Make):
        return tuple(_constant(p) for p in expr.parts)
    if isinstance(expr, hir.Const):
        from compiler.host.values import from_int

        return from_int(expr.ty, expr.value) if isinstance(expr.value, int) and expr.ty is not model.BOOL else expr.value
    raise AttributeError("this constant has no value of Python")


def _slot(data: bytes) -> bytes:
    """Arguments lie 16-byte aligned one after the other."""
    return data.ljust(align_up(len(data), 16), b"\0")


def thunk_ir(symbol: str, fn: Any) -> str:
    """IR of a function that loads the arguments, calls `fn` and stores its result; true if it raised."""
    body, passed, offset = [], [], 0
    for number, param in enumerate(fn.params):
        body += [f"  %p{number} = getelementptr i8, ptr %arguments, i64 {offset}", f"  %a{number} = load {param.ty.llvm}, ptr %p{number}"]
        passed.append(f"{param.ty.llvm} %a{number}")
        offset += align_up(shape(param.ty)[0], 16)
    void = isinstance(fn.result, (model.VoidType, model.NoReturnType))
    value = "void" if void else fn.result.llvm
    returned = ("i1" if void else f"{{{value}, i1}}") if fn.raises else value
    call = f'call {returned} @"{fn.exported or fn.symbol}"({", ".join(passed)})'
    if fn.raises and void:
        body += [f"  %raised = {call}", "  ret i1 %raised"]
    elif fn.raises:
        body += [
            f"  %both = {call}",
            f"  %value = extractvalue {returned} %both, 0",
            f"  %raised = extractvalue {returned} %both, 1",
            f"  store {value} %value, ptr %result",
            "  ret i1 %raised",
        ]
    elif void:
        body += [f"  {call}", "  ret i1 false"]
    else:
        body += [f"  %value = {call}", f"  store {value} %value, ptr %result", "  ret i1 false"]
    declared = ", ".join(p.ty.llvm for p in fn.params)
    return (
        "\n".join(
            [
                f'declare {returned} @"{fn.exported or fn.symbol}"({declared})',
                f'define i1 @"{symbol}"(ptr %arguments, ptr %result) {{',
                *body,
                "}",
            ]
        )
        + "\n"
    )
