# SPDX-License-Identifier: GPL-2.0-or-later
"""Inflate: what deflate made small (RFC 1951), in the wrapping of zlib (RFC 1950) or without.

Both give how many bytes they wrote into `into`. Whatever the input is, they end: anything that is not as the RFC says raises EINVAL,
what does not fit ENOSPC. An `Inflater` takes 4 KiB: keep it off kernel stacks. No allocation, no locks.
"""

from lang import Array, Error, Span, array, copy_bytes, struct, u8, u16, u32, u64
from kern.abi.errno import Errno
from kern.lib.crc import adler32

MAX_BITS: u64 = 15                          # of a code
LITERALS: u64 = 288
DISTANCES: u64 = 32
END: u64 = 256                              # the symbol that ends a block
CODE_LENGTHS: u64 = 19


def length_extra(n: u64) -> u8:
    """The symbol 257 + n stands for a length: how many more bits it takes."""
    return 0 if n < 8 or n == 28 else u8((n - 4) // 4)


def length_base(n: u64) -> u16:
    """And which is the least that it stands for."""
    if n == 28:
        return 258
    return u16(n + 3) if n < 8 else u16((4 + n % 4 << (n - 4) // 4) + 3)


def distance_extra(n: u64) -> u8:
    """The same of a symbol for a distance."""
    return 0 if n < 4 else u8((n - 2) // 2)


def distance_base(n: u64) -> u16:
    return u16(n + 1) if n < 4 else u16((2 + n % 2 << (n - 2) // 2) + 1)


LENGTH_BASE: tuple[u16, ...] = tuple(length_base(n) for n in range(u64(29)))
LENGTH_EXTRA: tuple[u8, ...] = tuple(length_extra(n) for n in range(u64(29)))
DISTANCE_BASE: tuple[u16, ...] = tuple(distance_base(n) for n in range(u64(30)))
DISTANCE_EXTRA: tuple[u8, ...] = tuple(distance_extra(n) for n in range(u64(30)))
# In which order the lengths of the code for code lengths stand.
LENGTH_ORDER: tuple[u8, ...] = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


class PackedError(Error):
    """The data is not what deflate makes."""


@struct
class Code:
    """A Huffman code in canonical form: how many codes there are of each length, and their symbols in order."""

    counts: Array[u16] = array(16)
    symbols: Array[u16] = array(288)

    def make(self, lengths: Span[u8]) -> None:
        """From each symbol's length, 0 for those that do not occur. Raises EINVAL for a code that is none."""
        for n in range(16):
            self.counts[n] = 0
        for given in lengths:
            self.counts[given] += 1
        left: u64 = 1                       # codes of a length that nothing shorter begins
        used: u64 = 0
        for n in range(u64(1), MAX_BITS + 1):
            left = left * 2
            count = u64(self.counts[n])
            if count > left:
                raise PackedError(Errno.EINVAL, "packed data: too many codes of one length")
            left -= count
            used += count
        # A code that leaves some out is allowed if it has just one, of one bit, or none.
        if left != 0 and not (used == 0 or used == 1 and self.counts[1] == 1):
            raise PackedError(Errno.EINVAL, "packed data: a code with gaps")
        self.counts[0] = 0
        offsets = array(17, u64)
        for n in range(u64(1), MAX_BITS + 1):
            offsets[n + 1] = offsets[n] + u64(self.counts[n])
        for symbol in range(len(lengths)):
            length = u64(lengths[symbol])
            if length != 0:
                self.symbols[offsets[length]] = u16(symbol)
                offsets[length] += 1


@struct
class Inflater:
    source: Span[u8]
    at: u64
    bits: u64                               # read, but not used
    bit_count: u64
    into: Span[u8]
    done: u64
    literals: Code
    distances: Code
    lengths: Array[u8] = array(320)

    def run(self, packed: Span[u8], into: Span[u8]) -> None:
        """All blocks."""
        self.source = packed
        self.at = 0
        self.bits = 0
        self.bit_count = 0
        self.into = into
        self.done = 0
        last: u64 = 0
        while last == 0:
            last = self.take(1)
            kind = self.take(2)
            if kind == 0:
                self.copy_stored()
                continue
            if kind == 1:
                self.use_fixed()
            elif kind == 2:
                self.read_codes()
            else:
                raise PackedError(Errno.EINVAL, "packed data: a block of the kind that does not exist")
            self.unpack()

    def take(self, count: u64) -> u64:
        """The next bits, the first lowest."""
        while self.bit_count < count:
            if self.at == len(self.source):
                raise PackedError(Errno.EINVAL, "packed data: it ends in the middle")
            self.bits |= u64(self.source[self.at]) << self.bit_count
            self.at += 1
            self.bit_count += 8
        found = self.bits & (u64(1) << count) - 1
        self.bits >>= count
        self.bit_count -= count
        return found

    def symbol(self, code: Code) -> u64:
        """The next symbol: bit after bit, until there is a code that long."""
        value: u64 = 0
        first: u64 = 0
        index: u64 = 0
        for length in range(u64(1), MAX_BITS + 1):
            value |= self.take(1)
            count = u64(code.counts[length])
            if value < first + count:
                return u64(code.symbols[index + value - first])
            index += count
            first = (first + count) * 2
            value *= 2
        raise PackedError(Errno.EINVAL, "packed data: a code that stands for nothing")

    def copy_stored(self) -> None:
        """A block that is as it was, from the next whole byte on."""
        self.at -= self.bit_count // 8
        self.bits = 0
        self.bit_count = 0
        length = self.take(16)
        if self.take(16) != length ^ 0xFFFF:
            raise PackedError(Errno.EINVAL, "packed data: a stored block whose length is not confirmed")
        if length > len(self.source) - self.at:
            raise PackedError(Errno.EINVAL, "packed data: it ends in the middle")
        self.check_room(length)
        copy_bytes(self.into[self.done : self.done + length], self.source[self.at : self.at + length])
        self.at += length
        self.done += length

    def check_room(self, count: u64) -> None:
        if count > len(self.into) - self.done:
            raise Error(Errno.ENOSPC, f"unpacked data is more than {len(self.into)} bytes")

    def use_fixed(self) -> None:
        """The codes that every reader knows."""
        for i in range(LITERALS):
            self.lengths[i] = fixed_length(i)
        self.literals.make(self.lengths[:LITERALS])
        for i in range(DISTANCES):
            self.lengths[i] = 5
        self.distances.make(self.lengths[:DISTANCES])

    def read_codes(self) -> None:
        """The codes of this block, whose lengths are themselves coded."""
        literals = self.take(5) + 257
        distances = self.take(5) + 1
        given = self.take(4) + 4
        if literals > 286 or distances > 30:
            raise PackedError(Errno.EINVAL, "packed data: more symbols than there are")
        for i in range(CODE_LENGTHS):
            self.lengths[i] = 0
        for i in range(given):
            self.lengths[LENGTH_ORDER[i]] = u8(self.take(3))
        self.literals.make(self.lengths[:CODE_LENGTHS])
        index: u64 = 0
        while index < literals + distances:
            symbol = self.symbol(self.literals)
            if symbol < 16:
                self.lengths[index] = u8(symbol)
                index += 1
                continue
            value: u8 = 0
            if symbol == 16:
                if index == 0:
                    raise PackedError(Errno.EINVAL, "packed data: the first length repeats what is not there")
                value = self.lengths[index - 1]
            count = self.repeats(symbol)
            if index + count > literals + distances:
                raise PackedError(Errno.EINVAL, "packed data: more lengths than symbols")
            for _ in range(count):
                self.lengths[index] = value
                index += 1
        if self.lengths[END] == 0:
            raise PackedError(Errno.EINVAL, "packed data: a block that cannot end")
        self.literals.make(self.lengths[:literals])
        self.distances.make(self.lengths[literals : literals + distances])

    def repeats(self, symbol: u64) -> u64:
        if symbol == 16:
            return 3 + self.take(2)
        return 3 + self.take(3) if symbol == 17 else 11 + self.take(7)

    def unpack(self) -> None:
        """A block's literals and repetitions."""
        while True:
            symbol = self.symbol(self.literals)
            if symbol == END:
                return
            if symbol < END:
                self.check_room(1)
                self.into[self.done] = u8(symbol)
                self.done += 1
                continue
            if symbol - 257 >= len(LENGTH_BASE):
                raise PackedError(Errno.EINVAL, "packed data: a length that does not exist")
            length = u64(LENGTH_BASE[symbol - 257]) + self.take(u64(LENGTH_EXTRA[symbol - 257]))
            symbol = self.symbol(self.distances)
            if symbol >= len(DISTANCE_BASE):
                raise PackedError(Errno.EINVAL, "packed data: a distance that does not exist")
            distance = u64(DISTANCE_BASE[symbol]) + self.take(u64(DISTANCE_EXTRA[symbol]))
            if distance > self.done:
                raise PackedError(Errno.EINVAL, "packed data: a repetition of what was before the start")
            self.check_room(length)
            for _ in range(length):         # it may repeat what it writes itself
                self.into[self.done] = self.into[self.done - distance]
                self.done += 1


def fixed_length(symbol: u64) -> u8:
    if symbol < 144:
        return 8
    if symbol < 256:
        return 9
    return 7 if symbol < 280 else 8


def inflate(inflater: Inflater, packed: Span[u8], into: Span[u8]) -> u64:
    """Unpack bare deflate data; returns how many bytes. Raises EINVAL, ENOSPC."""
    inflater.run(packed, into)
    return inflater.done


def unzip(inflater: Inflater, packed: Span[u8], into: Span[u8]) -> u64:
    """The same of zlib's wrapping, whose check sum must be right."""
    if len(packed) < 6 or packed[0] & 15 != 8 or packed[1] & 32 != 0 or (u32(packed[0]) * 256 + u32(packed[1])) % 31 != 0:
        raise PackedError(Errno.EINVAL, "packed data: it does not begin as zlib's")
    inflater.run(packed[2:], into)
    end = 2 + inflater.at - inflater.bit_count // 8
    if end + 4 > len(packed):
        raise PackedError(Errno.EINVAL, "packed data: it ends in the middle")
    wanted: u32 = 0
    for i in range(u64(4)):
        wanted = wanted << 8 | u32(packed[end + i])
    if adler32(into[: inflater.done]) != wanted:
        raise PackedError(Errno.EINVAL, "packed data: its check sum is wrong")
    return inflater.done
