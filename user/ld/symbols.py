# SPDX-License-Identifier: LGPL-2.1-or-later
"""Finding symbols by name, in the hash tables that the linker leaves in each file (the GNU format: a Bloom filter that says `not here` at
once, then buckets and chains; a chain's symbols lie one after the other, and the lowest bit of a hash marks the last).

Layout of a table: u32 buckets, first symbol, words of the filter, shift of the filter; u64 filter[]; u32 bucket[]; u32 chain[].
"""

from lang import Ptr, addr_of, at, sizeof, struct, u32, u64
from kern.abi.elf import ElfSymbol
from ld.objects import Linked, LinkedObject, text_of


@struct
class Found:
    """A definition, and whose it is."""

    symbol: u64                             # address of the ElfSymbol
    base: u64


def hash_of(name: str) -> u32:
    """Bernstein's: times 33."""
    hash: u32 = 5381
    for byte in name:
        hash = hash * 33 + u32(byte)
    return hash


def find_here(object: LinkedObject, name: str, hash: u32) -> ElfSymbol | None:
    """The object's own definition of a symbol."""
    if object.hash == 0:
        return None
    head = Ptr[u32](object.hash)
    buckets, first, words, shift = head[0], head[1], head[2], head[3]
    if buckets == 0 or words == 0:
        return None
    filter = Ptr[u64](object.hash + 16)
    word = filter[hash // 64 % words]
    if word >> u64(hash % 64) & word >> u64((hash >> shift) % 64) & 1 == 0:
        return None
    bucket = Ptr[u32](object.hash + 16 + 8 * u64(words))
    chain = Ptr[u32](object.hash + 16 + 8 * u64(words) + 4 * u64(buckets))
    index = bucket[hash % buckets]
    if index < first:
        return None
    while True:
        there = chain[index - first]
        if there | 1 == hash | 1:
            symbol = at(ElfSymbol, object.symbols + u64(index) * sizeof(ElfSymbol))
            if symbol.section != 0 and text_of(object, u64(symbol.name)) == name:
                return symbol
        if there & 1 != 0:
            return None
        index += 1


def find_symbol(linked: Linked, name: str, found: Found) -> bool:
    """The first definition, the program's before those of libraries."""
    hash = hash_of(name)
    for i in range(linked.count):
        symbol = find_here(linked.objects[i], name, hash)
        if symbol is not None:
            found.symbol = addr_of(symbol)
            found.base = linked.objects[i].base
            return True
    return False
