# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiled units on real threads without the GIL, for what only real processors do.

    unit = load("kern/lib/…", over="tests/host/machine")
    report = stress([(unit.produce, queue), (unit.consume, queue)], iterations=100_000, seconds=5)

Each call runs on a thread of its own, again and again. All stop when they have made their iterations, when the time is over, or when one of
them raises or fails a check, which then raises here. Threads that hang are a failure too; they cannot be ended, so end the process soon.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from typing import Any

from compiler.host.engine import HOST_THREADS
from compiler.host.jit import Function, Unit
from compiler.host.native import threads_module
from compiler.host.views import Method

HANGS = -1
GRACE_S = 10.0


@dataclass
class Report:
    calls: list[int]  # by thread
    seconds: float

    def __str__(self) -> str:
        return f"{sum(self.calls):,} calls on {len(self.calls)} threads in {self.seconds:.2f} s"


def stress(
    calls: list[tuple[Any, ...]], iterations: int = 100_000, seconds: float = 2.0, delay: int = 100, seed: int = 0, grace: float = GRACE_S
) -> Report:
    """Run `calls`, each a function or method of one unit with its arguments, on a thread each. `delay`: turns of an empty loop between
    calls, at random from 0 on. Raises CheckFailed, CompiledError, or TimeoutError if threads hang."""
    if not 0 < len(calls) <= HOST_THREADS:
        raise ValueError(f"{len(calls)} threads; there is room for 1 to {HOST_THREADS}")
    keep: list[Any] = []
    functions = [_plain(*call) for call in calls]
    unit: Unit = functions[0][0].unit
    blocks = [_block(function, arguments, keep) for function, arguments in functions]
    threads = threads_module()
    before = len(unit.engine.output or [])
    unit.engine.set_hooks(threads.number_function(), 0)
    begun = time.perf_counter()
    try:
        ends = threads.run(unit.engine.enter_address, blocks, iterations, seconds, grace, delay, seed)
    finally:
        unit.engine.set_hooks(0, 0)
    report = Report([done for done, _ in ends], time.perf_counter() - begun)
    for number, (_, how) in enumerate(ends):
        if how > 0:
            raise unit.failure(how, before, number)
    hanging = [str(number) for number, (_, how) in enumerate(ends) if how == HANGS]
    if hanging:
        raise TimeoutError(f"threads {', '.join(hanging)} hang; calls made: {report.calls}")
    return report


def _plain(function: Any, *arguments: Any) -> tuple[Function, tuple[Any, ...]]:
    """A method of an object as a function of it."""
    return (function.function, (function.receiver, *arguments)) if isinstance(function, Method) else (function, arguments)


def _block(function: Function, arguments: tuple[Any, ...], keep: list[Any]) -> tuple[int, int]:
    inst = function.inst
    thunk = function.unit.thunk(inst)
    given = function.unit.arguments(inst, arguments, keep)
    keep.append(given)
    return thunk, ctypes.addressof(given)
