# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel world of one file, for tests of what is proved about whole worlds."""

from pathlib import Path

from compiler.frontend import World

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


def write_kernel(repo: Path, source: str) -> None:
    """`source` becomes kern/one.py, beside what the language needs."""
    (repo / "compiler").symlink_to(World("kernel").repo / "compiler")
    (repo / "kern").mkdir()
    (repo / "kern" / "hooks.py").write_text(HOOKS)
    (repo / "kern" / "one.py").write_text(HEAD + source)
