# SPDX-License-Identifier: GPL-2.0-or-later
"""mypy over the sources of the language, as an editor sees them: kernel and user land, for each architecture.

A world's modules are laid out as its imports name them, `arch` being one architecture's folder, and checked against the vocabulary's stub
(compiler/lang/__init__.pyi). The compiler is the judge of the language's own rules; mypy is asked what it says of the same text as
Python. Where the two languages differ, `plugin.py` tells mypy the rule, and `typeshed` gives it our `str`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from scripts.qemu import BUILD, ROOT

CONFIG = Path(__file__).with_name("mypy.ini")
SPAN = '''class Span(Generic[_T]):
    """Items that lie one behind the other: where, and how many. The items are others'."""
    def __init__(self, address: Any = ..., length: int = ...) -> None: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, key: slice[Any]) -> Any: ...
    @overload
    def __getitem__(self, key: int) -> _T: ...
    def __setitem__(self, key: int, value: _T) -> None: ...
    def __iter__(self) -> Iterator[_T]: ...
    def __reversed__(self) -> Iterator[_T]: ...
    def __contains__(self, item: object) -> bool: ...
    @property
    def ptr(self) -> Any: ...

class Array(Span[_T]): ...

'''
# What replaces what in mypy's description of the builtins: our `str`, and a `print` that takes descriptors.
BUILTINS = (
    (
        "@disjoint_base\nclass str(Sequence[str]):\n",
        SPAN + "@disjoint_base\nclass str(Sequence[Any], Span[int]):\n"
        "    def split1(self, sep: str) -> tuple[str, str]: ...\n    def print_to(self, sink: Any) -> None: ...\n",
    ),
    (
        "    def __getitem__(self, key: SupportsIndex | slice[SupportsIndex | None], /) -> str: ...",
        "    @overload\n    def __getitem__(self, key: slice[Any], /) -> str: ...\n"
        "    @overload\n    def __getitem__(self, key: int, /) -> int: ...",
    ),
    ("class tuple(Sequence[_T_co]):\n", "class tuple(Sequence[_T_co], Array[_T_co]):\n"),
    ("    def __iter__(self) -> Iterator[str]: ...", "    def __iter__(self) -> Iterator[int]: ..."),
    ("    file: SupportsWrite[str] | None = None,", "    file: Any = None,"),
)
SYS = "def set_arguments(arguments: Any) -> None: ...\n"  # what our `sys` has besides
WORLDS = [(kind, arch) for arch in ("x86_64", "riscv") for kind in ("kernel", "user")]


def check_all() -> int:
    """Every world; how many of them mypy has something to say about."""
    shed = typeshed(BUILD / "types" / "typeshed")
    failed = 0
    for kind, arch in WORLDS:
        view = lay_out(BUILD / "types" / f"{kind}-{arch}", kind, arch)
        status, said = mypy(view, shed, BUILD / "types" / "cache" / f"{kind}-{arch}")
        if status:
            failed += 1
            print(own_names(said, kind, arch), end="")
    return failed


def mypy(view: Path, shed: Path, cache: Path, modules: list[str] | None = None) -> tuple[int, str]:
    """Status and words of mypy about a view, or about some modules of it."""
    names = modules or sorted(p.stem for p in view.iterdir() if p.stem != "lang")
    words = [word for name in names for word in ("-p" if (view / name).is_dir() else "-m", name)]
    options = ["--config-file", str(CONFIG), "--cache-dir", str(cache), "--custom-typeshed-dir", str(shed)]
    done = subprocess.run([sys.executable, "-m", "mypy", *options, *words], cwd=view, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def lay_out(view: Path, kind: str, arch: str) -> Path:
    """A folder of links in which each module stands under the name that sources import it by."""
    shutil.rmtree(view, ignore_errors=True)
    view.mkdir(parents=True)
    (view / "lang").symlink_to(ROOT / "compiler" / "lang")
    (view / "arch").mkdir()
    for path in (ROOT / "arch" / arch).glob("*.py"):
        if path.name in ("abi.py",) or path.name.startswith("user_") == (kind == "user"):
            (view / "arch" / path.name).symlink_to(path)
    if kind == "kernel":
        (view / "kern").symlink_to(ROOT / "kern")
    else:
        for of_both in ("abi", "lib/list.py"):
            (view / "kern" / of_both).parent.mkdir(parents=True, exist_ok=True)
            (view / "kern" / of_both).symlink_to(ROOT / "kern" / of_both)
        for path in (ROOT / "user").iterdir():
            if path.is_dir() and any(path.rglob("*.py")):
                (view / path.name).symlink_to(path)
    (view / "syscalls.py").write_text(syscalls(kind, arch))
    return view


def syscalls(kind: str, arch: str) -> str:
    """The module that the compiler writes from the declarations of system calls."""
    from compiler.diagnostics import Reporter
    from compiler.syntax.loader import Loader, World
    from compiler.syntax.syscalls import syscall_module

    return syscall_module(Loader(World(kind=kind, arch=arch), Reporter()))


def typeshed(made: Path) -> Path:
    """mypy's descriptions of the standard library, with the language's `str`: a span of bytes, whose items are numbers."""
    given = Path(str(find_spec("mypy").origin)).parent / "typeshed"  # type: ignore[union-attr]
    shutil.rmtree(made, ignore_errors=True)
    (made / "stdlib").mkdir(parents=True)
    (made / "stubs").symlink_to(given / "stubs")
    for path in (given / "stdlib").iterdir():
        if path.name not in ("builtins.pyi", "sys"):
            (made / "stdlib" / path.name).symlink_to(path)
    shutil.copytree(given / "stdlib" / "sys", made / "stdlib" / "sys")
    with (made / "stdlib" / "sys" / "__init__.pyi").open("a", encoding="utf-8") as file:
        file.write(SYS)
    text = (given / "stdlib" / "builtins.pyi").read_text(encoding="utf-8")
    for theirs, ours in BUILTINS:
        assert theirs in text, f"mypy's builtins have changed: no {theirs!r}"
        text = text.replace(theirs, ours, 1)
    (made / "stdlib" / "builtins.pyi").write_text(text, encoding="utf-8")
    return made


def own_names(text: str, kind: str, arch: str) -> str:
    lines = []
    for line in text.splitlines(keepends=True):
        if line.startswith("arch/"):
            line = line.replace("arch/", f"arch/{arch}/", 1)
        elif kind == "user" and not line.startswith("kern/") and line.partition("/")[0] in {p.name for p in (ROOT / "user").iterdir()}:
            line = f"user/{line}"
        lines.append(line)
    return "".join(lines)
