# SPDX-License-Identifier: GPL-2.0-or-later
"""Address ranges: a table of disjoint ranges, in order, and which of them an address lies in. No lock: tables are made once."""

from lang import Span, struct, u64


@struct
class AddressRange:
    """[start, end), and what is said of it: a number of the table's owner."""

    start: u64
    end: u64
    meaning: u64

    def holds(self, address: u64) -> bool:
        return self.start <= address < self.end


def find_range(ranges: Span[AddressRange], address: u64) -> AddressRange | None:
    """The range that an address lies in. The ranges are sorted and disjoint."""
    low: u64 = 0
    high = len(ranges)
    while low < high:
        middle = (low + high) // 2
        if ranges[middle].end <= address:
            low = middle + 1
        else:
            high = middle
    if low < len(ranges) and ranges[low].holds(address):
        return ranges[low]
    return None


def are_sorted(ranges: Span[AddressRange]) -> bool:
    """Whether a table is as it must be: no range is empty, each begins where the one before ends, or behind that."""
    end: u64 = 0
    for range in ranges:
        if range.start < end or range.end <= range.start:
            return False
        end = range.end
    return True
