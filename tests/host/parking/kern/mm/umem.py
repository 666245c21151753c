# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: what is written is there, and so is what is read into, but for the buffer at `missing`."""

from lang import Span, Uaddr, at, copy_bytes, u8, u32, u64
from kern.abi.syscall import Syscall
from kern.ns import transfer


def try_read(into: Span[u8], source: Uaddr) -> bool:
    copy_bytes(into, Span[u8](u64(source), len(into)))
    return True


def try_write(into: Uaddr, source: Span[u8]) -> bool:
    if u64(into) == transfer.missing.load():
        return False
    copy_bytes(Span[u8](u64(into), len(source)), source)
    return True


def has_flag(call: Uaddr, flag: u32) -> bool:
    return at(Syscall, u64(call)).flags.load() & flag != 0
