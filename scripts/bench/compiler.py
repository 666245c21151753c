# SPDX-License-Identifier: GPL-2.0-or-later
"""How long builds take, from nothing and after a change, and where the time goes, stage by stage.

Builds run in a copy of the sources with a cache of its own, so that neither finds what the other left. The changes are small
functions that are put in front of another one: all lines behind them move.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.bench.measure import Sample, keep, processor, run_once

REPO = Path(__file__).parents[2]
ARCH, MODE = "x86_64", "checked"
CHANGES = {  # each imports u64
    "one file of the kernel": "kern/mm/vmr.py",
    "one program": "user/apps/primes.py",
    "a file that all share": "kern/abi/proc.py",
}
EXTRA = "def bench_extra(x: u64) -> u64:\n    return x * {} + 1\n\n\n"


def measure(repeats: int, only: str, console: Console) -> int:
    """Clean builds twice, others `repeats` times at most five; the median by the clock, the least processor time."""
    samples: dict[str, Sample] = {}
    with tempfile.TemporaryDirectory(prefix="pykaros-bench-") as folder:
        copy = Path(folder)
        for name in ("compiler", "kern", "user", "arch"):
            shutil.copytree(REPO / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for what, prepare in _steps(copy, min(repeats, 5)):
            if only in what:
                console.print(f"  {what}", style="dim")
                prepare()
                run_once([sys.executable, "-c", _BUILD, str(copy)], samples.setdefault(what, Sample()))
    table = Table(title=f"builds of everything, {ARCH} {MODE}", title_justify="left")
    for head in ("", "seconds", "processor seconds"):
        table.add_column(head, justify="left" if not head else "right")
    for what, sample in samples.items():
        table.add_row(what, f"{min(sample.clock):.1f}", f"{sample.least:.1f}")
    console.print(table)
    stages = _stages()
    table = Table(title="stages, processor seconds from nothing", title_justify="left")
    for head in ("", *stages):
        table.add_column(head, justify="left" if not head else "right")
    for stage in next(iter(stages.values())):
        table.add_row(stage, *(f"{stages[world][stage]:.2f}" for world in stages))
    console.print(table)
    path = keep("compiler", {"builds": {k: {"cpu": s.cpu, "clock": s.clock} for k, s in samples.items()}, "stages": stages})
    console.print(f"{processor()}; kept in {path.relative_to(Path.cwd())}", style="dim")
    return 0


_BUILD = f"""
import sys
sys.path.insert(0, sys.argv[1])
from compiler.driver import Options, build
from compiler.report import make_report
build(Options(arch={ARCH!r}, checked={MODE == "checked"}), make_report(True))
"""


def _steps(copy: Path, repeats: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """What is built, and what is done before."""
    for _ in range(2):
        yield "from nothing", partial(shutil.rmtree, copy / "build", ignore_errors=True)
    for number in range(repeats):
        yield "nothing changed", lambda: None
        for what, file in CHANGES.items():
            yield what, partial(_change, copy / file, number)


def _change(file: Path, number: int) -> None:
    """Put the extra function in front of the first definition, or make it another one."""
    text = file.read_text(encoding="utf-8")
    old, new = EXTRA.format(number), EXTRA.format(number + 1)
    if old in text:
        text = text.replace(old, new)
    else:
        lines = text.split("\n")
        at = next(i for i, line in enumerate(lines) if line.startswith(("def ", "class ", "@")))
        text = "\n".join([*lines[:at], *new.split("\n")[:-1], *lines[at:]])
    file.write_text(text, encoding="utf-8")


def _stages() -> dict[str, dict[str, float]]:
    """Per world, in this process, one after another; the garbage collector is off, as in the compiler's processes."""
    import gc

    import llvmlite.binding as llvm

    from compiler.backend.sections import separate
    from compiler.backend.target import create_machine, target_for
    from compiler.driver import LEVEL
    from compiler.frontend import analyse, lower
    from compiler.syntax.loader import World

    gc.disable()
    found: dict[str, dict[str, float]] = {}
    for kind in ("kernel", "user"):
        spent = found[kind] = dict.fromkeys(("analysis", "lowering", "LLVM reads", "LLVM optimises", "LLVM emits"), 0.0)
        with _timed(spent, "analysis"):
            program = analyse(World(kind=kind, arch=ARCH, checked=MODE == "checked"))
        with _timed(spent, "lowering"):
            texts = lower(program)
        for text in texts.values():
            with _timed(spent, "LLVM reads"):
                machine = create_machine(target_for(ARCH, kind), LEVEL)
                module = llvm.parse_assembly(separate(text))
                module.verify()
            with _timed(spent, "LLVM optimises"):
                builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=LEVEL))
                builder.getModulePassManager().run(module, builder)
            with _timed(spent, "LLVM emits"):
                machine.emit_object(module)
    return found


@contextmanager
def _timed(spent: dict[str, float], stage: str) -> Iterator[None]:
    start = time.process_time()
    yield
    spent[stage] += time.process_time() - start
