# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds a whole image: both worlds checked and lowered at once, changed modules compiled, programs and kernel linked.

Order of events: the stamp says whether there is anything to do; the kernel's and the programs' front ends run in two child
processes, while assembly files are assembled here; modules go to the code generator as soon as their world is lowered;
programs are linked, staged and archived; the kernel is linked around the archive. Builds of one folder exclude each
other by a lock file. This module loads neither LLVM nor the front end.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from compiler.report import Report, count, size

if TYPE_CHECKING:
    from compiler.backend.codegen import CodegenPool, Outcome
    from compiler.backend.image import Place
    from compiler.backend.world import WorldResult

REPO = Path(__file__).resolve().parents[1]
LEVEL = 2  # of optimisation, checked or not: level 1 compiles only a tenth faster and inlines nothing


@dataclass
class Options:
    arch: str = "x86_64"
    checked: bool = True
    output: Path | None = None
    repo: Path = REPO
    workers: int | None = None

    @property
    def mode(self) -> str:
        return "checked" if self.checked else "release"

    @property
    def build(self) -> Path:
        return self.repo / "build"

    def proofs(self, kind: str) -> Path:
        """Where it is kept what was proved about a world: `check --report` prints it."""
        return self.out / f"proofs-{kind}.json"

    @property
    def out(self) -> Path:
        return self.build / self.arch / self.mode


class BuildFailed(Exception):
    """Everything has been said already; `errors` counts what was."""

    def __init__(self, errors: int) -> None:
        super().__init__()
        self.errors = errors


class CompilerCrash(Exception):
    """The compiler itself failed: `log` is for the log file, the message for the user."""

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log


@dataclass
class _Tally:
    compiled: int = 0
    modules: int = 0
    linked: int = 0
    times: dict[str, float] = field(default_factory=dict)


@contextmanager
def only_build(folder: Path, report: Report) -> Iterator[None]:
    """Wait for another build of the same folder to end, and keep others out."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.stage("waiting for another build of this folder")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build(options: Options, report: Report) -> Path:
    """Bring the image up to date; returns its path. Raises BuildFailed after it has reported every error of the run."""
    from compiler.backend import stamp

    start = time.monotonic()
    with only_build(options.out, report):
        path = options.out / "stamp.json"
        before = stamp.load(path)
        now = stamp.take(options.repo, options.arch, options.mode, before)
        kernel = options.out / "kernel.elf"
        if stamp.same(before, now) and kernel.is_file() and kernel.with_suffix(".debug").is_file():
            stamp.save(path, now)
            report.say(f"{_shown(kernel, options)} is up to date ({time.monotonic() - start:.1f} s)")
        else:
            path.unlink(missing_ok=True)
            tally = _build(options, report)
            stamp.save(path, now)
            report.say(_summary(kernel, options, tally, time.monotonic() - start))
        if options.output:
            options.output.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kernel, options.output)
    return kernel


def _build(options: Options, report: Report) -> _Tally:
    from compiler.backend import image, tools
    from compiler.backend.cache import Cache

    cache = Cache(options.build / "cache")
    cache.root.mkdir(parents=True, exist_ok=True)
    place = image.Place(options.repo, options.arch, options.checked, options.out, cache)
    tally = _Tally()
    try:
        objects, assembly, independent = _compile_worlds(options, report, place, tally)
        wanted = image.programs(options.repo)
        report.stage(f"linking {count(len(wanted), 'program')}")

        def told(name: str) -> None:
            tally.linked += 1
            report.step(name, tally.linked, len(wanted))

        made = image.build_programs(place, assembly["user"], objects["user"], told, independent)
        archive, _ = image.archive_object(place, image.stage(place, made))
        report.stage("linking the kernel")
        image.build_kernel(place, assembly["kernel"], objects["kernel"], archive)
    except tools.ToolError as error:
        report.error(str(error))
        raise BuildFailed(_tool_errors(str(error))) from None
    cache.prune()
    return tally


def _compile_worlds(
    options: Options, report: Report, place: Place, tally: _Tally
) -> tuple[dict[str, list[Path]], dict[str, list[Path]], list[tuple[str, Path]]]:
    """Objects and assembly objects of both worlds; the modules that have a position-independent object, with it."""
    from compiler.backend import image
    from compiler.backend.codegen import CodegenPool
    from compiler.backend.world import WorldProcess

    report.stage("checking kernel and programs")
    running = [WorldProcess(kind, options.arch, options.checked, LEVEL, options.repo, place.cache) for kind in ("kernel", "user")]
    objects: dict[str, list[Path]] = {}
    independent: list[tuple[str, Path]] = []
    errors = 0
    try:
        assembly = {kind: image.assemble_world(place, kind) for kind in ("kernel", "user")}
        with CodegenPool(place.cache, options.workers) as pool:
            while running:
                ready = wait([w.pipe for w in running])
                for process in [w for w in running if w.pipe in ready]:
                    running.remove(process)
                    result = process.result()
                    errors += _check(result, report)
                    tally.times |= {f"{process.kind} {k}": v for k, v in result.seconds.items()}
                    if not errors:
                        objects[process.kind] = _generate(result, options, report, place, pool, tally)
                        independent += [(module, place.cache.path(key)) for module, key in result.independent]
                        errors += _check_stacks(result, options, report, place)
    finally:
        for process in running:
            process.stop()
    if errors:
        raise BuildFailed(errors)
    return objects, assembly, independent


def _check(result: WorldResult, report: Report) -> int:
    if result.crash:
        raise CompilerCrash(f"the compiler failed on the {result.kind} world", result.crash)
    for text in result.errors:
        report.error(text + "\n")
    return len(result.errors)


def _generate(
    result: WorldResult,
    options: Options,
    report: Report,
    place: Place,
    pool: CodegenPool,
    tally: _Tally,
) -> list[Path]:
    """Compile what the cache lacks of a world; its objects in link order."""
    from compiler.backend.world import jobs_of

    jobs = jobs_of(result, options.arch, LEVEL, place.cache)
    tally.modules += len(result.objects) + len(result.independent)
    tally.compiled += len(jobs)
    if jobs:
        report.stage(f"compiling {count(len(jobs), f'{result.kind} module')}")
    done: list[str] = []

    def told(outcome: Outcome) -> None:
        done.append(outcome.job.module)
        report.step(outcome.job.module, len(done), len(jobs))

    failed = [o for o in pool.run(jobs, told) if o.error]
    if failed:
        texts = [f"module {o.job.module} ({o.job.ir}):\n{o.error}\n" for o in failed]
        raise CompilerCrash(f"the code generator failed on {failed[0].job.module}: {failed[0].error.splitlines()[0]}", "\n".join(texts))
    for job in jobs:
        job.ir.unlink(missing_ok=True)
    return [place.cache.path(key) for _, key in result.objects]


def _check_stacks(result: WorldResult, options: Options, report: Report, place: Place) -> int:
    """Check that every entry's stack is large enough, and keep the figures. The number of errors."""
    from compiler.backend.stacks import Stacks

    stacks = Stacks(options.arch, result.stacks, [place.cache.path(key, ".stack") for _, key in result.objects], options.repo)
    needs = stacks.needs()
    options.proofs(result.kind).write_text(json.dumps({"stacks": [asdict(n) for n in needs], **result.findings}))
    for error in stacks.errors:
        report.error(error.render() + "\n")
    return len(stacks.errors)


def _tool_errors(text: str) -> int:
    return max(1, sum("error: " in line for line in text.splitlines()))


def _shown(path: Path, options: Options) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


def _summary(kernel: Path, options: Options, tally: _Tally, seconds: float) -> str:
    archive = (options.out / "initrd.cpio").stat().st_size
    return (
        f"{_shown(kernel, options)}: {size(kernel.stat().st_size)}, of which {size(archive)} programs and files; "
        f"{tally.compiled} of {count(tally.modules, 'module')} compiled, {count(tally.linked, 'program')} linked, in {seconds:.1f} s"
    )
