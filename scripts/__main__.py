# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line of the host programs: `python -m scripts qemu|run|soak|debug|features|types|format|bench|trace`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from scripts import features as features_report
from scripts import format as source_format
from scripts import interactive, typecheck
from scripts import run as run_command
from scripts import soak as soak_command
from scripts.bench.command import bench, trace
from scripts.qemu import BOARDS, DEFAULT_ARCH, Settings


@click.group(help="Runs Pykaros in QEMU, and reports on it. The Makefile's targets are the short way.")
def cli() -> None:
    pass


def machine_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that describe a machine; each has the name of the Makefile's variable."""
    options = [
        click.option("--arch", type=click.Choice(sorted(BOARDS)), default=DEFAULT_ARCH, show_default=True),
        click.option("--smp", default=4, show_default=True, help="cores"),
        click.option("--mem", default="1G", show_default=True),
        click.option("--checked", default=1, type=click.IntRange(0, 1), show_default=True, help="1: the build with run-time checks"),
        click.option("--append", default="", help="more for the boot command line"),
        click.option("--accel", default="auto", show_default=True, help="auto, tcg, kvm, or QEMU's words"),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def settings_of(options: dict[str, Any]) -> Settings:
    return Settings(**{**options, "checked": bool(options["checked"])})


@cli.command(help="A machine with its console on this terminal.")
@machine_options
@click.option("--gdb", default=0, type=click.IntRange(0, 1), help="1: wait for a debugger")
def qemu(gdb: int, **options: Any) -> None:
    settings = Settings(**{**vars(settings_of(options)), "reboots": True})
    sys.exit(interactive.interactive(settings, bool(gdb)))


@cli.command(help="Boots, runs COMMAND in the guest's shell, exits with its status.")
@machine_options
@click.option("--deadline", default=120.0, show_default=True, help="seconds until a machine counts as hung")
@click.argument("command")
def run(command: str, deadline: float, **options: Any) -> None:
    sys.exit(run_command.run(settings_of(options), command, deadline))


@cli.command(help="Attacks machines for so long, each architecture in turn; checked builds of them must be there.")
@click.option("--minutes", default=30.0, show_default=True)
@click.option("--seed", type=int, help="of the first round, which is one more in each; the time of day without it")
@click.option("--arch", "arches", type=click.Choice(sorted(BOARDS)), multiple=True, help="one of them, or both without it")
def soak(minutes: float, seed: int | None, arches: tuple[str, ...]) -> None:
    first = int(time.time()) % 1_000_000 if seed is None else seed
    sys.exit(soak_command.soak(arches or sorted(BOARDS, reverse=True), minutes, first))


@cli.command(help="gdb on a machine that waits at its first instruction; PROGRAMS' symbols are loaded too.")
@machine_options
@click.argument("programs", nargs=-1)
def debug(programs: tuple[str, ...], **options: Any) -> None:
    sys.exit(interactive.debug(settings_of(options), list(programs)))


@cli.command(help="Per area: how many rows of docs/features.md the last tests showed.")
@click.option("--missing/--no-missing", default=True, show_default=True, help="name the rows that no passing test shows")
def features(missing: bool) -> None:
    sys.exit(features_report.report(missing))


@cli.command(help="What mypy says of the sources of the language, kernel and user land on each architecture.")
def types() -> None:
    sys.exit(typecheck.check_all())


@cli.command("format", help="Formats all sources, or says which are not formatted.")
@click.option("--check/--write", default=False, help="only say which")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
def formatting(check: bool, paths: tuple[Path, ...]) -> None:
    sys.exit(source_format.run([p.resolve() for p in paths], check))


cli.add_command(bench)
cli.add_command(trace)


if __name__ == "__main__":
    cli(prog_name="python -m scripts")
