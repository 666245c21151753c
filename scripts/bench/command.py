# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m scripts bench [WHAT]...`: one sub-command of measurements a module; without names, all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import click
from rich.console import Console

from scripts.bench import code, compiler, system
from scripts.bench import trace as tracing
from scripts.bench.measure import Wrong
from scripts.machine import MachineError
from scripts.qemu import BOARDS, DEFAULT_ARCH

KINDS: dict[str, Callable[[int, Sequence[str], bool, Console], int]] = {
    "code": lambda repeats, only, resume, console: code.measure(repeats, "".join(only[:1]), console),
    "compiler": lambda repeats, only, resume, console: compiler.measure(repeats, "".join(only[:1]), console),
    "system": system.measure,
}


@click.command(help="Measures WHAT (of: " + ", ".join(KINDS) + "; all if none is named), prints tables, keeps figures in build/bench/.")
@click.argument("what", nargs=-1, type=click.Choice(list(KINDS)))
@click.option("--repeats", default=9, show_default=True, type=click.IntRange(1), help="runs of each")
@click.option("--only", multiple=True, help="just those whose name contains this; or a part of system: " + ", ".join(system.PARTS))
@click.option("--resume", is_flag=True, help="leave out the parts of system that these images were measured for")
def bench(what: tuple[str, ...], repeats: int, only: tuple[str, ...], resume: bool) -> None:
    console = wide_console()
    status = 0
    for name in what or KINDS:
        try:
            status |= KINDS[name](repeats, only, resume, console)
        except Wrong as wrong:
            sys.exit(f"bench {name}: {wrong}")
    sys.exit(status)


@click.command(help="Where the instructions of OPERATION (of the guest's program `costs`) go, function by function.")
@click.argument("operation")
@click.option("--arch", type=click.Choice(sorted(BOARDS)), default=DEFAULT_ARCH, show_default=True)
@click.option("--per", default="", help="divide by the entries of this function")
@click.option("--instructions", default=300_000, show_default=True, help="about how many to look at")
def trace(operation: str, arch: str, per: str, instructions: int) -> None:
    try:
        tracing.trace(arch, operation, per, instructions, wide_console())
    except (Wrong, MachineError) as wrong:
        sys.exit(f"trace: {wrong}")


def wide_console() -> Console:
    """Tables keep their width where there is no terminal."""
    return Console(width=None if sys.stdout.isatty() else 120)
