# SPDX-License-Identifier: GPL-2.0-or-later
"""How CPython runs a source of this language: its statements, with the conversions written out.

Where the compiler converts silently, CPython would keep a plain `int`: `x: u8 = 0`, a literal given for a `u64` parameter,
`return 0` from a function that gives `u32`. `Transformer` puts the conversion there. Modules that import `lang` are
loaded this way (a finder on `sys.meta_path`), and so is the program itself: when `python FILE.py` first imports `lang`, the file is run
again from the start under these rules, and the process ends with its status (`take_over`).
"""

from __future__ import annotations
import __future__ as future

import ast
import importlib.abc
import importlib.machinery
import os
import re
import sys
import traceback
from collections.abc import Callable
from typing import Any

IMPORTS_LANG = re.compile(r"^from lang import", re.MULTILINE)
IS_PROGRAM = re.compile(r"^from lang import[\s\S]*^def main\(\) -> ", re.MULTILINE)
CALLS_MAIN = re.compile(r"^if __name__ == ", re.MULTILINE)
SCALARS = {
    "u8",
    "u16",
    "u32",
    "u64",
    "i8",
    "i16",
    "i32",
    "i64",
    "usize",
    "isize",
    "int",
    "float",
    "f64",
    "str",
    "Paddr",
    "Kaddr",
    "Uaddr",
    "Bytes",
    "bytes",
}
CONVERTED_HEADS = {"Span", "tuple", "Optional"}
NOT_THE_LANGUAGE = 120  # status after an exception that no program of the language ends with
PLACES = {"ptr_of": "__place__", "atomic": "__atomic__"}


def name(identifier: str) -> ast.Name:
    return ast.Name(identifier, ast.Load())


def call(function: str, *args: ast.expr) -> ast.Call:
    return ast.Call(name(function), list(args), [])


class Transformer(ast.NodeTransformer):
    def __init__(self) -> None:
        self.results: list[ast.expr | None] = []  # of the functions around this point
        self.declared: dict[str, ast.expr] = {}  # variables of this function that an annotation declares, wherever it stands
        self.new_types: set[str] = set()
        self.classes = 0  # nesting of class bodies directly around this point

    def converts(self, annotation: ast.expr | None) -> bool:
        """Whether a value meeting this annotation may need a conversion."""
        if isinstance(annotation, ast.Name):
            return annotation.id in SCALARS or annotation.id in self.new_types
        if isinstance(annotation, ast.Subscript):
            return isinstance(annotation.value, ast.Name) and annotation.value.id in CONVERTED_HEADS
        if isinstance(annotation, ast.BinOp):
            return self.converts(annotation.left) or self.converts(annotation.right)
        return False

    # -- declarations -------------------------------------------------------------------------------------------
    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        self.classes += 1
        node.bases = [self.visit(b) for b in node.bases]
        node.body = [self.visit(s) for s in node.body]
        self.classes -= 1
        marked = any("struct" in ast.unparse(d) for d in node.decorator_list)
        if not marked:
            node.decorator_list.append(name("__class__of__"))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        outer, self.classes = self.classes, 0
        outer_declared, self.declared = self.declared, self.declarations(node)
        self.results.append(node.returns)
        node.args.defaults = [self.visit(d) for d in node.args.defaults]
        node.args.kw_defaults = [self.visit(d) if d else None for d in node.args.kw_defaults]
        body = [self.visit(s) for s in node.body]
        self.results.pop()
        self.classes, self.declared = outer, outer_declared
        head: list[ast.stmt] = []
        for arg in [*node.args.args, *node.args.kwonlyargs]:
            if self.converts(arg.annotation):
                target = ast.Name(arg.arg, ast.Store())
                head.append(ast.Assign([target], call("__to__", arg.annotation, name(arg.arg)), lineno=node.lineno))  # type: ignore[arg-type]
            elif isinstance(arg.annotation, ast.Name):
                head.append(ast.Assign([ast.Name(arg.arg, ast.Store())], call("__value__", name(arg.arg)), lineno=node.lineno))
        first = 1 if body and isinstance(body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant) else 0  # type: ignore[attr-defined]
        node.body = body[:first] + head + body[first:]
        return node

    def declarations(self, function: ast.FunctionDef) -> dict[str, ast.expr]:
        found = [n for n in ast.walk(function) if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
        return {n.target.id: n.annotation for n in found if self.converts(n.annotation)}  # type: ignore[union-attr]

    def visit_Return(self, node: ast.Return) -> Any:
        node = self.generic_visit(node)  # type: ignore[assignment]
        if node.value is not None and self.results and self.converts(self.results[-1]):
            node.value = call("__to__", self.results[-1], node.value)  # type: ignore[arg-type]
        return node

    def visit_For(self, node: ast.For) -> Any:
        unrolled = isinstance(node.iter, ast.Tuple) and isinstance(node.target, ast.Name)
        node = self.generic_visit(node)  # type: ignore[assignment]
        if unrolled:  # each literal is an `i64`
            fresh = ast.Lambda(ast.arguments([], [], None, [], [], None, []), ast.Constant(0))
            bound = call("__bind__", name(node.target.id), fresh)  # type: ignore[attr-defined]
            node.body.insert(0, ast.Assign([ast.Name(node.target.id, ast.Store())], bound, lineno=node.lineno))  # type: ignore[attr-defined]
        return node

    def visit_Try(self, node: ast.Try) -> Any:
        """A failed check or a panic ends the program at once: it runs no `finally`, and no handler takes it."""
        for handler in node.handlers:
            if handler.type is None or isinstance(handler.type, ast.Name) and handler.type.id == "Exception":
                handler.type = name("__Error__")
        node = self.generic_visit(node)  # type: ignore[assignment]
        if node.finalbody:
            node.finalbody = [ast.If(call("__going_on__"), node.finalbody, [])]
        return node

    def visit_Assert(self, node: ast.Assert) -> Any:
        if node.msg is None:
            node.msg = ast.Constant(f"assertion failed: {ast.unparse(node.test)}")
            ast.copy_location(node.msg, node)
        return self.generic_visit(node)

    # -- assignments --------------------------------------------------------------------------------------------
    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value is not None:
            node.value = self.visit(node.value)
            if not self.classes and self.converts(node.annotation):
                node.value = call("__to__", node.annotation, node.value)
            elif not self.classes and self.results and isinstance(node.annotation, ast.Name):
                node.value = call("__value__", node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        value = node.value
        if (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Name)
            and value.func.id == "NewType"
            and isinstance(node.targets[0], ast.Name)
        ):
            self.new_types.add(node.targets[0].id)
            value.func.id = "__new_type__"
            return node
        node.targets = [self.visit(t) for t in node.targets]
        node.value = self.visit(value)
        if self.results and not self.classes and len(node.targets) == 1:
            node.value = self.bound(node.targets[0], node.value)
        return node

    def bound(self, target: ast.expr, value: ast.expr) -> ast.expr:
        """The value, adapted to the variable that it goes into."""
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            value.elts = [self.bound(t, v) for t, v in zip(target.elts, value.elts, strict=True)]
            return value
        if not isinstance(target, ast.Name) or isinstance(value, ast.Constant) and not isinstance(value.value, int):
            return value
        if target.id in self.declared:
            return call("__to__", self.declared[target.id], value)
        old = ast.Lambda(ast.arguments([], [], None, [], [], None, []), name(target.id))
        return call("__bind__", value, old)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
        node.value = self.bound(node.target, self.visit(node.value))
        return node

    # -- expressions --------------------------------------------------------------------------------------------
    def visit_Expr(self, node: ast.Expr) -> Any:
        if isinstance(node.value, ast.Constant):
            return node  # a docstring
        return self.generic_visit(node)

    def visit_Tuple(self, node: ast.Tuple) -> ast.Tuple:
        node = self.generic_visit(node)  # type: ignore[assignment]
        if self.results and isinstance(node.ctx, ast.Load):
            moved = (ast.Name, ast.Attribute, ast.Subscript, ast.IfExp)
            node.elts = [call("__value__", e) if isinstance(e, moved) else e for e in node.elts]
        return node

    def visit_Constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, str):
            return ast.copy_location(call("__Str__", node), node)
        if isinstance(node.value, bytes):
            return ast.copy_location(call("__bytes__", node), node)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                part.value = self.visit(part.value)
                if isinstance(part.format_spec, ast.JoinedStr):
                    self.visit_JoinedStr(part.format_spec)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id == "Literal":
            return node
        return self.generic_visit(node)

    def visit_match_case(self, node: ast.match_case) -> Any:
        node.guard = self.visit(node.guard) if node.guard else None
        node.body = [self.visit(s) for s in node.body]
        return node  # patterns stay literals

    def visit_Call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name):
            if node.func.id == "TypeVar":
                return node
            if node.func.id in PLACES and node.args:
                at = node.args[0]
                if isinstance(at, ast.Attribute):
                    return ast.copy_location(call(PLACES[node.func.id], self.visit(at.value), ast.Constant(at.attr)), node)
                if isinstance(at, ast.Subscript):
                    return ast.copy_location(call(PLACES[node.func.id], self.visit(at.value), self.visit(at.slice)), node)
        return self.generic_visit(node)


def compiled(text: str, path: str) -> Any:
    tree = ast.parse(text, path)
    tree = ast.fix_missing_locations(Transformer().visit(tree))
    return compile(tree, path, "exec", flags=future.annotations.compiler_flag, dont_inherit=True)


def prepared(space: dict[str, Any]) -> dict[str, Any]:
    """A module's namespace, with the language's builtins."""
    from lang.prelude import BUILTINS

    space["__builtins__"] = BUILTINS
    return space


def imports_lang(text: str) -> bool:
    """Whether a source is in the language: it takes names from `lang` (a tool may look at `lang.something`)."""
    if not IMPORTS_LANG.search(text):
        return False
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return False
    return any(isinstance(node, ast.ImportFrom) and node.module == "lang" for node in tree.body)


class SourceLoader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> Any:
        return compiled(self.get_data(self.path).decode(), self.path)

    def exec_module(self, module: Any) -> None:
        exec(self.get_code(module.__name__), prepared(module.__dict__))


class Finder(importlib.abc.MetaPathFinder):
    """Loads modules that import `lang` through `SourceLoader`."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname.split(".")[0] in ("lang", "tests") or fullname.startswith("compiler.") and not fullname.startswith("compiler.runtime."):
            return None  # host programs, whatever they quote
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        loader = spec.loader if spec else None
        if (
            spec is None
            or not isinstance(loader, importlib.machinery.SourceFileLoader)
            or os.path.basename(loader.path).startswith(("test_", "conftest"))
        ):
            return None
        if not imports_lang(loader.get_data(loader.path).decode(errors="replace")):
            return None
        spec.loader = SourceLoader(spec.name, loader.path)
        return spec


# -- the program itself -------------------------------------------------------------------------------------------
def take_over() -> None:
    """If `python FILE.py` is what imports us, run that file under the language's rules, and end."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    if main is None or not path or getattr(main, "__spec__", None) is not None or not os.path.isfile(path):
        return
    frame = sys._getframe(1)
    while frame is not None and ("importlib" in frame.f_code.co_filename or frame.f_globals.get("__name__", "").split(".")[0] == "lang"):
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None or frame.f_globals is not main.__dict__:
        return
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if not IS_PROGRAM.search(text):  # a tool that looks at `lang`, not a program in the language
        return
    run_program(text, path, main.__dict__)


def run_program(text: str, path: str, space: dict[str, Any]) -> None:
    from lang.text import Str

    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    sys.setrecursionlimit(20000)
    sys.argv = [Str(a) for a in sys.argv]
    status = guarded(lambda: run_text(text, path, space), path)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status & 255)


def run_text(text: str, path: str, space: dict[str, Any]) -> Any:
    """The statements, and then `main`, as compiled, unless they call it themselves."""
    exec(compiled(text, path), prepared(space))
    return None if CALLS_MAIN.search(text) else space["main"]()


def guarded(run: Callable[[], Any], path: str) -> int:
    """Run a program of the language: its status as the compiled one would end, with the same last words on standard error."""
    from lang.errors import Error, Panic
    from lang.integers import CheckFailed

    try:
        return int(run() or 0)
    except SystemExit as end:
        return int(end.code or 0) if not isinstance(end.code, str) else 1
    except Error as error:
        complain(f"Error: {error}")
        return 1
    except Panic as reason:
        complain(f"panic: {reason}")
        return 101
    except (CheckFailed, AssertionError) as failed:
        complain(f"{place_of(failed, path)}: {failed if str(failed) else 'assertion failed'}")
        return 101
    except BaseException:  # noqa: BLE001  whatever it is, the program has ended
        traceback.print_exc()
        return NOT_THE_LANGUAGE


def complain(line: str) -> None:
    sys.stdout.flush()
    print(line, file=sys.stderr)


def place_of(failed: BaseException, path: str) -> str:
    """The innermost line of the program (not of this package), and its function."""
    here = os.path.dirname(__file__)
    for frame, line in reversed(list(traceback.walk_tb(failed.__traceback__))):
        code = frame.f_code
        if not code.co_filename.startswith((here, os.path.dirname(os.__file__), "<")):
            return f"{shown_path(code.co_filename)}:{line}: in {code.co_qualname.partition('.<locals>')[0]}"
    return path


def shown_path(path: str) -> str:
    """As the compiler shows it: relative to the repository for what lies in it."""
    repo = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    full = os.path.realpath(path)
    return os.path.relpath(full, repo) if full.startswith(repo + os.sep) else path


def install() -> None:
    sys.meta_path.insert(0, Finder())
