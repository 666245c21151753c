# SPDX-License-Identifier: GPL-2.0-or-later
"""Dynamic programs: which there are, which modules are compiled for them a second time, and what differs in their IR.

A module of `user/shared/` is a shared library; a program that imports from one, or opens some as it runs (user/lib/dynlink.py), is
linked against them, as a position-independent executable, and started by the dynamic linker `user/ld/`. All other programs are static,
and their objects know nothing of this: position-independent twins are made of the modules that dynamic programs reach, and of no
others (docs/decisions/dynamic-programs.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from compiler.backend.target import Target

LINKER = "ld.start"  # the module that the dynamic linker begins in
LINKER_PATH = "/lib/ld.so"
_METADATA = re.compile(r"^!(\d+) = ", re.MULTILINE)
_USES_SHARED = re.compile(r"^(?:from|import) (?:shared|(?:lib\.)?dynlink)\b", re.MULTILINE)
_NAME = r'@("[^"]+"|[\w.$-]+)'
_DEFINED = re.compile(rf"^define (?!available_externally |internal ).*?{_NAME}\(|^{_NAME} = dso_local ", re.MULTILINE)
_USED = re.compile(rf"^declare dso_local .*?{_NAME}\(|^{_NAME} = external ", re.MULTILINE)


def uses_shared(source: str) -> bool:
    """Whether a program with this text is dynamic."""
    return _USES_SHARED.search(source) is not None


def libraries(repo: Path) -> dict[str, str]:
    """File name -> module of each shared library."""
    return {f"lib{path.stem}.so": f"shared.{path.stem}" for path in sorted((repo / "user" / "shared").glob("*.py"))}


def independent_target(target: Target) -> Target:
    return replace(target, relocation="pic")


def independent_ir(ir: str) -> str:
    """The module's twin: what others define may be in another file, at a distance that only the dynamic linker knows. What it defines
    itself is here (libraries are linked with -Bsymbolic), so it is reached as in a static program."""
    lines = []
    for line in ir.split("\n"):
        if line.startswith("declare dso_local "):
            line = line.replace(" dso_local", "", 1)
        elif line.startswith("@"):
            line = line.replace(" thread_local(localexec)", " thread_local(initialexec)", 1)
            line = line.replace(" external dso_local ", " external ", 1)
        lines.append(line)
    # What LLVM itself refers to, the frames' canary, it takes to be in the same file unless the module says this.
    number = max((int(n) for n in _METADATA.findall(ir)), default=0) + 1
    flag = [f"!llvm.module.flags = !{{!{number}}}", f'!{number} = !{{i32 8, !"PIC Level", i32 2}}', ""]
    return "\n".join([*lines, *flag])


def reached(modules: dict[str, str], roots: Iterable[str]) -> list[str]:
    """The modules that the roots refer to, by way of others too; and those that assembly does, by names without a module's."""
    homes = {_name(m): module for module, ir in modules.items() for m in _DEFINED.finditer(ir)}
    exported = [module for name, module in homes.items() if not name.startswith((f"{module}.", f"main.{module}"))]
    pending = [name for name in (*roots, *exported) if name in modules]
    found: set[str] = set()
    while pending:
        module = pending.pop()
        if module not in found:
            found.add(module)
            used = {homes.get(_name(m), module) for m in _USED.finditer(modules[module])}
            pending += used - found
    return sorted(found)


def _name(match: re.Match[str]) -> str:
    return (match.group(1) or match.group(2)).strip('"')
