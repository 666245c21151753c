# SPDX-License-Identifier: GPL-2.0-or-later
"""What each memory barrier of kern/sync/membar.py becomes, read off the code for each architecture."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from compiler.backend.target import ARCHITECTURES
from compiler.checking import machine_text
from compiler.driver import REPO
from compiler.explain_code import Instruction, body_of
from compiler.frontend import analyse, lower
from compiler.syntax.loader import World

MEMBAR = "kern.sync.membar"
FULL = "lock orl $0,(%rsp)"  # cheaper than mfence, and as good for memory
# Nothing where the processor keeps that order by itself; RVWMO has to be told each.
FENCES = {
    "x86_64": {"cmb": "", "rmb": "", "wmb": "", "rwmb": "", "wrmb": FULL, "mb": FULL},
    "riscv": {"cmb": "", "rmb": "fence r,rw", "wmb": "fence rw,w", "rwmb": "fence r,rw", "wrmb": "fence rw,rw", "mb": "fence rw,rw"},
}
FORCED = {
    "x86_64": {"read": "lfence", "write": "sfence", "device": "mfence"},
    "riscv": {"read": "fence ir, ir", "write": "fence ow, ow", "device": "fence iorw, iorw"},
}
FENCE = re.compile(r"^(fence|[lms]fence|lock|xchg)\b")


@cache
def assembly(arch: str) -> str:
    program = analyse(World(kind="kernel", arch=arch, checked=False, repo=REPO))
    assert not program.errors, program.errors[0].render()
    return machine_text(lower(program, MEMBAR)[MEMBAR], "assembly", arch, "kernel")


def instructions(arch: str, name: str) -> list[str]:
    return [
        re.sub(r"\s+", " ", i.text.replace(", ", ",")) for i in body_of(assembly(arch), f"{MEMBAR}.{name}") if isinstance(i, Instruction)
    ]


@pytest.mark.feature("sync-25")
@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("name", FENCES["riscv"])
def test_a_barrier_is_the_fence_that_its_processor_needs(arch: str, name: str) -> None:
    found = [line for line in instructions(arch, name) if FENCE.match(line)]
    assert found == ([FENCES[arch][name]] if FENCES[arch][name] else [])


@pytest.mark.feature("sync-25")
@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize(
    ("name", "kind"), [("rmb_f", "read"), ("wmb_f", "write"), ("rwmb_f", "device"), ("wrmb_f", "device"), ("mb_f", "device")]
)
def test_a_forced_barrier_orders_devices_too(arch: str, name: str, kind: str) -> None:
    calls = " ".join(instructions(arch, name))
    assert f"asm_{kind}_fence" in calls or "mb_f" in calls
    text = (Path(REPO) / f"arch/{arch}/cpu.S").read_text()
    body = re.search(rf"FUNCTION asm_{kind}_fence\n(.*?)END", text, re.DOTALL)
    assert body is not None and FORCED[arch][kind] in body[1]


def test_this_core_is_looked_up_anew_after_whatever_may_block() -> None:
    """The idle loop's frame may run on another core after each message: RISC-V's thread pointer is read in each round, not once before."""
    program = analyse(World(kind="kernel", arch="riscv", checked=False, repo=REPO))
    text = machine_text(lower(program, "kern.core.idle")["kern.core.idle"], "assembly", "riscv", "kernel")
    code = [i.text for i in body_of(text, "kern.core.idle.idle_loop") if isinstance(i, Instruction)]
    message = next(n for n, line in enumerate(code) if "run_one_routine" in line)
    uses = [n for n, line in enumerate(code) if re.search(r"\btp\b", line)]
    assert uses and min(uses) > next(n for n, line in enumerate(code) if "asm_irqs_off" in line), code
    assert max(uses) > message
