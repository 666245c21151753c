# SPDX-License-Identifier: GPL-2.0-or-later
"""Measuring commands on a machine that others use too: processor time instead of the clock, runs in turn, the least of many.

Whatever disturbs a run makes it longer, never shorter, so the least time is the best estimate of what the code costs; the
median and the spread (median against least) tell how much the machine was disturbed meanwhile.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "build" / "bench"


class Wrong(Exception):
    """A command failed, or did not answer as the others did."""


@dataclass
class Sample:
    """Processor seconds (user and system) and seconds by the clock, a run each."""

    cpu: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)
    output: str = ""

    @property
    def least(self) -> float:
        return min(self.cpu)

    @property
    def median(self) -> float:
        return statistics.median(self.cpu)

    @property
    def spread(self) -> float:
        return self.median / self.least - 1


def run_once(command: Sequence[str], sample: Sample) -> None:
    """One run, its children included. Raises Wrong when it fails."""
    with tempfile.TemporaryFile() as out:
        start = time.monotonic()
        child = subprocess.Popen(command, stdout=out, stdin=subprocess.DEVNULL)
        _, raw, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(raw)
        sample.clock.append(time.monotonic() - start)
        sample.cpu.append(usage.ru_utime + usage.ru_stime)
        out.seek(0)
        sample.output = out.read().decode(errors="replace")
    if child.returncode:
        raise Wrong(f"{' '.join(command)} ended with status {child.returncode}")


def in_turn(commands: Mapping[str, Sequence[str]], repeats: int, told: Callable[[], None] = lambda: None) -> dict[str, Sample]:
    """Each command `repeats` times, one after another, so that a disturbance hits all of them alike."""
    samples = {name: Sample() for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            run_once(command, samples[name])
            told()
    return samples


def keep(name: str, figures: Any) -> Path:
    """Write build/bench/NAME.json, with when and on what it was measured."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    record = {"when": time.strftime("%Y-%m-%d %H:%M:%S"), "processor": processor(), "figures": figures}
    path.write_text(json.dumps(record, indent=1, default=asdict) + "\n", encoding="utf-8")
    return path


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
