# SPDX-License-Identifier: GPL-2.0-or-later
"""Deflate: make data small (RFC 1951), in the wrapping of zlib (RFC 1950) or without.

Repetitions are looked for in chains of places with equal hashes, as zlib does; codes are the fixed ones, and a block that would grow is
stored as it is. So it is fast and small, rather than the last percent. A `Deflater` takes 192 KiB: have it on the heap.
No allocation, no locks. What does not fit raises ENOSPC.
"""

from lang import Array, Error, Span, array, copy_bytes, struct, u8, u16, u32, u64, wrap
from kern.abi.errno import Errno
from kern.lib.crc import adler32
from kern.lib.inflate import DISTANCE_BASE, DISTANCE_EXTRA, END, LENGTH_BASE, LENGTH_EXTRA, fixed_length

WINDOW: u64 = 32768                         # how far back a repetition may be
HASHES: u64 = 16384
SHORTEST: u64 = 3
LONGEST: u64 = 258
TRIES: u64 = 32                             # places that are compared
STORED: u64 = 65535                         # the most that one stored block has
NOWHERE: u32 = 0xFFFF_FFFF


@struct
class Deflater:
    into: Span[u8]
    done: u64
    bits: u64                               # not yet written
    bit_count: u64
    heads: Array[u32] = array(HASHES)       # last place with each hash
    chain: Array[u32] = array(WINDOW)       # by place modulo the window: the one before with the same hash

    def run(self, data: Span[u8], into: Span[u8]) -> None:
        self.into = into
        self.done = 0
        self.bits = 0
        self.bit_count = 0
        try:
            self.pack(data)
            if self.done <= len(data) + 5 * (len(data) // STORED + 1):
                return
        except Error as e:
            if e.errno != Errno.ENOSPC:
                raise
        self.done = 0
        self.store(data)

    def store(self, data: Span[u8]) -> None:
        """As it is."""
        rest = data
        while True:
            count = min(len(rest), STORED)
            self.put_byte(1 if count == len(rest) else 0)
            for value in (count, count ^ 0xFFFF):
                self.put_byte(wrap(u8, value))
                self.put_byte(wrap(u8, value >> 8))
            if count > len(self.into) - self.done:
                raise Error(Errno.ENOSPC, f"packed data is more than {len(self.into)} bytes")
            copy_bytes(self.into[self.done : self.done + count], rest[:count])
            self.done += count
            rest = rest[count:]
            if len(rest) == 0:
                return

    def pack(self, data: Span[u8]) -> None:
        """One block with the fixed codes."""
        for i in range(HASHES):
            self.heads[i] = NOWHERE
        self.put(1, 1)
        self.put(1, 2)
        at: u64 = 0
        while at < len(data):
            length, distance = self.find(data, at)
            if length < SHORTEST:
                self.put_literal(u64(data[at]))
                length = 1
            else:
                self.put_repetition(length, distance)
            end = at + length
            while at < end:
                self.remember(data, at)
                at += 1
        self.put_literal(END)
        if self.bit_count > 0:
            self.put(0, 8 - self.bit_count % 8)

    # -- repetitions ----------------------------------------------------------------------------------------------
    def remember(self, data: Span[u8], at: u64) -> None:
        if at + SHORTEST <= len(data):
            hash = hash_at(data, at)
            self.chain[at % WINDOW] = self.heads[hash]
            self.heads[hash] = u32(at)

    def find(self, data: Span[u8], at: u64) -> tuple[u64, u64]:
        """(the length of the longest repetition that is found, how far back it is)."""
        most = min(LONGEST, len(data) - at)
        best: u64 = 0
        distance: u64 = 0
        if most < SHORTEST:
            return 0, 0
        place = self.heads[hash_at(data, at)]
        for _ in range(TRIES):
            if place == NOWHERE or at - u64(place) > WINDOW:
                break
            count: u64 = 0
            while count < most and data[u64(place) + count] == data[at + count]:
                count += 1
            if count > best:
                best, distance = count, at - u64(place)
            before = self.chain[u64(place) % WINDOW]
            if before != NOWHERE and before >= place:
                break                       # what stood there was overwritten
            place = before
        return best, distance

    # -- bits -----------------------------------------------------------------------------------------------------
    def put(self, value: u64, count: u64) -> None:
        """The lowest bits of `value`, the lowest first."""
        self.bits |= value << self.bit_count
        self.bit_count += count
        while self.bit_count >= 8:
            self.put_byte(wrap(u8, self.bits))
            self.bits >>= 8
            self.bit_count -= 8

    def put_byte(self, byte: u8) -> None:
        if self.done == len(self.into):
            raise Error(Errno.ENOSPC, f"packed data is more than {len(self.into)} bytes")
        self.into[self.done] = byte
        self.done += 1

    def put_literal(self, symbol: u64) -> None:
        length = u64(fixed_length(symbol))
        self.put(reversed_bits(fixed_code(symbol), length), length)

    def put_repetition(self, length: u64, distance: u64) -> None:
        symbol = last_up_to(LENGTH_BASE[:], length)
        self.put_literal(257 + symbol)
        self.put(length - u64(LENGTH_BASE[symbol]), u64(LENGTH_EXTRA[symbol]))
        symbol = last_up_to(DISTANCE_BASE[:], distance)
        self.put(reversed_bits(symbol, 5), 5)
        self.put(distance - u64(DISTANCE_BASE[symbol]), u64(DISTANCE_EXTRA[symbol]))


def hash_at(data: Span[u8], at: u64) -> u64:
    return (u64(data[at]) << 16 | u64(data[at + 1]) << 8 | u64(data[at + 2])) * 0x9E37_79B1 >> 10 & HASHES - 1


def last_up_to(table: Span[u16], value: u64) -> u64:
    """Index of the last that is not larger."""
    index = len(table) - 1
    while u64(table[index]) > value:
        index -= 1
    return index


def fixed_code(symbol: u64) -> u64:
    """Of literals and lengths (RFC 1951, 3.2.6)."""
    if symbol < 144:
        return 0x30 + symbol
    if symbol < 256:
        return 0x190 + symbol - 144
    return symbol - 256 if symbol < 280 else 0xC0 + symbol - 280


def reversed_bits(value: u64, count: u64) -> u64:
    """Codes stand with their highest bit first."""
    found: u64 = 0
    for i in range(count):
        found |= (value >> i & 1) << count - 1 - i
    return found


def deflate(deflater: Deflater, data: Span[u8], into: Span[u8]) -> u64:
    """Pack; returns how many bytes. Raises ENOSPC."""
    if len(data) >= u64(NOWHERE):
        raise Error(Errno.EFBIG, f"{len(data)} bytes are too many to pack at once")
    deflater.run(data, into)
    return deflater.done


def zip(deflater: Deflater, data: Span[u8], into: Span[u8]) -> u64:
    """The same in zlib's wrapping."""
    if len(into) < 6:
        raise Error(Errno.ENOSPC, f"packed data is more than {len(into)} bytes")
    into[0] = 0x78
    into[1] = 0x01
    end = 2 + deflate(deflater, data, into[2 : len(into) - 4])
    check = adler32(data)
    for i in range(u64(4)):
        into[end + i] = wrap(u8, check >> 24 - u32(i) * 8)
    return end + 4
