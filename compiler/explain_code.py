# SPDX-License-Identifier: GPL-2.0-or-later
"""`explain-code FILE:FUNCTION`: the source lines of a function beside the instructions that they became.

LLVM's assembly says for each instruction where it comes from, through all that was inlined: the outermost place is a line
of the function asked for, the innermost is the line that did the work. Both are shown, with the number of instructions of
each line. What is shown is what a build emits: same IR, same optimisation, same target.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiler.diagnostics import did_you_mean
from compiler.types.decls import ClassDecl, FnInst, FuncDecl, ModuleDecl

_PLACE = re.compile(r"#\s+(.*)$")
_LABEL = re.compile(r'^("[^"]*"|[\w.$\[\]]+):')
_NAME = re.compile(r'"([^"]+)"|([A-Za-z_.][\w.$]*)')
_DIRECTIVE = re.compile(r"^\s*(\.|#|$)")


class NotFound(Exception):
    """There is no such function; the text says what there is."""


@dataclass(frozen=True)
class Place:
    file: str
    line: int


@dataclass
class Instruction:
    """`places`: where it comes from, the innermost first; the last one is in the function itself."""

    text: str
    places: tuple[Place, ...]


@dataclass
class Label:
    name: str


# -- finding the function -----------------------------------------------------------------------------------------
def find_functions(program: Any, module: ModuleDecl, wanted: str) -> list[FnInst]:
    """All instances of the function, method (`Class.method`) or line. Raises NotFound."""
    declared = dict(_declared(module))
    if wanted.isdigit():
        line = int(wanted)
        around = [d for d in declared.values() if d.node.lineno <= line <= (d.node.end_lineno or 0)]
        if not around:
            raise NotFound(f"line {line} of {module.source.shown} is in no function")
        decl = around[-1]
    elif wanted in declared:
        decl = declared[wanted]
    else:
        ending = [n for n in declared if n.endswith("." + wanted)]
        hint = did_you_mean(wanted, declared) or (f"did you mean `{ending[0]}`?" if ending else "")
        raise NotFound(f"{module.source.shown} has no function `{wanted}`" + (f"; {hint}" if hint else ""))
    found = [f for f in program.functions if f.decl is decl and f.body is not None]
    if not found:
        raise NotFound(f"`{wanted}` has no code: {_why_none(decl)}")
    return sorted(found, key=lambda f: f.symbol)


def _declared(module: ModuleDecl) -> Iterator[tuple[str, FuncDecl]]:
    for function in module.functions:
        yield function.name, function
    for cls in module.classes:
        for name, method in cls.methods.items():
            yield f"{cls.name}.{name}", method


def _why_none(decl: FuncDecl) -> str:
    if "extern" in decl.marks:
        return "it is assembly, or a symbol of the linker"
    if decl.is_abstract:
        overriding = [c.name for c in _below(decl.owner) if decl.name in c.methods] if decl.owner is not None else []
        return "it is abstract" + (f"; {', '.join(overriding)} give it one" if overriding else "")
    return "it is generic, and nothing uses it"


def _below(cls: ClassDecl) -> Iterator[ClassDecl]:
    for sub in cls.subclasses:
        yield sub
        yield from _below(sub)


# -- reading the assembly -----------------------------------------------------------------------------------------
def body_of(assembly: str, symbol: str) -> list[Instruction | Label]:
    """The instructions and labels of one function in LLVM's annotated assembly."""
    out: list[Instruction | Label] = []
    places: tuple[Place, ...] = ()
    inside = False
    for line in assembly.splitlines():
        label = _LABEL.match(line)
        if label:
            name = label.group(1).strip('"')
            if inside and name.startswith(".Lfunc_end"):
                break
            inside = inside or name == symbol
            if inside and name.startswith(".LBB"):
                out.append(Label(name))
        elif inside and line.lstrip().startswith(".loc"):
            places = _places(line) or places
        elif inside and not _DIRECTIVE.match(line):
            out.append(Instruction(_plain(line), places))
    used = {n for item in out if isinstance(item, Instruction) for n in re.findall(r"\.LBB\w+", item.text)}
    return [item for item in out if isinstance(item, Instruction) or item.name in used]


def _places(line: str) -> tuple[Place, ...]:
    """Of `.loc 1 37 0   # text.py:37 @[ hosted.py:81 @[ a.py:17 ] ]`; line 0, code of no line, keeps the one before."""
    comment = _PLACE.search(line)
    found = []
    for part in comment.group(1).replace("]", "").split("@[") if comment else []:
        words = re.match(r"(.*?):(\d+)(?::\d+)?\s*$", part.strip())
        if words is None or words.group(2) == "0":
            return ()
        found.append(Place(words.group(1), int(words.group(2))))
    return tuple(found)


def _plain(line: str) -> str:
    """Without LLVM's comments, relocation suffixes and tabs."""
    code = re.sub(r"\s+#.*$", "", line.rstrip()) if '"' not in line else re.sub(r'\s+#[^"]*$', "", line.rstrip())
    code = code.replace("@PLT", "")
    name, _, operands = code.strip().partition("\t")
    return f"{name:<7} {operands}".rstrip()


# -- showing it ---------------------------------------------------------------------------------------------------
class Listing:
    """One function's lines for printing: (style, text) pairs, styles being those of `rich`."""

    def __init__(self, program: Any, fn: FnInst, assembly: str, show_source: bool) -> None:
        self.fn, self.show_source = fn, show_source
        self.source = fn.module.source
        self.symbols = {f.external or f.exported or f.symbol: f for f in program.functions}
        self.files = {_shown_key(m.source.shown): m.source for m in program.modules.values()}
        self.items = body_of(assembly, fn.external or fn.exported or fn.symbol)
        self.count = sum(isinstance(i, Instruction) for i in self.items)
        self.per_line = Counter(self._line(i) for i in self.items if isinstance(i, Instruction))

    def _line(self, item: Instruction) -> int:
        return item.places[-1].line if item.places else self.fn.line

    def lines(self, mode: str) -> Iterator[tuple[str, str]]:
        many = "instruction" if self.count == 1 else "instructions"
        yield "bold", f"{self.fn.symbol}  {self.source.shown}:{self.fn.line}  {mode}, {self.count} {many}"
        line, inner, seen = 0, None, set()
        for item in self.items:
            if isinstance(item, Label):
                yield "cyan", f"  {item.name}:"
                continue
            if self.show_source and (self._line(item) != line or item.places[:1] != inner):
                if self._line(item) != line:
                    line = self._line(item)
                    yield "green", self._heading(line, line in seen)
                    seen.add(line)
                inner = item.places[:1]
                if len(item.places) > 1:
                    yield "dim", self._inlined(item.places[0])
            yield "", f"        {item.text}{self._target(item.text)}"

    def _heading(self, line: int, again: bool) -> str:
        text = self.source.lines[line - 1].rstrip() if line <= len(self.source.lines) else ""
        number = "" if again else str(self.per_line[line])
        return f"{line:>5} {number:>4} | {text}"

    def _inlined(self, place: Place) -> str:
        source = self.files.get(_shown_key(place.file))
        text = source.lines[place.line - 1].strip() if source is not None and place.line <= len(source.lines) else ""
        return f"           | > {place.file}:{place.line}  {text}"

    def _target(self, text: str) -> str:
        """Where the functions stand that an instruction names."""
        for quoted, bare in _NAME.findall(text.partition(" ")[2]):
            fn = self.symbols.get(quoted or bare)
            if fn is not None and fn.decl is not None:
                return f"    # {fn.module.source.shown}:{fn.line}"
        return ""


def _shown_key(file: str) -> tuple[str, ...]:
    return Path(file).parts[-3:]


def explain(file: Path, wanted: str, arch: str, checked: bool, show_source: bool) -> Iterable[tuple[str, str]]:
    """The listing of every instance of a function. Raises NotFound, and BuildFailed after printing errors in the sources."""
    from compiler.checking import analysed, machine_text
    from compiler.frontend import lower

    program, kind = analysed(file, arch, checked)
    module = next(m for m in program.modules.values() if m.source.path == file.resolve())
    functions = find_functions(program, module, wanted)
    assembly = machine_text(lower(program, module.name)[module.name], "assembly", arch, kind)
    mode = f"{arch}, {'checked' if checked else 'release'}"
    for number, fn in enumerate(functions):
        if number:
            yield "", ""
        yield from Listing(program, fn, assembly, show_source).lines(mode)
