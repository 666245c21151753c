# SPDX-License-Identifier: GPL-2.0-or-later
"""The Internet's check sum (RFC 1071): the ones' complement sum of 16-bit words, over memory and over lists of blocks.

Sums are of big-endian words, as the protocols write them; a last odd byte counts as the high half of one. Such a sum does not depend on
the width that it is added in, so words of 64 bits are added, each carry to the lowest place; nor does its byte order matter but for the
order of the result's two bytes (RFC 1071, 2): the machine's own is used, and they are swapped at the end.
A packet is right if the sum over it, with the check sum in its place, is 0xFFFF; the check sum is what `~sum` gives while its place is 0.
"""

from lang import Ptr, Ref, Span, addr_of, bswap, struct, u8, u16, u64

WORD: u64 = 8
UNROLLED: u64 = 4                           # words a round


@struct
class Block:
    """A piece of a packet, and what follows it. Whoever made the list keeps it, and the bytes."""

    next: Ref["Block"] | None
    data: Span[u8]


def ones_sum(data: Span[u8]) -> u16:
    """The sum over these bytes, wherever in memory they begin."""
    start = addr_of(data)
    end = start + len(data)
    # Words are read where they are aligned. The bytes before and behind are put into words of their own, at the same places.
    aligned = (start + WORD - 1) & ~(WORD - 1)
    if aligned >= end:
        total = edge(start, end)
    else:
        whole = aligned + (end - aligned & ~(WORD - 1))
        total = add(add(edge(start, aligned), sum_words(aligned, (whole - aligned) // WORD)), edge(whole, end))
    folded = fold(total)
    # In memory order, and as if the bytes had begun at an even address: with an odd one, each byte was in the other half.
    return folded if start & 1 != 0 else bswap(folded)


def add(a: u64, b: u64) -> u64:
    """Ones' complement addition: a carry comes back in at the lowest place."""
    total = a + b
    return total + 1 if total < b else total


def edge(start: u64, end: u64) -> u64:
    """The bytes of [start, end), less than two words, at their places in aligned words, the rest zeros: added."""
    total: u64 = 0
    for address in range(start, end):
        total = add(total, u64(Ptr[u8](address)[0]) << address % WORD * 8)
    return total


def sum_words(start: u64, count: u64) -> u64:
    words = Ptr[u64](start)
    total: u64 = 0
    i: u64 = 0
    while i + UNROLLED <= count:
        total = add(add(add(add(total, words[i]), words[i + 1]), words[i + 2]), words[i + 3])
        i += UNROLLED
    while i < count:
        total = add(total, words[i])
        i += 1
    return total


def fold(total: u64) -> u16:
    """64 bits to 16, each carry to the lowest place."""
    total = (total >> 32) + (total & 0xFFFF_FFFF)
    total = (total >> 16) + (total & 0xFFFF)
    total = (total >> 16) + (total & 0xFFFF)
    total = (total >> 16) + (total & 0xFFFF)
    return u16(total)


def combine(before: u16, length: u64, sum: u16) -> u16:
    """The sum over two pieces, of which the first has `length` bytes: after an odd one, the halves of the second's words are swapped."""
    return fold(u64(before) + u64(bswap(sum) if length & 1 != 0 else sum))


def ptclbsum(first: Block | None, offset: u64, length: u64) -> u16:
    """The sum over `length` bytes of a list of blocks, `offset` bytes from its start; less where the list ends before."""
    total: u16 = 0
    done: u64 = 0
    skip = offset
    block = first
    while block is not None and done < length:
        if skip >= len(block.data):
            skip -= len(block.data)
        else:
            count = min(len(block.data) - skip, length - done)
            total = combine(total, done, ones_sum(block.data[skip : skip + count]))
            done += count
            skip = 0
        block = block.next
    return total


def check_sum(first: Block | None, offset: u64, length: u64) -> u16:
    """What goes into the packet: the sum's complement."""
    return ~ptclbsum(first, offset, length)
