# SPDX-License-Identifier: GPL-2.0-or-later
"""What the language leaves out of Python, refused by name wherever it stands.

`refused` walks a module's tree before any type is looked at, so that code which is never elaborated (after a `return`, in a generic
function nobody calls) is refused as well. What depends on types or on its place in an expression is refused where it is
elaborated; the tables here say how. Blocks that only CPython runs are not looked at.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from compiler.diagnostics import did_you_mean
from compiler.syntax.walk import walk
from compiler.types.vocabulary import HOOKS


class Refusal(NamedTuple):
    """`what` begins the sentence "… is not part of this language"."""

    code: str
    what: str
    hint: str = ""


ASYNC = "a call that blocks just blocks its thread; write plain `def`, and start a thread for what runs beside it"
GENERATOR = "give a class `__iter__` and `__next__(self) -> T | None`, or call a function for each item"
COMPREHENSION = "fill an array in a loop: `items = array(n, T)`, then `items[i] = …`"
IMPORT = "import at the top of the module: imports cost nothing, and may go in circles"
FLAGS = "use a bitmap, or an `IntFlag`"
LITERAL = "write `array(n, T)` and fill it; a table that never changes may be a tuple"

INTERPRETER = "nothing interprets Python when a program runs"
FIELDS = "fields are fixed when a class is compiled: write `x.name`"
TYPES_KNOWN = "every type is known when compiled: use a virtual method, or an enum field"
FORMAT = "formats stand in f-strings"
CONTAINER = "use an array (`array(n, T)`), or a container of the library"

# Refused wherever they stand.
EVERYWHERE: dict[type[ast.AST], Refusal] = {
    ast.AsyncFunctionDef: Refusal("E0120", "`async def` is", ASYNC),
    ast.AsyncFor: Refusal("E0120", "`async for` is", ASYNC),
    ast.AsyncWith: Refusal("E0120", "`async with` is", ASYNC),
    ast.Await: Refusal("E0120", "`await` is", ASYNC),
    ast.Yield: Refusal("E0121", "`yield` is", GENERATOR),
    ast.YieldFrom: Refusal("E0121", "`yield from` is", GENERATOR),
    ast.ListComp: Refusal("E0123", "a list comprehension is", COMPREHENSION),
    ast.SetComp: Refusal("E0123", "a set comprehension is", "mark what is in it in a bitmap, or in an array of flags, in a loop"),
    ast.DictComp: Refusal("E0123", "a dict comprehension is", "fill a hash map of the library in a loop"),
    ast.Delete: Refusal("E0125", "`del` is", "a name ends with its function; `free(x)` gives back what `new` made"),
    ast.TryStar: Refusal("E0129", "`except*` is", "write `except`: there are no groups of errors"),
}

# Refused where the elaborator meets them: elsewhere (`x in [1, 2]`, `sum(x for x in a)`) they have a meaning.
SOMEWHERE: dict[type[ast.AST], Refusal] = {
    ast.GeneratorExp: Refusal("E0123", "a generator expression outside `sum`, `any`, `all`, `min` and `max` is", "write a loop"),
    ast.List: Refusal("E0124", "a list literal is", LITERAL),
    ast.Set: Refusal("E0124", "a set literal is", "use a bitmap, or an `IntFlag`; `x in {1, 2}` is fine"),
    ast.Dict: Refusal("E0124", "a dict literal is", "use a hash map of the library, or `match` for a fixed table"),
    ast.Import: Refusal("E0126", "an import inside a function is", IMPORT),
    ast.ImportFrom: Refusal("E0126", "an import inside a function is", IMPORT),
    ast.ClassDef: Refusal("E0127", "a class inside a function is", "put it at module level"),
    ast.Starred: Refusal("E0113", "`*` here is", "write the items one by one"),
    ast.Slice: Refusal("E0307", "a slice among several indices is", "arrays have one dimension: index twice"),
}


def refusal(node: ast.AST) -> Refusal:
    """Why a node that the elaborator has no rule for is refused; a test sees that these tables and its rules cover Python's grammar."""
    return SOMEWHERE[type(node)]


class Found(NamedTuple):
    code: str
    node: ast.AST
    message: str
    hint: str = ""


def refused(tree: ast.Module) -> Iterator[Found]:
    """Everything in a module that is refused whatever its types are."""
    for statement in tree.body:
        if is_for_cpython(statement):
            continue
        for node in walk(statement):
            rule = EVERYWHERE.get(type(node))
            if rule is not None:
                yield Found(rule.code, node, f"{rule.what} not part of this language", rule.hint)
            else:
                check = CHECKS.get(type(node))
                if check is not None:
                    yield from check(node)


def is_for_cpython(node: ast.stmt) -> bool:
    """`if __name__ == "__main__":` and `if TYPE_CHECKING:`."""
    if not isinstance(node, ast.If):
        return False
    return any(isinstance(p, ast.Name) and p.id in ("__name__", "TYPE_CHECKING") for p in walk(node.test))


# -- by kind of node ----------------------------------------------------------------------------------------------
def _function(node: ast.FunctionDef) -> Iterator[Found]:
    for mark in node.decorator_list:
        name = getattr(mark.func, "id", "") if isinstance(mark, ast.Call) else ""
        if name in WITHOUT_ARGUMENTS:
            yield Found("E0705", mark, f"`@{name}` takes no arguments", f"write `@{name}`")
        elif name in ("extern", "export") and not _one_string(mark):
            yield Found("E0705", mark, f"`@{name}` takes the symbol's name, a string", f'write `@{name}("symbol")`')
        if isinstance(mark, ast.Name) and mark.id == "hook" and node.name not in HOOKS:
            hint = did_you_mean(node.name, HOOKS) or f"the compiler calls {', '.join(f'`{h}`' for h in sorted(HOOKS))}"
            yield Found("E0003", node, f"nothing calls a hook named `{node.name}`", hint)
    spec = node.args
    if node.name == "__exit__":  # its three arguments are CPython's
        return
    for star, parameter in (("*", spec.vararg), ("**", spec.kwarg)):
        if parameter is not None:
            hint = "take a `Span[T]`" if star == "*" else "name the parameters, with defaults"
            yield Found("E0113", parameter, f"a parameter `{star}{parameter.arg}` is not part of this language", hint)


def _one_string(call: Any) -> bool:
    return len(call.args) == 1 and not call.keywords and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)


def _call(node: ast.Call) -> Iterator[Found]:
    hint = "write the arguments one by one, or pass a span or a struct"
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            yield Found("E0113", argument, "an argument `*…` is not part of this language", hint)
    for keyword in node.keywords:
        if keyword.arg is None:
            yield Found("E0113", keyword, "an argument `**…` is not part of this language", hint)


def _class(node: ast.ClassDef) -> Iterator[Found]:
    for keyword in node.keywords:
        if keyword.arg == "metaclass" and isinstance(keyword.value, ast.Name) and keyword.value.id == "ABCMeta":
            continue
        shown = f"{keyword.arg}=…" if keyword.arg else "**…"
        hint = "derive from `ABC` for an interface" if keyword.arg == "metaclass" else "give it by a decorator or a class constant"
        yield Found("E0132", keyword, f"`{shown}` of a class is not part of this language", hint)
    for item in node.body:
        if isinstance(item, ast.ClassDef):
            yield Found("E0127", item, "a class inside a class is not part of this language", "put it at module level")
        elif not _belongs_in_class(item) and type(item) not in EVERYWHERE:
            hint = "a class holds fields `name: T`, constants `NAME = value` and methods"
            yield Found("E0133", item, "this does not belong in a class", hint)
        elif isinstance(item, ast.FunctionDef):
            yield from _method(item)


def _method(node: ast.FunctionDef) -> Iterator[Found]:
    """What Python does for a class by special names and decorators is called by the compiler, or refused: never forgotten."""
    marks = {d.id: d for d in node.decorator_list if isinstance(d, ast.Name)}
    if "classmethod" in marks:
        yield Found("E0705", marks["classmethod"], "`@classmethod` is not part of this language", BUILTINS["classmethod"])
    parameters = [*node.args.posonlyargs, *node.args.args]
    if "staticmethod" not in marks and "classmethod" not in marks and (not parameters or parameters[0].arg != "self"):
        hint = f"write `def {node.name}(self, …)`, or `@staticmethod` above it"
        yield Found("E0719", node, f"the method `{node.name}` has no `self`", hint)
    if "property" in marks and len(parameters) != 1:
        yield Found("E0717", node, f"the property `{node.name}` takes arguments", "leave out `@property` and call it as a method")
    name = node.name
    if name.startswith("__") and name.endswith("__") and name not in SPECIAL:
        hint = SPECIAL_HINTS.get(name, "give it a name without underscores, and call it")
        yield Found("E0718", node, f"nothing here calls `{name}`", hint)
    returns = node.returns
    if name == "__init__" and returns is not None and not (isinstance(returns, ast.Constant) and returns.value is None):
        yield Found("E0722", returns, "`__init__` returns nothing", "write `-> None`")


def _belongs_in_class(item: ast.stmt) -> bool:
    if isinstance(item, ast.Assign):
        return len(item.targets) == 1 and isinstance(item.targets[0], ast.Name)
    if isinstance(item, ast.AnnAssign):
        return isinstance(item.target, ast.Name)
    return isinstance(item, (ast.FunctionDef, ast.Pass)) or isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)


def _comprehension(node: ast.comprehension) -> Iterator[Found]:
    if node.is_async:
        yield Found("E0120", node.iter, "`async for` is not part of this language", ASYNC)


def _raise(node: ast.Raise) -> Iterator[Found]:
    if node.cause is not None and not (isinstance(node.cause, ast.Constant) and node.cause.value is None):
        yield Found("E0907", node.cause, "an error carries no cause here", 'put what matters into its message: `f"…: {e.message}"`')


def _assign(node: ast.Assign) -> Iterator[Found]:
    for target in node.targets:
        for part in walk(target):
            if isinstance(part, ast.Starred):
                yield Found("E0130", part, "`*` among the names is not part of this language", "take a slice: `rest = items[1:]`")


def _imports(node: ast.ImportFrom) -> Iterator[Found]:
    if any(alias.name == "*" for alias in node.names):
        yield Found("E0131", node, "`import *` is not part of this language", "name what you import: readers and tools find it then")


WITHOUT_ARGUMENTS = {"staticmethod", "property", "abstractmethod", "noinline", "inline", "cold", "final", "override", "hook"}
BINARY = ("add", "sub", "mul", "and", "or", "xor", "floordiv", "mod", "lshift", "rshift")
SPECIAL = {f"__{name}__" for name in BINARY} | {
    "__init__", "__enter__", "__exit__", "__iter__", "__next__", "__len__", "__bool__", "__eq__",
    "__contains__", "__getitem__", "__setitem__", "__lt__", "__le__", "__gt__", "__ge__",
}  # fmt: skip
SPECIAL_HINTS = {
    "__str__": "write `def format(self, sink: Sink) -> None`, which f-strings and `print` call",
    "__repr__": "write `def format(self, sink: Sink) -> None`, which f-strings and `print` call",
    "__format__": "write `def format(self, sink: Sink) -> None`, which f-strings and `print` call",
    "__del__": "nothing counts references: write a method that frees, or `__exit__` for `with`",
    "__new__": "write `__init__`, or a function that makes one",
    "__ne__": "`!=` is `not ==`: write `__eq__`",
    "__hash__": "write `hash(self) -> u64` where the container asks for it",
    "__call__": "give it a name, and call that",
    "__getattr__": FIELDS,
    "__setattr__": FIELDS,
    "__getattribute__": FIELDS,
    "__delitem__": "write a method",
    "__post_init__": "write `__init__`",
}

CHECKS: dict[type[ast.AST], Callable[[Any], Iterator[Found]]] = {
    ast.FunctionDef: _function,
    ast.Call: _call,
    ast.ClassDef: _class,
    ast.comprehension: _comprehension,
    ast.Raise: _raise,
    ast.Assign: _assign,
    ast.ImportFrom: _imports,
}

# -- names of Python ----------------------------------------------------------------------------------------------
HASHMAP = "use a hash map of the library"
NO_UNION = "the only union is `X | None`"
BUILTINS = {
    "__import__": IMPORT,
    "aiter": ASYNC,
    "anext": ASYNC,
    "ascii": f"{FORMAT}: `{{x!r}}`",
    "bin": f"{FORMAT}: `{{n:#b}}`",
    "breakpoint": "debug with gdb",
    "bytearray": "use `array(n, u8)`",
    "callable": TYPES_KNOWN,
    "chr": "write the byte into a `Text`, or a literal",
    "classmethod": "write a function, or a `@staticmethod`",
    "compile": INTERPRETER,
    "complex": "use two floats",
    "delattr": FIELDS,
    "dict": HASHMAP,
    "dir": INTERPRETER,
    "eval": INTERPRETER,
    "exec": INTERPRETER,
    "exit": "return from `main`",
    "filter": "write a loop with `if`",
    "format": f"{FORMAT}: `{{x:>8}}`",
    "frozenset": FLAGS,
    "getattr": 'the name must be known when compiled: a type variable bound to `Literal["field"]`',
    "globals": INTERPRETER,
    "hasattr": FIELDS,
    "hash": "`hash_bytes(span)` hashes bytes",
    "help": "read docs/",
    "hex": f"{FORMAT}: `{{n:#x}}`",
    "id": "`addr_of(x)` is an address",
    "input": "read a line of standard input by the library",
    "isinstance": TYPES_KNOWN,
    "issubclass": TYPES_KNOWN,
    "iter": "write the loop",
    "list": CONTAINER,
    "locals": INTERPRETER,
    "map": "write a loop",
    "memoryview": "a `Span[u8]` is one",
    "next": "write the loop",
    "NotImplemented": "raise `Error(Errno.ENOSYS, …)`",
    "object": "name the class that is meant",
    "oct": f"{FORMAT}: `{{n:#o}}`",
    "open": "use the library's files",
    "pow": "`**`",
    "property": "write `@property`",
    "quit": "return from `main`",
    "repr": f"{FORMAT}: `{{x!r}}`",
    "round": "add a half and convert, or format with `:.0f`",
    "set": FLAGS,
    "setattr": FIELDS,
    "slice": "write `x[a:b]`",
    "sorted": "sort an array in place by the library's `sort`",
    "staticmethod": "write `@staticmethod`",
    "str": "format into a text",
    "super": "call a base's method: `super().name(…)`",
    "tuple": "write `(a, b)`",
    "type": TYPES_KNOWN,
    "vars": INTERPRETER,
}
MODULES = {
    "asyncio": ASYNC,
    "collections": "containers are in the libraries",
    "contextlib": "give a class `__enter__` and `__exit__`",
    "ctypes": "write a `@struct`",
    "dataclasses": "write `@struct`",
    "functools": "write the function",
    "itertools": "write the loop",
    "json": "write it with f-strings",
    "math": "there are `mul_high`, `popcount`, `clz` and `ctz`",
    "os": "files and processes are in the libraries of this system",
    "random": "random numbers are in the libraries of this system",
    "re": "regular expressions are in the libraries of this system",
    "struct": "write a `@struct`, and `at(T, address)`",
    "threading": "threads are in the libraries of this system",
    "time": "clocks are in the libraries of this system",
}
TYPING = {
    "Awaitable": ASYNC,
    "Dict": HASHMAP,
    "Generator": GENERATOR,
    "List": "write `Span[T]` or `Array[T]`",
    "NamedTuple": "write a `@struct`",
    "Set": FLAGS,
    "Tuple": "write `tuple[A, B]`",
    "Type": TYPES_KNOWN,
    "TypedDict": "write a `@struct`",
    "Union": NO_UNION,
    "cast": "`from lang import cast`",
}


def builtin_hint(name: str) -> str | None:
    """The hint for a name that is built into Python and not into the language; None if it is not built in."""
    found = getattr(builtins, name, None)
    if name in BUILTINS:
        return BUILTINS[name]
    if isinstance(found, type) and issubclass(found, BaseException):
        return 'errors are `Error(Errno.EINVAL, f"…")`, or a subclass of `Error`'
    return "" if found is not None else None


def module_hint(name: str) -> str | None:
    """The hint for a module of CPython's library; None if it is none."""
    top = name.split(".")[0]
    return MODULES.get(top, "") if top in sys.stdlib_module_names else None
