# SPDX-License-Identifier: GPL-2.0-or-later
"""IR text to object files, in worker processes.

LLVM answers what it cannot do by aborting the process, and keeps the interpreter lock while it works: so each module is
compiled in a child, and a child that dies costs one module with an error that names it. The parent never loads LLVM.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from compiler.backend.cache import Cache, digest
from compiler.backend.child import Child
from compiler.backend.frames import is_answer
from compiler.backend.target import Target

CODEGEN_EDITION = "2"  # part of every key: raise it when this file changes what it emits


@dataclass(frozen=True)
class Job:
    """One module: `ir` is a file, since texts of megabytes are not worth piping."""

    module: str
    ir: Path
    key: str
    target: Target
    level: int


@dataclass(frozen=True)
class Outcome:
    job: Job
    error: str = ""
    seconds: float = 0.0


def object_key(ir: str, target: Target, level: int, llvm_version: str) -> str:
    return digest(ir, target.key(), str(level), llvm_version, CODEGEN_EDITION)


def optimised(ir: str, target: Target, level: int) -> tuple[Any, Any]:
    """The target machine, and the verified module as it is emitted. Raises RuntimeError for what LLVM refuses politely."""
    import llvmlite.binding as llvm

    from compiler.backend.target import create_machine

    machine = create_machine(target, level)
    module = llvm.parse_assembly(ir)
    module.triple = target.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    if level:
        builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=level))
        builder.getModulePassManager().run(module, builder)
    return machine, module


def emit(ir: str, target: Target, level: int) -> tuple[bytes, bytes]:
    """One module's object file, and what it says about stacks (frames.py)."""
    from compiler.backend import frames
    from compiler.backend.sections import separate

    machine, module = optimised(frames.ask(separate(ir)), target, level)
    with frames.listening() as said:
        code = machine.emit_object(module)
    return code, frames.describe(code, said[0])


def serve(pipe: Connection, cache_root: Path) -> None:
    """A worker's life: jobs in, (error text, seconds) out."""
    cache = Cache(cache_root)
    while True:
        job: Job = pipe.recv()
        start, error = time.monotonic(), ""
        try:
            code, stacks = emit(job.ir.read_text(), job.target, job.level)
            cache.put(job.key, stacks, ".stack")
            cache.put(job.key, code)
        except Exception as problem:  # noqa: BLE001  reported by the parent, as one sentence
            error = str(problem).strip() or type(problem).__name__
        pipe.send((error, time.monotonic() - start))


class _Worker:
    """LLVM's last words go to a file, from which they are quoted."""

    def __init__(self, cache: Cache) -> None:
        self.errors = tempfile.TemporaryFile()
        self.child = Child("compiler.backend.codegen:serve", cache.root, stderr=self.errors)
        self.job: Job | None = None
        self.alive = True

    def give(self, job: Job) -> None:
        self.job = job
        self.child.send(job)

    def take(self) -> Outcome:
        job, self.job = self.job, None
        assert job is not None
        try:
            error, seconds = self.child.receive()
        except EOFError:
            self.alive = False
            return Outcome(job, f"LLVM gave up on it ({self._last_words(self.child.wait())})")
        return Outcome(job, error, seconds)

    def _last_words(self, status: int) -> str:
        self.errors.seek(0)
        lines = [s.strip() for s in self.errors.read().decode(errors="replace").splitlines() if s.strip() and not is_answer(s)]
        said = next((s for s in lines if "error" in s.lower() or "Assertion" in s), lines[0] if lines else "")
        return said[:300] or f"exit status {status}"

    def close(self) -> None:
        self.child.stop()
        self.errors.close()


class CodegenPool:
    """A few workers that compile jobs as they come; use as a context manager."""

    def __init__(self, cache: Cache, workers: int | None = None) -> None:
        self.cache = cache
        self.limit = workers or min(os.cpu_count() or 2, 8)
        self.workers: list[_Worker] = []

    def __enter__(self) -> CodegenPool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.close()

    def _start(self) -> _Worker:
        worker = _Worker(self.cache)
        self.workers.append(worker)
        return worker

    def run(self, jobs: Iterable[Job], done: Callable[[Outcome], None] = lambda _: None) -> list[Outcome]:
        """Compile all jobs, largest first; `done` hears of each. A failed job has its `error` set."""
        waiting = sorted(jobs, key=lambda j: j.ir.stat().st_size)
        outcomes: list[Outcome] = []
        idle = [w for w in self.workers if w.job is None]
        while waiting or any(w.job for w in self.workers):
            while waiting and (idle or len(self.workers) < self.limit):
                worker = idle.pop() if idle else self._start()
                worker.give(waiting.pop())
            ready = wait([w.child.pipe for w in self.workers if w.job])
            for worker in [w for w in self.workers if w.child.pipe in ready]:
                outcome = worker.take()
                outcomes.append(outcome)
                done(outcome)
                if worker.alive:
                    idle.append(worker)
                else:
                    worker.close()
                    self.workers.remove(worker)
        return outcomes
