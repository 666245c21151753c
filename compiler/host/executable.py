# SPDX-License-Identifier: GPL-2.0-or-later
"""A hosted program as an executable file of the host: optimised as a release of the system is, linked by the host's C compiler.

For measuring: `run` is the way to just run a program. The processor is the plain one of the architecture, as C compilers assume.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from compiler.backend.cache import Cache
from compiler.backend.codegen import CodegenPool, Job, object_key
from compiler.backend.target import Target
from compiler.driver import LEVEL, REPO

MAIN = """
declare i32 @hosted_start(i32, ptr)
define i32 @main(i32 %count, ptr %words) {
  %status = call i32 @hosted_start(i32 %count, ptr %words)
  ret i32 %status
}
"""


class LinkFailed(Exception):
    """The text is what the linker said."""


def host_target() -> Target:
    import llvmlite.binding as llvm

    triple = llvm.get_process_triple()
    return Target(triple, "x86-64" if triple.startswith("x86_64") else "", "", "small", "", (), ())


def build_executable(source: Path, out: Path, checked: bool, compiler: str = "gcc") -> None:
    """Raises SourceErrors, RuntimeError for what LLVM refuses, LinkFailed."""
    from compiler.frontend import analyse, lower
    from compiler.host.jit import SourceErrors
    from compiler.syntax.loader import World

    program = analyse(World(kind="hosted", checked=checked, roots=[source.resolve()]))
    if program.errors:
        raise SourceErrors("\n\n".join(e.render() for e in program.errors))
    objects = _compile({**lower(program), "host.main": MAIN})
    words = [compiler, "-no-pie", "-Wl,--gc-sections", "-o", str(out), *map(str, objects)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LinkFailed(done.stderr)


def _compile(modules: dict[str, str]) -> list[Path]:
    from importlib.metadata import version

    cache, target = Cache(REPO / "build" / "cache"), host_target()
    keys = {name: object_key(ir, target, LEVEL, "llvmlite " + version("llvmlite")) for name, ir in modules.items()}
    missing = {name: key for name, key in keys.items() if cache.find(key) is None}
    jobs = [Job(name, cache.put(key, modules[name].encode(), ".ll"), key, target, LEVEL) for name, key in missing.items()]
    with CodegenPool(cache) as pool:
        failed = [o for o in pool.run(jobs) if o.error]
    if failed:
        raise RuntimeError(f"{failed[0].job.module}: {failed[0].error}")
    return [cache.path(key) for key in keys.values()]
