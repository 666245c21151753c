# SPDX-License-Identifier: GPL-2.0-or-later
"""Bits: named fields over an integer, as values, fields and elements."""

from enum import IntEnum

from lang import Array, Bits, array, bit, bits, bswap, clz, ctz, i32, mul_high, popcount, struct, u8, u16, u32, u64


class Vector(IntEnum):
    FIXED = 0
    LOWEST = 1
    NMI = 4


class Pte(Bits[u64]):
    present = bit(0)
    writable = bit(1)
    kind = bits(8, 10, Vector)
    pfn = bits(12, 51)
    no_exec = bit(63)


class Small(Bits[u8]):
    low = bits(0, 3)
    high = bits(4, 7)


@struct
class Table:
    first: Pte
    entries: Array[Pte] = array(4)
    tag: Small


def describe(pte: Pte) -> None:
    print(pte.present, pte.writable, pte.kind, pte.pfn, pte.no_exec, f"{pte.raw:#x}")


def main() -> i32:
    pte = Pte(present=True, pfn=0x12345, kind=Vector.NMI)
    describe(pte)
    other = pte
    other.writable = True
    other.pfn += 1
    other.no_exec = True
    describe(pte)
    describe(other)
    describe(Pte.from_raw(0x8000000000000403))
    table = Table(first=pte)
    table.entries[2].present = True
    table.entries[2].pfn = 9
    table.tag.high = 15
    table.tag.low = 3
    table.first.present = False
    print(table.entries[2].raw, table.entries[1].raw, table.tag.raw, table.first.present, pte.present)
    table.entries[0] = other
    print(table.entries[0].raw == other.raw)
    value: u32 = 0x00F0_1234
    print(popcount(value), clz(value), ctz(value), f"{bswap(value):#x}", popcount(u8(255)), clz(u16(1)), ctz(u64(1) << 40))
    print(mul_high(0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF), mul_high(1 << 40, 1 << 40))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
