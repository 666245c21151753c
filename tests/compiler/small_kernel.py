# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel world of one file, for tests of what is proved about whole worlds."""

from pathlib import Path

from compiler.backend.codegen import emit
from compiler.backend.stacks import Stacks
from compiler.backend.target import target_for
from compiler.frontend import World, analyse, lower

HEAD = '# SPDX-License-Identifier: GPL-2.0-or-later\n"""A test."""\n\n'
HOOKS = (
    HEAD
    + """
from typing import NoReturn

from lang import CheckSite, ErrorSlot, Format, extern, hook, u64

slot = ErrorSlot()


@extern
def stop() -> NoReturn: ...


@hook
def error_slot() -> ErrorSlot:
    return slot


@hook
def panic_with(message: Format) -> NoReturn:
    stop()


@hook
def check_failed(site: CheckSite, a: u64, b: u64) -> NoReturn:
    stop()


@hook
def allocate(size: u64, align: u64) -> u64:
    return 4096


@hook
def release(address: u64) -> None:
    pass
"""
)


def stacks_of(repo: Path, source: str, arch: str) -> Stacks:
    """What is found about the stacks of a kernel of one module, which is compiled."""
    write_kernel(repo, source)
    program = analyse(World("kernel", arch=arch, checked=False, repo=repo))
    assert [e.render() for e in program.errors] == []
    _, sizes = emit(lower(program)["kern.one"], target_for(arch, "kernel"), 2)
    path = repo / f"{arch}.stack"
    path.write_bytes(sizes)
    return Stacks(arch, program.stacks.to_json(), [path], repo)


def write_kernel(repo: Path, source: str) -> None:
    """`source` becomes kern/one.py, beside what the language needs."""
    (repo / "compiler").symlink_to(World("kernel").repo / "compiler")
    (repo / "kern").mkdir()
    (repo / "kern" / "hooks.py").write_text(HOOKS)
    (repo / "kern" / "one.py").write_text(HEAD + source)
