# SPDX-License-Identifier: GPL-2.0-or-later
"""The interleaving explorer: the threads of a scenario under every schedule up to a bound, with memory as weak as the code allows.

A scenario is a class of the file: its fields are what the threads share, made anew for each run; `thread_…` methods run against each
other; `setup` runs before, `check` after them. An assertion, a failed run-time check, an error that leaves a thread, a data race, a
deadlock, a loop without end and the use of freed memory end the search, with the schedule as lines of source.

    class Torn:                                     # @struct
        lock: SeqLock
        a: Atomic[u64]
        def thread_writer(self) -> None: …
        def thread_reader(self) -> None: …
        def check(self) -> None: …

    explore("tests/host/explorer/seqlock.py", "Torn", preemptions=3).raise_failure()

A failure names its schedule, the bounds and the choices that were made: `Explorer.replay("Torn", "3+2+5:0/2*31,1/2,0/3")` makes that one
run again, as does the command with `--test Torn@3+2+5:0/2*31,1/2,0/3`.

Constants of the class bound it: `PREEMPTIONS`, `STALE_READS`, `STEPS`, `SCHEDULES`; with `ALLOWS_RACES = True` plain accesses may race, and
are as relaxed ones. A constant of the file, `STAND_INS = "folder"`, or a tuple of folders, is laid over the sources
(`load(over=…)`), but for the modules that `REAL = ("name", …)` names; `MAPPED = ((address, size), …)` is memory that the code expects.
How it works: compiler/runtime/explorer; what is compiled differently: compiler/lower/explore.py.
"""

from __future__ import annotations

import ast
import ctypes
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from compiler.driver import REPO
from compiler.host.jit import CheckFailed, Over, SourceErrors, Unit, load
from compiler.types import model

PART = "compiler.runtime.explorer."
BATCH_SECONDS = 0.2
BOUNDS = re.compile(r"(\d{1,4})\+(\d{1,4})\+(\d{1,4}):")
CHOICE = re.compile(r"(\d{1,4})/(\d{1,4})(?:\*(\d{1,5}))?")
SHOWN_STEPS = 100  # the last ones, of a longer schedule
WHY = {
    "ASSERTION": "failed",
    "RAISED": "raised an error that nothing catches",
    "DEADLOCK": "waits for what nobody will ever do",
    "LIVELOCK": "does not come to an end (a loop that waits for others says so with `pause()`)",
    "RACE": "races with another thread",
    "FREED": "uses memory that was given back",
    "TOO_BIG": "moves more memory at once than the explorer follows",
}


@dataclass
class Step:
    """One event of a failing schedule."""

    thread: str
    file: str
    line: int
    text: str  # of the source
    effect: str  # what it read or wrote


@dataclass
class Failure:
    kind: str  # a name of compiler.runtime.explorer.state.Failure
    thread: str
    what: str  # in words, with what the code itself said
    schedule: list[Step] = field(default_factory=list)
    choices: str = ""  # the schedule as `Explorer.replay` takes it

    def render(self) -> str:
        """The failure and the schedule, a line a step."""
        shown = self.schedule[-SHOWN_STEPS:]
        wide = max((len(s.thread) for s in shown), default=0)
        places = [f"{s.file}:{s.line}" for s in shown]
        place_width = max((len(p) for p in places), default=0)
        lines = [f"`{self.thread}` {self.what}", ""]
        if len(shown) < len(self.schedule):
            lines.append(f"  … {len(self.schedule) - len(shown):,} steps before")
        last = ""
        for step, place in zip(shown, places, strict=True):
            name = step.thread if step.thread != last else ""
            last = step.thread
            lines.append(f"  {name:<{wide}}  {place:<{place_width}}  {step.text:<60} {step.effect}".rstrip())
        return "\n".join(lines)


@dataclass
class Result:
    scenario: str
    schedules: int
    seconds: float
    complete: bool  # every schedule within the bounds was run
    failure: Failure | None = None

    def raise_failure(self) -> Result:
        """Itself, or AssertionError with the schedule."""
        if self.failure is not None:
            raise AssertionError(f"{self.scenario}: {self.failure.render()}")
        return self

    def __str__(self) -> str:
        rate = self.schedules / max(self.seconds, 1e-9)
        how = "failed" if self.failure else "all" if self.complete else "stopped"
        return f"{self.scenario}: {self.schedules:,} schedules ({how}) in {self.seconds:.2f} s, {rate:,.0f} a second"


class Explorer:
    """A file, compiled for exploring. One scenario runs at a time."""

    def __init__(self, source: str | Path, over: Over = None) -> None:
        path = Path(source)
        self.unit: Unit = load(source, over=over or constant_of(path, "STAND_INS"), real=constant_of(path, "REAL") or (), explore=True)
        self.mapped: tuple[tuple[int, int], ...] = constant_of(path, "MAPPED") or ()
        self.schedule = self.unit.part(PART + "schedule")
        self.locations = self.unit.part(PART + "locations")
        self.hooks = self.unit.part(PART + "hooks")
        self.state = self.unit.part(PART + "state")
        self._lines: dict[str, list[str]] = {}
        self._pristine: dict[int, bytes] = {}  # variables as they were before any scenario ran
        address = self.unit.address
        self.unit.engine.set_hooks(address("explorer_thread"), address("explorer_exit"), address("explorer_print"))

    @property
    def scenarios(self) -> dict[str, str]:
        """Name and first line of documentation of each scenario of the file."""
        return self.names(self.unit.path)

    @staticmethod
    def names(source: str | Path) -> dict[str, str]:
        """The same, of a file that need not be compiled."""
        found = {}
        for node in tree_of(Path(source)).body:
            methods = [m.name for m in node.body if isinstance(m, ast.FunctionDef)] if isinstance(node, ast.ClassDef) else []
            if isinstance(node, ast.ClassDef) and any(m.startswith("thread_") for m in methods):
                found[node.name] = (ast.get_docstring(node) or "").partition("\n")[0]
        return found

    def explore(
        self,
        name: str,
        preemptions: int | None = None,
        stale_reads: int | None = None,
        limit: int | None = None,
        most_seconds: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Result:
        """Run every schedule of a scenario, or the first `limit`, or those of `most_seconds`. Bounds default to the scenario's own, and
        these to 2 and 2."""
        threads = self._prepare(name, preemptions, stale_reads)
        if limit is None:
            limit = self._bound(self.unit[name].type, "SCHEDULES", None, 0) or None
        outcome, done, begun = self._outcome("GOOD"), 0, time.perf_counter()
        batch, seconds = 1000, 0.0
        end = math.inf if most_seconds is None else begun + most_seconds
        while outcome == self._outcome("GOOD") and (limit is None or done < limit) and time.perf_counter() < end:
            count = batch if limit is None else min(batch, limit - done)
            before, started = self.state.run.number, time.perf_counter()
            outcome = self.schedule.explore(count)
            seconds = max(time.perf_counter() - started, 1e-6)
            batch = max(100, min(int(batch * BATCH_SECONDS / seconds), 10 * batch, 1_000_000))
            if outcome == self._outcome("AGAIN"):
                self.schedule.begin_anew()
                done, outcome = 0, self._outcome("GOOD")
            else:
                done += self.state.run.number - before
            if progress is not None:
                progress(done)
        failure = self._failure(threads) if outcome == self._outcome("FAILED") else None
        return Result(name, done, time.perf_counter() - begun, outcome == self._outcome("COMPLETE"), failure)

    def replay(self, name: str, choices: str) -> Result:
        """Make the one run that a failure's `choices` describe. Raises ValueError for what is no schedule of this scenario."""
        begun = time.perf_counter()
        bounds, made = parse_choices(choices)
        preemptions, stale_reads, shared = bounds
        if len(made) > self.schedule.DECISIONS:
            raise ValueError(f"{len(made):,} choices are more than a run has")
        threads = self._prepare(name, preemptions, stale_reads)
        try:
            self._learn(shared)
            for place, (chosen, count) in enumerate(made):
                self.schedule.decisions[place].chosen, self.schedule.decisions[place].count = chosen, count
            self.schedule.taken = len(made)
            self.schedule.replay()
        except CheckFailed:
            raise ValueError(f"not a schedule of {name}: it has other choices to make") from None
        failed = self.state.run.outcome == self._outcome("FAILED")
        return Result(name, 1, time.perf_counter() - begun, False, self._failure(threads) if failed else None)

    def _learn(self, shared: int) -> None:
        """There is something to choose at each use of what threads share, and what that is, a search finds on its way, always in the same
        order: search until so much is known."""
        while self.state.run.shared_count < shared:
            outcome = self.schedule.explore(1000)
            if outcome == self._outcome("AGAIN"):
                self.schedule.begin_anew()
            elif outcome != self._outcome("GOOD"):
                raise ValueError("the scenario is not the one that this schedule is of: its threads share less")

    def _choices(self) -> str:
        """Those of the last run."""
        made = [self.schedule.decisions[i] for i in range(self.schedule.taken)]
        run = self.state.run
        return format_choices((run.max_preemptions, run.max_stale, run.shared_count), [(d.chosen, d.count) for d in made])

    def _outcome(self, name: str) -> Any:
        return getattr(self.state.Outcome, name)

    # -- setting up ---------------------------------------------------------------------------------------------
    def _prepare(self, name: str, preemptions: int | None, stale_reads: int | None) -> list[str]:
        """Tell the explorer of the scenario's object, threads and bounds. The threads' names, in order."""
        if name not in self.scenarios:
            raise KeyError(f"{self.unit.path.name} has no scenario `{name}`; it has {', '.join(self.scenarios) or 'none'}")
        ty = self.unit[name].type
        made = self.unit.make_default(ty)
        methods = {n: m for n, m in ty.decl.methods.items()}
        threads = [n for n in methods if n.startswith("thread_")]
        run = self.state.run
        if len(threads) > self.state.MAX_THREADS:
            raise ValueError(f"`{name}` has {len(threads)} threads; the explorer runs {self.state.MAX_THREADS}")
        run.thread_count = len(threads)
        for i, thread in enumerate(threads):
            self.state.threads[i].code = self._code(ty, thread)
        run.setup = self._code(ty, "setup") if "setup" in methods else 0
        run.check = self._code(ty, "check") if "check" in methods else 0
        run.max_preemptions = self._bound(ty, "PREEMPTIONS", preemptions, 2)
        run.max_stale = self._bound(ty, "STALE_READS", stale_reads, 2)
        run.max_steps = self._bound(ty, "STEPS", None, 2000)
        run.races_allowed = bool(self._bound(ty, "ALLOWS_RACES", None, 0))
        self.schedule.argument[0] = made
        self._forget_shared()
        self.locations.forget_ranges()
        for address, size in self.mapped:
            self.unit.map_at(address, size)
        for address, size in self._globals():
            ctypes.memmove(address, self._pristine.setdefault(address, ctypes.string_at(address, size)), size)
        for address, size in [(made, ty.size), *self.mapped, *self._globals()]:
            self.locations.add_range(address, size, self.unit.buffer(size))
        self.schedule.begin_anew()
        return threads

    def _forget_shared(self) -> None:
        """What other scenarios found to be shared: each search finds it anew, so that a schedule means the same wherever it is replayed."""
        for glob in self.unit.program.modules[PART + "locations"].globals:
            if glob.name == "words" and glob.ty is not None:
                ctypes.memset(self.unit.address(glob.symbol), 0, glob.ty.size)
        self.locations.location_count = 0
        self.state.run.shared_count = 0

    def _code(self, ty: model.ClassType, name: str) -> int:
        method = self.unit.method(ty, name)
        assert method is not None
        return self.unit.thunk(method.inst)

    @staticmethod
    def _bound(ty: model.ClassType, name: str, given: int | None, default: int) -> int:
        if given is not None:
            return given
        node = ty.decl.constants.get(name)
        return int(ast.literal_eval(node)) if node is not None else default

    def _globals(self) -> list[tuple[int, int]]:
        """Every variable of the code under test: where it is, how long."""
        found = []
        for module in self.unit.program.modules.values():
            if module.name.startswith("compiler."):
                continue
            for glob in module.globals:
                address = self.unit.address(glob.symbol) if glob.ty is not None and glob.const is None else 0
                if address and glob.entries != ["constant"] and not isinstance(glob.ty, model.RegistryType):
                    found.append((address, storage_size(glob.ty)))
        return found

    # -- telling ------------------------------------------------------------------------------------------------
    def _failure(self, threads: list[str]) -> Failure:
        run = self.state.run
        who, kind = run.culprit, run.failure.name
        clash = (run.clash_thread, self._name(run.clash.file), run.clash.line)
        said = bytes(self.hooks.output[: run.output_used]).decode(errors="replace").strip()
        choices = self._choices()
        self.schedule.replay()
        names = [t.removeprefix("thread_") for t in threads]
        what = WHY[kind]
        if kind == "RACE":
            what += f": it does not know of the store by `{names[clash[0]]}` at {clash[1]}:{clash[2]}"
        elif said:
            what += f": {said}"
        steps = [self._step(event, names) for event in self.schedule.trace[: self.schedule.trace_count]]
        thread = names[who] if who < len(names) else "check"
        return Failure(kind, thread, what, steps, choices)

    def _step(self, event: Any, names: list[str]) -> Step:
        file = self._name(event.place.file)
        kind, order = event.kind.name, event.order.name
        value = f"{event.value:#x}" if event.value > 9 else str(event.value)
        if kind == "END":
            return Step(names[event.thread], file, event.place.line, "", "ends")
        if kind == "FAILURE":
            return Step(names[event.thread], file, event.place.line, self._text(file, event.place.line), "<-- here")
        effect = {"READ": f"-> {value}", "WRITE": f"= {value}", "CHANGE": f"= {value}", "PAUSE": "waits", "FENCE": ""}[kind]
        if event.age:
            effect += f"  ({event.age} newer value{'s' if event.age > 1 else ''} not seen)"
        elif order not in ("PLAIN", "SEQ_CST"):
            effect += f"  {order.lower()}"
        return Step(names[event.thread], file, event.place.line, self._text(file, event.place.line), effect.strip())

    @staticmethod
    def _name(address: int) -> str:
        return ctypes.string_at(address).decode() if address else ""

    def _text(self, file: str, line: int) -> str:
        if file not in self._lines:
            path = REPO / file
            self._lines[file] = path.read_text().splitlines() if file and path.is_file() else []
        lines = self._lines[file]
        return lines[line - 1].partition("#")[0].strip() if 0 < line <= len(lines) else ""


def format_choices(bounds: tuple[int, int, int], made: list[tuple[int, int]]) -> str:
    """What decides where there is something to choose (preemptions, stale reads, how much is shared), and `chosen/count` of each choice;
    runs of equal ones with `*times`."""
    runs = [(choice, len(list(equal))) for choice, equal in groupby(made)]
    parts = [f"{chosen}/{count}" + (f"*{times}" if times > 1 else "") for (chosen, count), times in runs]
    return "+".join(map(str, bounds)) + ":" + ",".join(parts)


def parse_choices(text: str) -> tuple[tuple[int, int, int], list[tuple[int, int]]]:
    """The reverse. Raises ValueError."""
    bounds = BOUNDS.match(text)
    if bounds is None:
        raise ValueError(f"`{text}` is no schedule: one begins with its bounds, like `2+2+5:`")
    made = []
    for part in text[bounds.end() :].split(","):
        match = CHOICE.fullmatch(part)
        if match is None or int(match[1]) >= int(match[2]):
            raise ValueError(f"`{part}` is no choice of a schedule: those are like `1/2`, or `0/3*12`")
        made += [(int(match[1]), int(match[2]))] * int(match[3] or 1)
    return (int(bounds[1]), int(bounds[2]), int(bounds[3])), made


def tree_of(path: Path) -> ast.Module:
    return ast.parse((path if path.is_absolute() or path.is_file() else REPO / path).read_text())


def constant_of(path: Path, name: str) -> Any:
    """What a file says in `NAME = …`, or None."""
    for node in tree_of(path).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    return None


def storage_size(ty: model.Type) -> int:
    from compiler.lower.module import HOST_THREADS, host_stride

    return host_stride(ty) * HOST_THREADS if isinstance(ty, model.PerCoreType) else ty.size


def explore(source: str | Path, name: str, over: Over = None, **bounds: Any) -> Result:
    """One scenario of a file: see `Explorer.explore`."""
    return Explorer(source, over).explore(name, **bounds)


def _show_progress(status: Any, name: str, done: int) -> None:
    status.update(f"{name}: {done:,} schedules")


def explore_file(source: Path, names: tuple[str, ...], over: Over, just_list: bool, **bounds: Any) -> int:
    """The command: each scenario with its progress and result, or one schedule of it (NAME@CHOICES). 0 if all hold, 1 if not, 2 for a
    name, or a schedule, that is none."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    try:
        explorer = Explorer(source, over)
    except SourceErrors as errors:
        console.print(str(errors), markup=False)
        return 1
    asked = [n.partition("@") for n in names or explorer.scenarios]
    unknown = [n for n, _, _ in asked if n not in explorer.scenarios]
    if unknown or not explorer.scenarios:
        console.print(f"{source} has no scenario `{unknown[0] if unknown else '…'}`; it has {', '.join(explorer.scenarios) or 'none'}")
        return 2
    failed = 0
    for name, at, choices in asked:
        if just_list:
            console.print(f"{name:<32} {explorer.scenarios[name]}", markup=False)
            continue
        with console.status(name) as status:
            try:
                show = partial(_show_progress, status, name)
                result = explorer.replay(name, choices) if at else explorer.explore(name, progress=show, **bounds)
            except ValueError as e:
                console.print(str(e), markup=False)
                return 2
        console.print(str(result), markup=False)
        if result.failure is not None:
            failed = 1
            console.print(result.failure.render(), markup=False)
            if not at:
                console.print(f"\n  to see it again: --test {name}@{result.failure.choices}", markup=False)
            console.print()
    return failed
