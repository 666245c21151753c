# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs programs under CPython and compiled in several ways, and tells what differs.

`differences(sources)` compiles a batch as one world: the run-time library is analysed once, and its objects come from the cache. CPython
runs in this process; compiled code in a child, where it can crash or hang and costs that program only.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import pickle
import re
import signal
import sys
import tempfile
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import lang  # noqa: F401  loads the vocabulary before any program does
from compiler.backend.cache import Cache
from compiler.backend.frames import is_answer
from compiler.frontend import World, analyse, lower
from compiler.host.engine import EXITED, Engine
from compiler.host.jit import thunk_ir
from lang import integers
from lang.source import NOT_THE_LANGUAGE, compiled, guarded, prepared

REPO = Path(__file__).resolve().parents[3]
Way = tuple[bool, int]  # checked, and LLVM's level: 0 is what the code says, 2 what the optimiser makes of it
WAYS: tuple[Way, ...] = ((True, 0), (True, 2), (False, 0), (False, 2))
FAILED_CHECK = 101
SECONDS = 30  # for one compiled program


@dataclass(frozen=True)
class Outcome:
    """How a program ended, and what it printed; `said` is the last line on standard error, without the folder."""

    status: int
    output: str
    said: str

    @property
    def failed_check(self) -> bool:
        return self.status == FAILED_CHECK and not self.said.startswith("panic:")


@dataclass(frozen=True)
class Difference:
    """`kind`: rejected (by the compiler), oracle (CPython itself fails), ended (otherwise), output. `way` is None for CPython."""

    kind: str
    way: Way | None
    text: str

    def __str__(self) -> str:
        how = f"{'checked' if self.way[0] else 'release'}, level {self.way[1]}" if self.way else "CPython"
        return f"[{how}] {self.kind}\n{self.text}"


# -- CPython --------------------------------------------------------------------------------------------------------
def cpython(path: Path, checked: bool = True) -> Outcome:
    """Run under the language's rules, in this process."""
    module = types.ModuleType(f"generated_{path.stem}")
    out, err = io.StringIO(), io.StringIO()

    def run() -> Any:
        exec(compiled(path.read_text(encoding="utf-8"), str(path)), prepared(module.__dict__))
        return module.main()

    sys.modules[module.__name__] = module
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20000)
    try:
        with mock.patch.object(integers, "CHECKED", checked), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = guarded(run, str(path))
    finally:
        sys.setrecursionlimit(limit)
        del sys.modules[module.__name__]
    said = err.getvalue()
    return Outcome(status, out.getvalue(), said if status == NOT_THE_LANGUAGE else _last_words(said, path))


def _last_words(said: str, path: Path) -> str:
    return said.strip().rpartition("\n")[2].replace(f"{path}:", f"{path.name}:")


# -- compiled -------------------------------------------------------------------------------------------------------
class Rejected(Exception):
    """What the compiler says about a batch."""


def _driver(folder: Path, names: list[str]) -> Path:
    """A program that runs any of the batch's."""
    lines = ['"""Runs one program of a batch."""', "from compiler.runtime.hosted import run_main", "from lang import i32, u64"]
    lines += [f"from {n} import main as main_{n}" for n in names]
    lines += ["", "", "def run(which: u64) -> i32:", "    match which:"]
    for number, name in enumerate(names):
        lines += [f"        case {number}:", f"            return run_main(main_{name})"]
    lines += ["    return 0", "", "", "def main() -> i32:", "    return 0", ""]
    path = folder / "driver.py"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def compiled_outcomes(paths: list[Path], checked: bool, level_of: tuple[int, ...], cache: Cache) -> Iterator[tuple[int, int, Outcome]]:
    """(level, number, outcome) of each program. Raises Rejected when the compiler refuses or breaks."""
    driver = _driver(paths[0].parent, [p.stem for p in paths])
    program = analyse(World(kind="hosted", checked=checked, roots=[driver]))
    if program.errors:
        raise Rejected("\n".join(e.render() for e in program.errors))
    modules = lower(program)
    entry = next(f for f in program.functions if f.module.source.path == driver and f.decl is not None and f.decl.name == "run")
    for level in level_of:
        yield from _in_child(modules, entry, level, paths, cache)


def _in_child(modules: dict[str, str], entry: Any, level: int, paths: list[Path], cache: Cache) -> Iterator[tuple[int, int, Outcome]]:
    """All programs in a child; after one that takes the child down, the rest in another."""
    done = 0
    while done < len(paths):
        ours, theirs = os.pipe()
        words = tempfile.TemporaryFile()
        child = os.fork()  # no thread and no LLVM in this process: a plain fork is safe
        if child == 0:
            os.close(ours)
            os.dup2(words.fileno(), 2)  # LLVM's last words
            _child(modules, entry, level, paths, done, cache, theirs)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            said = ""
            while True:
                try:
                    found = pickle.load(pipe)
                except EOFError:
                    break
                if isinstance(found, str):
                    said = found
                    continue
                yield level, done, found
                done += 1
        _, raw = os.waitpid(child, 0)
        status = os.waitstatus_to_exitcode(raw)
        if said != "ready":
            words.seek(0)
            last = [line for line in words.read().decode(errors="replace").splitlines() if line and not is_answer(line)]
            raise Rejected(said or "\n".join([f"the code generator ended with status {status}", *last[:5]]))
        words.close()
        if done < len(paths):
            yield level, done, Outcome(status, "", "hangs" if status == -signal.SIGALRM else "crashes")
            done += 1


def _child(modules: dict[str, str], entry: Any, level: int, paths: list[Path], first: int, cache: Cache, pipe: int) -> None:
    """Never returns."""
    import traceback

    def tell(what: Any) -> None:
        data = pickle.dumps(what)
        while data:
            data = data[os.write(pipe, data) :]

    try:
        engine = Engine(modules, cache, in_process=True, level=level)
        thunk = engine.add_thunk("oracle.run", thunk_ir("oracle.run", entry), cache)
        tell("ready")
        result = ctypes.create_string_buffer(16)
        for number in range(first, len(paths)):
            engine.output = []
            given = ctypes.create_string_buffer(number.to_bytes(16, "little"), 16)
            signal.alarm(SECONDS)
            how = engine.enter(thunk, ctypes.addressof(given), ctypes.addressof(result))
            signal.alarm(0)
            status = engine.exit_status if how == EXITED else int.from_bytes(result.raw[:4], "little", signed=True)
            printed = [b"".join(d for fd, d in engine.output if fd == n).decode(errors="surrogateescape") for n in (1, 2)]
            tell(Outcome(status & 255, printed[0], _last_words(printed[1], paths[number])))
    except BaseException:  # noqa: BLE001  the parent says it; nothing of the parent may run on here
        tell(traceback.format_exc())
    os._exit(0)


# -- comparison -----------------------------------------------------------------------------------------------------
def differences(sources: list[str], ways: tuple[Way, ...] = WAYS, cache: Cache | None = None) -> list[Difference | None]:
    """For each program what differs first, or None."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"p{i}.py" for i in range(len(sources))]
        for path, source in zip(paths, sources, strict=True):
            path.write_text(source, encoding="utf-8")
        return _compare(paths, ways, cache or Cache(REPO / "build" / "cache"))


def same_failure(source: str, known: Difference, cache: Cache) -> bool:
    """Whether a program fails as another did: for the reducer."""
    (found,) = differences([source], (known.way,) if known.way else (), cache)
    if found is None or (found.kind, found.way) != (known.kind, known.way):
        return False
    return known.kind not in ("rejected", "oracle") or _cause(found) == _cause(known)


def _cause(difference: Difference) -> str:
    """The message of a rejection, without its place and names; the exception of CPython."""
    lines = difference.text.strip().splitlines()
    line = (lines[-1] if difference.kind == "oracle" else lines[0]).rpartition(".py:")[2]
    return re.sub(r"`[^`]*`|\d+", "", line)


def _compare(paths: list[Path], ways: tuple[Way, ...], cache: Cache) -> list[Difference | None]:
    found: list[Difference | None] = [None] * len(paths)
    expected = [cpython(p) for p in paths]
    for number, outcome in enumerate(expected):
        if outcome.status == NOT_THE_LANGUAGE:
            found[number] = Difference("oracle", None, outcome.said)
    for checked in (True, False):
        levels = tuple(level for c, level in ways if c == checked)
        if not levels:
            continue
        if not checked:
            expected = [cpython(p, False) if e.failed_check else e for p, e in zip(paths, expected, strict=True)]
        # Without checks a failed one has no defined consequence, other than that numbers wrap.
        running = [i for i, e in enumerate(expected) if found[i] is None and (checked or not e.failed_check)]
        for number, difference in _run([paths[i] for i in running], [expected[i] for i in running], checked, levels, cache):
            found[running[number]] = found[running[number]] or difference
    return found


def _run(paths: list[Path], expected: list[Outcome], checked: bool, levels: tuple[int, ...], cache: Cache) -> list[tuple[int, Difference]]:
    if not paths:
        return []
    found = []
    try:
        for level, number, got in compiled_outcomes(paths, checked, levels, cache):
            if got != expected[number]:
                found.append((number, _difference(expected[number], got, (checked, level))))
    except Exception as problem:  # noqa: BLE001  the compiler broke: on which of them?
        if len(paths) == 1:
            text = str(problem) if isinstance(problem, Rejected) else f"{type(problem).__name__}: {problem}"
            return [(0, Difference("rejected", (checked, levels[0]), text))]
        return [(i, d) for i, p in enumerate(paths) for _, d in _run([p], [expected[i]], checked, levels, cache)]
    return found


def _difference(want: Outcome, got: Outcome, way: Way) -> Difference:
    if got.output == want.output:
        return Difference("ended", way, f"CPython: status {want.status} {want.said}\ncompiled: status {got.status} {got.said}")
    lines, have = want.output.split("\n"), got.output.split("\n")
    first = next((i for i, (a, b) in enumerate(zip(lines, have, strict=False)) if a != b), min(len(lines), len(have)))
    shown = [(x[first] if first < len(x) else "<nothing>") for x in (lines, have)]
    text = f"line {first + 1}\nCPython:  {shown[0]}\ncompiled: {shown[1]}\n{got.said}"
    return Difference("output" if got.status >= 0 else "ended", way, text)
