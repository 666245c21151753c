# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds and parses the modules of a world.

A world is one whole-program compilation; which folders a module name is looked up in is all that differs between
them. A file is one module however it is imported.
"""

from __future__ import annotations

import ast
import platform
from dataclasses import dataclass, field
from pathlib import Path

from compiler.diagnostics import Diagnostic, Reporter, Source, Span

REPO = Path(__file__).resolve().parents[2]
RUNTIME = ("fmt", "text", "errors", "strings")
VOCABULARY_MODULES = {"lang", "typing", "enum", "abc", "__future__", "collections.abc"}


@dataclass
class World:
    """What is compiled together. `kind`: kernel, user or hosted; `roots`: a hosted world's main file, more files for the
    others; `runs_on`: an architecture, if a hosted world is not for the machine that the compiler runs on.

    `only_reached`: of imported modules only what the roots reach is checked and compiled, so that a unit of the kernel loads without
    the kernel. `over`: folders laid over the sources: the first that has a module of some name takes the place of the one of that
    name, unless the name is in `real`.
    `explore`: compiled for the interleaving explorer.
    """

    kind: str
    arch: str = "x86_64"
    checked: bool = True
    roots: list[Path] = field(default_factory=list)
    only_reached: bool = False
    over: tuple[Path, ...] = ()
    real: tuple[str, ...] = ()
    explore: bool = False
    repo: Path = REPO
    runs_on: str = ""

    @property
    def processor(self) -> str:
        """Whose instructions come out: an architecture of ours, or what a host calls its own."""
        if self.kind != "hosted":
            return self.arch
        machine = platform.machine()
        return self.runs_on or {"AMD64": "x86_64", "riscv64": "riscv"}.get(machine, machine)


@dataclass
class ParsedModule:
    name: str
    source: Source
    tree: ast.Module


class Loader:
    """Parses modules on demand; each file once."""

    def __init__(self, world: World, reporter: Reporter) -> None:
        self.world, self.reporter = world, reporter
        self.by_path: dict[Path, ParsedModule] = {}
        self.found: dict[str, Path | None] = {}  # by module name; the file system is asked once
        self.resolved: dict[Path, Path] = {}
        self.runtime = world.repo / "compiler" / "runtime"
        self.arch = world.repo / "arch" / world.arch
        self.user = world.repo / "user"

    def root_files(self) -> list[Path]:
        """The files that are compiled whether or not anything imports them."""
        repo, world = self.world.repo, self.world
        if world.roots and world.kind == "hosted":
            names = (*RUNTIME, "fmt_float", "hosted", *(("explorer/hooks",) if world.explore else ()))
            return [p.resolve() for p in world.roots] + [self.runtime / f"{n}.py" for n in names]
        if world.kind == "kernel":
            found = [*(repo / "kern").rglob("*.py"), *(p for p in self.arch.glob("*.py") if not p.name.startswith("user_"))]
            runtime: tuple[str, ...] = RUNTIME
        else:
            found = [*self.user.rglob("*.py"), *(repo / "kern" / "abi").glob("*.py"), *self.arch.glob("user_*.py")]
            runtime = (*RUNTIME, "fmt_float")
        found = [p for p in found if "__pycache__" not in p.parts]
        return sorted(found) + [p.resolve() for p in world.roots] + [self.runtime / f"{n}.py" for n in runtime]

    def find(self, name: str) -> Path | None:
        """The file of a module name, or None."""
        if name not in self.found:
            self.found[name] = self._find(name)
        return self.found[name]

    def _find(self, name: str) -> Path | None:
        parts = name.split(".")
        for folder in () if name in self.world.real else self.world.over:
            found = self._file(folder, parts)
            if found is not None and found.is_file():
                return found
        if parts[0] == "compiler":
            return self._file(self.world.repo, parts)
        if parts[0] == "arch":
            return self._file(self.arch, parts[1:]) if len(parts) > 1 else self.arch / "__init__.py"
        places = {
            "kernel": [self.world.repo],
            "user": [self.user, self.user / "lib", self.world.repo],
            "hosted": [*(p.resolve().parent for p in self.world.roots), self.runtime, self.world.repo, self.user],
        }[self.world.kind]
        for place in places:
            found = self._file(place, parts)
            if found is not None:
                return found
        return None

    def stands_in(self, name: str) -> bool:
        """Whether a folder laid over the sources has that module."""
        return any(self._file(folder, name.split(".")) is not None for folder in self.world.over)

    @staticmethod
    def _file(place: Path, parts: list[str]) -> Path | None:
        base = place.joinpath(*parts)
        if base.with_suffix(".py").is_file():
            return base.with_suffix(".py")
        if (base / "__init__.py").is_file():
            return base / "__init__.py"
        return base if base.is_dir() else None

    def module_name(self, path: Path) -> str:
        """The canonical name: relative to the repository (user sources: to `user/`), or to the folder of a program elsewhere."""
        over = ((folder, "") for folder in self.world.over)
        beside = [(p.resolve().parent, "") for p in self.world.roots]
        for base, prefix in (*over, (self.user, ""), (self.arch, "arch"), (self.world.repo, ""), *beside):
            try:
                relative = path.relative_to(base)
            except ValueError:
                continue
            parts = [prefix] if prefix else []
            parts += [p for p in relative.with_suffix("").parts if p != "__init__"]
            return ".".join(parts)
        return path.stem

    def real(self, path: Path) -> Path:
        """The path without links: a file is one module however it is reached."""
        found = self.resolved.get(path)
        if found is None:
            found = self.resolved[path] = path.resolve()
        return found

    def load(self, path: Path) -> ParsedModule:
        """Parse a file; a syntax error is reported and gives an empty module."""
        path = self.real(path)
        found = self.by_path.get(path)
        if found is None:
            text = self._text(path) if path.is_file() else ""
            found = self.by_path[path] = self.parse(self.module_name(path), path, text)
        return found

    def _text(self, path: Path) -> str:
        """What a file holds; what cannot be read is reported and counts as empty."""
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            why = f"is not UTF-8: {error.reason} at byte {error.start}"
        except OSError as error:
            why = f"cannot be read: {error.strerror}"
        self.reporter.add(Diagnostic("E0102", f"{self._shown(path)} {why}"))
        return ""

    def _shown(self, path: Path) -> str:
        try:
            return str(path.relative_to(self.world.repo))
        except ValueError:
            return str(path)

    def parse(self, name: str, path: Path, text: str) -> ParsedModule:
        shown = self._shown(path)
        source = Source(path, name, text, shown)
        try:
            tree = ast.parse(text, filename=shown, feature_version=(3, 11))
        except SyntaxError as error:
            line, col = error.lineno or 1, max(0, (error.offset or 1) - 1)
            end = max(col + 1, (error.end_offset or 0) - 1)
            span = Span(source, line, col, error.end_lineno or line, end)
            self.reporter.add(Diagnostic("E0101", f"this is not Python: {error.msg}", span))
            tree = ast.Module([], [])
        except (ValueError, RecursionError, MemoryError) as error:
            why = error if isinstance(error, ValueError) else "it is nested too deeply"
            self.reporter.add(Diagnostic("E0102", f"{shown} cannot be parsed: {why}"))
            tree = ast.Module([], [])
        return ParsedModule(name, source, tree)
