# SPDX-License-Identifier: GPL-2.0-or-later
"""Gives every function and variable of a module its own section, so that the linker can leave out what nobody uses.

llvmlite does not offer LLVM's function-sections option, hence this pass over the IR's text: definitions without a
`section` get one. Section names follow the usual scheme, from which LLVM takes their kind (`.bss.` occupies no file
space, `.tdata.` is thread-local). Private constants (string literals) stay in LLVM's mergeable sections.
"""

from __future__ import annotations

import re

_NAME = r'@(?:"((?:[^"])*)"|([\w.$-]+))'
_DEFINE = re.compile(r"^define [^@]*" + _NAME)
_TAIL = re.compile(
    r'((?: comdat(?:\([^)]*\))?)?(?: align \d+)?(?: gc "[^"]*")?(?: prefix .*?)?(?: personality .*?)?(?: ![\w.]+ !\d+)*\s*\{?\s*)$'
)
_GLOBAL = re.compile(r"^" + _NAME + r"\s*=\s*(?!.*\bprivate\b)((?:[a-z_]+(?:\([^)]*\))?\s+)*?)(global|constant)\s(.*)$")
_GLOBAL_TAIL = re.compile(r"((?:, (?:comdat(?:\([^)]*\))?|align \d+|![\w.]+ !\d+|code_model .*?))*)\s*$")

_ZERO = re.compile(r"(?:\szeroinitializer|\snull|\sfalse|\si\d+ 0)$")


def separate(ir: str) -> str:
    """The same module with a section for each definition."""
    out = []
    for line in ir.split("\n"):
        if line.startswith("define ") and ' section "' not in line:
            line = _function(line)
        elif line.startswith("@") and ', section "' not in line:
            line = _variable(line)
        out.append(line)
    return "\n".join(out)


def _function(line: str) -> str:
    head, tail = _DEFINE.match(line), _TAIL.search(line)
    if head is None or tail is None or line.rstrip().endswith("}"):
        return line
    name = head.group(1) or head.group(2)
    return f'{line[: tail.start()]} section ".text.{name}"{tail.group(1)}'


def _variable(line: str) -> str:
    head, tail = _GLOBAL.match(line), _GLOBAL_TAIL.search(line)
    if head is None or tail is None or "external " in (head.group(3) + " "):
        return line
    name = head.group(1) or head.group(2)
    if name.startswith("llvm."):
        return line
    zero = _ZERO.search(line[: tail.start()]) is not None
    if "thread_local" in head.group(3):
        kind = ".tbss" if zero else ".tdata"
    elif head.group(4) == "constant":
        kind = ".rodata"
    else:
        kind = ".bss" if zero else ".data"
    return f'{line[: tail.start()]}, section "{kind}.{name}"{tail.group(1)}'
