# SPDX-License-Identifier: LGPL-2.1-or-later
"""Relocation: storing addresses where a file wants them, now that it is known where everything lies.

All is bound before the program begins, so code that a call reaches is never looked for at a time when nothing may be waited for.
Which kinds there are is the processor's matter (arch.user_abi). Thread-local variables are the program's alone: its threads'
blocks are laid out for its own image.
"""

from lang import Errno, Error, Ptr, at, sizeof, struct, u8, u32, u64, wrap
from arch import user_abi
from kern.abi.elf import ElfSymbol
from ld.objects import Linked, LinkedObject, text_of
from ld.symbols import Found, find_symbol

WEAK: u8 = 2


@struct(size=24)
class Relocation:
    offset: u64                             # of the word that is to be stored
    info: u64                               # its kind in the low half, the symbol's number in the high one
    addend: u64


def relocate(linked: Linked, object: LinkedObject) -> None:
    """Apply all that the object asks for. Raises ENOEXEC: nobody defines a symbol, or what is asked for is not known here."""
    apply_table(linked, object, object.relocations, object.relocations_size)
    apply_table(linked, object, object.jumps, object.jumps_size)


def apply_table(linked: Linked, object: LinkedObject, table: u64, size: u64) -> None:
    for place in range(table, table + size, sizeof(Relocation)):
        one = at(Relocation, place)
        Ptr[u64](object.base + one.offset)[0] = value_of(linked, object, one)


def value_of(linked: Linked, object: LinkedObject, one: Relocation) -> u64:
    kind = wrap(u32, one.info)
    if kind == user_abi.RELOCATE_BASE:
        return object.base + one.addend
    if kind == user_abi.RELOCATE_COPY:
        raise Error(Errno.ENOEXEC, f"{object.name}: it is not position-independent, and uses a library's variables")
    if kind != user_abi.RELOCATE_THREAD and kind not in user_abi.RELOCATE_SYMBOL:
        raise Error(Errno.ENOEXEC, f"{object.name}: a relocation of kind {kind}")
    symbol = at(ElfSymbol, object.symbols + (one.info >> 32) * sizeof(ElfSymbol))
    name = text_of(object, u64(symbol.name))
    found = Found()
    if not find_symbol(linked, name, found):
        if symbol.info >> 4 == WEAK:
            return one.addend
        raise Error(Errno.ENOEXEC, f"{object.name}: nobody defines {name}")
    definition = at(ElfSymbol, found.symbol)
    if kind == user_abi.RELOCATE_THREAD:
        return user_abi.thread_distance(definition.value + one.addend, linked.thread_size)
    return found.base + definition.value + one.addend
