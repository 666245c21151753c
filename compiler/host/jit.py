# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiled units inside CPython: load a source of the language, call its functions with Python values.

    unit = load("kern/lib/bitmap.py")               # or a source text; its imports come along
    unit.call("first_free", words, 64)
    unit.output                                     # what it printed so far

A function that raises raises `CompiledError` here, with the errno and the message; a failed run-time check, a failed
assertion or a panic raises `CheckFailed` and leaves this process whole. Spans of a bytearray or of a ctypes array are
shared with the callee, so that it can fill them; see compiler/host/values.py for what goes in and comes out.
A unit serves one thread at a time.
"""

from __future__ import annotations

import ctypes
import hashlib
from pathlib import Path
from typing import Any

from compiler.backend.cache import Cache
from compiler.driver import REPO
from compiler.host.engine import EXITED, RAISED, Engine
from compiler.host.values import align_up, pack, shape, unpack
from compiler.types import model

ERROR_SLOT = "compiler.runtime.hosted.slot"


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


def load(source: str | Path, checked: bool = True, arch: str = "x86_64") -> Unit:
    """Compile a file (relative to the repository or absolute) or a text of several lines, and load it."""
    from compiler.frontend import analyse, lower
    from compiler.syntax.loader import World

    path = _file_of(source)
    program = analyse(World(kind="hosted", arch=arch, checked=checked, roots=[path]))
    if program.errors:
        raise SourceErrors("\n".join(e.render() for e in program.errors))
    return Unit(path, program, lower(program))


def _file_of(source: str | Path) -> Path:
    if isinstance(source, str) and "\n" in source:
        name = hashlib.sha256(source.encode()).hexdigest()[:16]
        path = REPO / "build" / "host" / f"unit_{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return path
    path = Path(source)
    return path.resolve() if path.is_absolute() or path.is_file() else REPO / path


class Unit:
    """A loaded source. `call` looks a function up by its name, or `Class.method`, in the loaded file."""

    def __init__(self, path: Path, program: Any, modules: dict[str, str]) -> None:
        self.engine = Engine(modules, cache())
        self.engine.output = []
        self.path = path
        self._functions = {_local_name(fn): fn for fn in program.functions if fn.module.source.path == path and not fn.external}
        self._thunks: dict[str, tuple[int, Any]] = {}
        self._keep: list[Any] = []

    @property
    def output(self) -> str:
        """Everything printed so far, to whichever stream."""
        return b"".join(data for _, data in self.engine.output or []).decode(errors="replace")

    @property
    def functions(self) -> list[str]:
        return sorted(self._functions)

    def buffer(self, size: int, fill: bytes = b"") -> int:
        """The address of zeroed memory that lives as long as the unit, for references and pointers. 64-byte aligned."""
        room = ctypes.create_string_buffer(size + 64)
        self._keep.append(room)
        address = align_up(ctypes.addressof(room), 64)
        ctypes.memmove(address, fill, min(len(fill), size))
        return address

    def address(self, symbol: str) -> int:
        """The address of a function or variable of the loaded program by its full symbol; 0 if there is none."""
        return self.engine.address(symbol)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function. Raises CompiledError or CheckFailed as it does, TypeError for wrong arguments."""
        thunk, fn = self._thunk(name)
        if len(arguments) != len(fn.params):
            raise TypeError(f"{name} takes {len(fn.params)} arguments, not {len(arguments)}")
        keep: list[Any] = []
        data = b"".join(_slot(pack(p.ty, a, keep)) for p, a in zip(fn.params, arguments, strict=True))
        given = ctypes.create_string_buffer(data, max(len(data), 1))
        room, _ = shape(fn.result)
        result = ctypes.create_string_buffer(max(room, 1))
        before = len(self.engine.output or [])
        how = self.engine.enter(thunk, ctypes.addressof(given), ctypes.addressof(result))
        if how == RAISED:
            raise self._error()
        if how == EXITED:
            raise self._check_failed(before)
        return unpack(fn.result, result.raw)

    def _thunk(self, name: str) -> tuple[int, Any]:
        if name not in self._thunks:
            fn = self._functions.get(name)
            if fn is None:
                raise AttributeError(f"{self.path.name} has no compiled function `{name}`; it has {', '.join(self.functions)}")
            symbol = f"host.call.{fn.symbol}"
            self._thunks[name] = self.engine.add_thunk(symbol, thunk_ir(symbol, fn), cache()), fn
        return self._thunks[name]

    def _error(self) -> CompiledError:
        slot = self.address(ERROR_SLOT)
        _, errno, length = (ctypes.c_uint32.from_address(slot + 4 * n).value for n in range(3))
        return CompiledError(errno, ctypes.string_at(slot + 12, length).decode(errors="replace"))

    def _check_failed(self, before: int) -> CheckFailed:
        missing = self.engine.missing_call()
        if missing:
            return CheckFailed(0, f"the host has no function `{missing}`")
        output = self.engine.output or []
        said = b"".join(data for fd, data in output[before:] if fd == 2).decode(errors="replace").strip()
        return CheckFailed(0, said or f"exit({self.engine.exit_status})")


def _local_name(fn: Any) -> str:
    """`push` or `Ring.push`."""
    own = fn.symbol.removeprefix(fn.module.name + ".")
    return own if own != fn.symbol or fn.decl is None else fn.decl.name


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
    returned = (("i1" if void else f"{{{value}, i1}}") if fn.raises else value)
    call = f'call {returned} @"{fn.exported or fn.symbol}"({", ".join(passed)})'
    if fn.raises and void:
        body += [f"  %raised = {call}", "  ret i1 %raised"]
    elif fn.raises:
        body += [f"  %both = {call}", f"  %value = extractvalue {returned} %both, 0", f"  %raised = extractvalue {returned} %both, 1",
                 f"  store {value} %value, ptr %result", "  ret i1 %raised"]
    elif void:
        body += [f"  {call}", "  ret i1 false"]
    else:
        body += [f"  %value = {call}", f"  store {value} %value, ptr %result", "  ret i1 false"]
    declared = ", ".join(p.ty.llvm for p in fn.params)
    return "\n".join([
        f'declare {returned} @"{fn.exported or fn.symbol}"({declared})',
        f'define i1 @"{symbol}"(ptr %arguments, ptr %result) {{', *body, "}"]) + "\n"
