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


def stacks_of(repo: Path, source: str, arch: str, whole: bool = False) -> Stacks:
    """What is found about the stacks of a kernel of one module, which is compiled; if `whole`, so is what the language brings."""
    write_kernel(repo, source)
    program = analyse(World("kernel", arch=arch, checked=False, repo=repo))
    assert [e.render() for e in program.errors] == []
    texts = lower(program)
    paths = []
    for name in texts if whole else ("kern.one",):
        paths.append(repo / f"{name}.{arch}.stack")
        paths[-1].write_bytes(emit(texts[name], target_for(arch, "kernel"), 2)[1])
    return Stacks(arch, program.stacks.to_json(), paths, repo)


def write_kernel(repo: Path, source: str) -> None:
    """`source` becomes kern/one.py, beside what the language needs."""
    (repo / "compiler").symlink_to(World("kernel").repo / "compiler")
    (repo / "kern").mkdir()
    (repo / "kern" / "hooks.py").write_text(HOOKS)
    (repo / "kern" / "one.py").write_text(HEAD + source)
