# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line: `python -m compiler build|check|explain|run|explore|dump|explain-code|where|version`.

Exit status: 0 done, 1 errors in the sources (all of them printed, then their number), 2 wrong usage, 3 the compiler itself
failed (one sentence; the details are in build/compiler-crash.log). `run` answers with the program's own status.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import click

from compiler.driver import REPO, BuildFailed, CompilerCrash, Options
from compiler.driver import build as build_image
from compiler.report import count, make_report, paint_for

ARCHITECTURES = ("x86_64", "riscv")
SOURCE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Shielded(click.Group):
    """Turns whatever goes wrong inside into one sentence and a status."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except BuildFailed as failed:
            print(count(failed.errors, "error"), file=sys.stderr)
            sys.exit(1)
        except CompilerCrash as crash:
            sys.exit(_crashed(str(crash), crash.log))
        except Exception as problem:  # noqa: BLE001  no traceback reaches a user
            sys.exit(_crashed(f"the compiler failed ({type(problem).__name__})", traceback.format_exc()))


def _crashed(message: str, log: str) -> int:
    path = REPO / "build" / "compiler-crash.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{' '.join(sys.argv)}\n\n{log}")
    print(f"internal error: {message}. This is a fault of the compiler, not of your source; details are in {path}", file=sys.stderr)
    return 3


@click.group(cls=Shielded, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def cli() -> None:
    """Compiles the kernel and the programs of Pykaros, which are written in a statically typed subset of Python."""


@cli.command()
@click.option("--arch", type=click.Choice(ARCHITECTURES), default="x86_64", show_default=True, help="Processor to build for.")
@click.option("--checked/--release", default=True, show_default=True, help="With run-time checks and assertions, or optimised without.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Also copy the image to this file.")
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
def build(arch: str, checked: bool, output: Path | None, quiet: bool) -> None:
    """Build the bootable image build/ARCH/MODE/kernel.elf, with all programs in it.

    Only what changed is compiled again. Programs with their debug information are in build/ARCH/MODE/programs/.
    """
    report = make_report(quiet)
    try:
        build_image(Options(arch=arch, checked=checked, output=output), report)
    finally:
        report.close()


@cli.command()
@click.argument("files", nargs=-1, type=SOURCE)
@click.option("--world", type=click.Choice(["kernel", "user"]), help="Check all of the kernel, or all programs and user libraries.")
@click.option("--arch", type=click.Choice(ARCHITECTURES), default="x86_64", show_default=True)
@click.option("--checked/--release", default=True, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the errors as JSON, for editors (docs/diagnostics.md).")
@click.option("--watch", is_flag=True, help="Check again whenever a source changes, until Ctrl-C.")
@click.option("--report", is_flag=True, help="Build, and print what is proved of the world: stacks, order of locks, who may raise.")
def check(files: tuple[Path, ...], world: str | None, arch: str, checked: bool, as_json: bool, watch: bool, report: bool) -> None:
    """Check FILES, or a whole world, and print every error. Nothing is written but by --report.

    A file below kern/, arch/ or user/ is checked together with the rest of its world, and only its own errors are shown.
    Any other file is checked as a program of its own.
    """
    from compiler import checking

    if not files and not world:
        raise click.UsageError("name the files to check, or a --world")
    if report:
        if files or not world or watch or as_json:
            raise click.UsageError("--report is about a --world, and goes with nothing else")
        from compiler import proofs

        return proofs.show(world, arch, checked)
    if watch and as_json:
        raise click.UsageError("--watch is for people, --json for programs; choose one")
    if watch:
        from compiler.watch import watch_files

        sys.exit(watch_files(list(files), world, arch, checked))
    errors = checking.check_files(list(files), world, arch, checked)
    if as_json:
        print(checking.as_json(errors))
        sys.exit(1 if errors else 0)
    if errors:
        print(checking.as_text(errors, paint_for(sys.stderr)) + "\n", file=sys.stderr)
        raise BuildFailed(len(errors))
    print("no errors")


@cli.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Explain the error CODE: why the rule exists, what breaks it, and what to write instead. Without CODE: list them all.

    A word instead of a code lists the errors that are about it.
    """
    from compiler import explain as explaining

    try:
        explaining.show(code)
    except explaining.UnknownCode as unknown:
        raise click.UsageError(str(unknown)) from None


@cli.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("file", type=SOURCE)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--checked/--release", default=True, show_default=True)
def run(file: Path, arguments: tuple[str, ...], checked: bool) -> None:
    """Compile FILE and run its `main() -> i32` here, on the host; the exit status is what main returns."""
    from compiler.host import runner

    sys.exit(runner.run_file(file, list(arguments), checked))


@cli.command()
@click.argument("file", type=SOURCE)
@click.option("--test", "-t", "tests", multiple=True, metavar="NAME", help="Only this scenario of the file; may be given several times.")
@click.option("--preemptions", type=click.IntRange(0), help="Forced switches in one schedule at most.  [the scenario's, or 2]")
@click.option("--stale-reads", type=click.IntRange(0), help="Loads in one schedule that see an old value at most.  [the scenario's, or 2]")
@click.option("--schedules", type=click.IntRange(1), help="Stop after so many schedules.  [all within the bounds]")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Stop each scenario after so long.  [no such bound]")
@click.option("--over", type=click.Path(exists=True, file_okay=False), help="Folder of stand-ins.  [what the file's STAND_INS says]")
@click.option("--list", "just_list", is_flag=True, help="Only name the scenarios.")
def explore(
    file: Path,
    tests: tuple[str, ...],
    preemptions: int | None,
    stale_reads: int | None,
    schedules: int | None,
    seconds: float | None,
    over: str | None,
    just_list: bool,
) -> None:
    """Run the threads of each scenario of FILE under every schedule up to a bound, with memory as weak as the code allows.

    A failure is shown with its schedule, as lines of source; the status is then 1. docs/testing.md says how scenarios are written.
    """
    from compiler.host import explore as exploring

    bounds = {"preemptions": preemptions, "stale_reads": stale_reads, "limit": schedules, "most_seconds": seconds}
    sys.exit(exploring.explore_file(file, tests, over, just_list, **bounds))


@cli.command()
@click.argument("file", type=SOURCE)
@click.option("--stage", type=click.Choice(["ir", "optimised", "assembly"]), default="ir", show_default=True, help="What to print.")
@click.option("--arch", type=click.Choice(ARCHITECTURES), default="x86_64", show_default=True)
@click.option("--checked/--release", default=True, show_default=True)
def dump(file: Path, stage: str, arch: str, checked: bool) -> None:
    """Print what the compiler makes of the module in FILE: LLVM IR before or after optimisation, or assembly."""
    from compiler import checking

    print(checking.dump(file, stage, arch, checked))


@cli.command("explain-code")
@click.argument("place", metavar="FILE:FUNCTION")
@click.option("--arch", type=click.Choice(ARCHITECTURES), default="x86_64", show_default=True)
@click.option("--checked/--release", default=False, show_default=True, help="As a checked build has it, or a release.")
@click.option("--source/--no-source", default=True, show_default=True, help="Show the source lines.")
def explain_code(place: str, arch: str, checked: bool, source: bool) -> None:
    """Show the source lines of a function beside the instructions that they became.

    FUNCTION is a name, a method as `Class.method`, or the number of a line in it. A generic function is shown once for each
    of its instances. Beside a line stand its number and how many instructions it has, those of inlined calls included.
    """
    from rich.console import Console
    from rich.text import Text

    from compiler import explain_code

    name, colon, function = place.rpartition(":")
    if not colon or not function:
        raise click.UsageError(f"`{place}` is not FILE:FUNCTION")
    if not Path(name).is_file():
        raise click.UsageError(f"there is no file {name}")
    console = Console(highlight=False, soft_wrap=True)
    try:
        for style, text in explain_code.explain(Path(name), function, arch, checked, source):
            console.print(Text(text, style=style))
    except explain_code.NotFound as missing:
        raise click.UsageError(str(missing)) from None


@cli.command()
@click.argument("program")
@click.argument("addresses", nargs=-1, required=True)
@click.option("--arch", type=click.Choice(ARCHITECTURES), default="x86_64", show_default=True)
@click.option("--checked/--release", default=True, show_default=True)
def where(program: str, addresses: tuple[str, ...], arch: str, checked: bool) -> None:
    """Say which function, file and line ADDRESSES (hexadecimal) of PROGRAM are in; PROGRAM may be `kernel`.

    For the user backtraces that the kernel prints. In a backtrace all but the first address are return addresses: the
    line shown is that of the call.
    """
    from compiler import checking

    out = Options(arch=arch, checked=checked).out
    path = out / "kernel.debug" if program == "kernel" else out / "programs" / f"{program}.elf"
    if not path.is_file():
        raise click.UsageError(f"there is no {path}; build it first")
    try:
        numbers = [int(a, 16) for a in addresses]
    except ValueError as wrong:
        raise click.UsageError(f"not a hexadecimal address: {wrong}") from None
    print(checking.places(path, numbers))


@cli.command()
@click.option("--json", "form", flag_value="json", help="As data, for tools: arguments with kinds, sizes, members.")
@click.option("--markdown", "form", flag_value="markdown", help="As the page docs/syscalls.md.")
def syscalls(form: str | None) -> None:
    """List the system calls, as their declarations in the kernel have them."""
    import json

    from compiler.frontend import World, analyse
    from compiler.syntax.call_models import markdown, rows, signature
    from compiler.syntax.declared import declared_calls

    program = analyse(World("kernel"))
    listed = rows(program, declared_calls(program.loader))
    if form == "markdown":
        print(markdown(listed), end="")
    elif form == "json":
        print(json.dumps(listed, indent=1))
    else:
        for row in listed:
            print(f"{row['number']:>4}  {signature(row)}\n      {row['does']}")


@cli.command()
def version() -> None:
    """Print the versions of the compiler and of what it is built on."""
    from importlib.metadata import version as installed

    from compiler import VERSION

    print(f"pykaros compiler {VERSION}, Python {sys.version.split()[0]}, llvmlite {installed('llvmlite')}, ziglang {installed('ziglang')}")


if __name__ == "__main__":
    cli(prog_name="python -m compiler")
