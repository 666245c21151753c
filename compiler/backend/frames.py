# SPDX-License-Identifier: GPL-2.0-or-later
"""What an object says about stacks: each function's frame, and whom it calls or leaves for.

Frame sizes are LLVM's own, to the byte: every function is compiled with `warn-stack-size=0`, so that it tells. Calls are those
of the machine code, after inlining: the relocations of call and jump instructions, since each function has a section of its own.
A jump to another function is a tail call: the frame is gone by then.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from compiler.backend.elf import Elf

SHT_RELA = 4
CALL, JUMP = 1, 2
X86_CALLS, RISCV_CALLS = (2, 4), (18, 19)  # R_X86_64_PC32, PLT32; R_RISCV_CALL, CALL_PLT
_RELOCATION = struct.Struct("<QQq")
_SAID = re.compile(r"stack frame size \((\d+)\) exceeds limit \(0\) in function '(.*)'$", re.MULTILINE)
_ATTRIBUTE = '"frame-pointer"="all"'


def ask(ir: str) -> str:
    """The same module, whose functions tell the size of their frames when they are emitted."""
    return ir.replace(_ATTRIBUTE, f'{_ATTRIBUTE} "warn-stack-size"="0"')


@contextmanager
def listening() -> Iterator[list[str]]:
    """What LLVM writes to standard error meanwhile is in the list afterwards.

    In a code generator's worker that is a file, where its last words stay if it aborts. Elsewhere it goes to one for so long.
    """
    said: list[str] = []
    kept = -1
    with tempfile.TemporaryFile() as file:
        readable = fcntl.fcntl(2, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
        if not (readable and stat.S_ISREG(os.fstat(2).st_mode)):
            kept = os.dup(2)
            os.dup2(file.fileno(), 2)
        start = os.lseek(2, 0, os.SEEK_END)
        try:
            yield said
        finally:
            said.append(os.pread(2, os.lseek(2, 0, os.SEEK_END) - start, start).decode(errors="replace"))
            if kept >= 0:
                os.dup2(kept, 2)
                os.close(kept)


def is_answer(line: str) -> bool:
    """Whether a line of LLVM's is what it was asked for."""
    return _SAID.search(line) is not None


def describe(code: bytes, said: str) -> bytes:
    """{function: [bytes of frame, [called], [left for]]} of an object, as JSON."""
    sizes = {name: int(size) for size, name in _SAID.findall(said)}
    elf = Elf(code)
    riscv = struct.unpack_from("<H", code, 18)[0] == 243
    found: dict[str, tuple[int, list[str], list[str]]] = {}
    for section in elf.sections:
        if section.name.startswith(".text."):
            name = section.name[len(".text.") :]
            found[name] = (sizes.get(name, 0), [], [])
    names = elf.symbol_names()
    for section in elf.sections:
        if section.kind == SHT_RELA and section.name.startswith(".rela.text."):
            name = section.name[len(".rela.text.") :]
            body = elf.sections[section.info]
            text = code[body.offset : body.offset + body.size]
            for offset, info, _ in _RELOCATION.iter_unpack(code[section.offset : section.offset + section.size]):
                how = (_riscv_call if riscv else _x86_call)(text, offset, info & 0xFFFF_FFFF)
                target = names[info >> 32]
                _, calls, jumps = found[name]
                into = calls if how == CALL else jumps
                if how and target and target not in into:
                    into.append(target)
    return json.dumps(found).encode()


def _x86_call(text: bytes, offset: int, kind: int) -> int:
    """CALL, JUMP, or 0 for anything else (Intel SDM vol. 2: E8, E9, 0F 8x, each with a 32-bit displacement)."""
    if kind not in X86_CALLS:
        return 0
    if text[offset - 1] == 0xE8:
        return CALL
    return JUMP if text[offset - 1] == 0xE9 or text[offset - 2] == 0x0F and text[offset - 1] & 0xF0 == 0x80 else 0


def _riscv_call(text: bytes, offset: int, kind: int) -> int:
    """`auipc` and `jalr`, which links or not."""
    if kind not in RISCV_CALLS:
        return 0
    (jalr,) = struct.unpack_from("<I", text, offset + 4)
    return CALL if jalr >> 7 & 31 else JUMP
