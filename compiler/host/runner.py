# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m compiler run`: a hosted program, compiled and run in a child process, so that only it can crash."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from compiler.driver import REPO, BuildFailed, CompilerCrash
from compiler.report import paint_for

COMPILER_FAILED = 3


def run_file(file: Path, arguments: list[str], checked: bool) -> int:
    """Its exit status; 128 + n if signal n ended it. Raises BuildFailed after printing the errors of the source."""
    from compiler.frontend import analyse, lower
    from compiler.syntax.loader import World

    program = analyse(World(kind="hosted", checked=checked, roots=[file.resolve()]))
    if program.errors:
        for e in program.errors:
            print(e.render(paint_for(sys.stderr)) + "\n", file=sys.stderr)
        raise BuildFailed(len(program.errors))
    modules = lower(program)
    sys.stdout.flush()
    sys.stderr.flush()
    started, told = os.pipe()
    child = os.fork()  # no thread and no LLVM in this process yet: a plain fork is safe
    if child == 0:
        os.close(started)
        _run(modules, [str(file), *arguments], told)
    os.close(told)
    return _wait(child, started)


def _run(modules: dict[str, str], arguments: list[str], told: int) -> None:
    """The child: never returns."""
    import traceback

    try:
        from compiler.backend.cache import Cache
        from compiler.host.engine import Engine

        engine = Engine(modules, Cache(REPO / "build" / "cache"), in_process=True)
        if not engine.address("hosted_start"):
            raise RuntimeError("the hosted world has no hosted_start")
        os.write(told, b"run")
        status = engine.start(arguments)
    except BaseException:  # noqa: BLE001  the parent logs it; nothing of the parent may run on here
        os.write(told, traceback.format_exc().encode())
        status = COMPILER_FAILED
    os._exit(status & 255)


def _wait(child: int, started: int) -> int:
    with os.fdopen(started, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    _, raw = os.waitpid(child, 0)
    status = os.waitstatus_to_exitcode(raw)
    if said != "run":
        raise CompilerCrash("the code generator failed", said or f"the child ended with status {status}\n")
    if status < 0:
        name = signal.Signals(-status).name
        print(f"the program was ended by {name}", file=sys.stderr)
        return 128 - status
    return status
