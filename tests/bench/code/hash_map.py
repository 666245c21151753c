# SPDX-License-Identifier: GPL-2.0-or-later
"""hash_map N ROUNDS: N insertions, 2 N look-ups (half of them in vain) and N/2 removals in a map with open addressing."""

import sys

from lang import Span, array, i32, new, struct, u64

EMPTY: u64 = 0
REMOVED: u64 = 0xFFFF_FFFF_FFFF_FFFF


@struct
class Entry:
    key: u64
    value: u64


@struct
class Map:
    entries: Span[Entry]
    mask: u64
    count: u64

    def slot(self, key: u64) -> u64:
        return (key * 0x9E37_79B9_7F4A_7C15 >> 20) & self.mask

    def put(self, key: u64, value: u64) -> None:
        i = self.slot(key)
        while self.entries[i].key != EMPTY and self.entries[i].key != key:
            i = (i + 1) & self.mask
        entry = self.entries[i]
        if entry.key == EMPTY:
            entry.key = key
            self.count += 1
        entry.value = value

    def get(self, key: u64) -> u64:
        i = self.slot(key)
        while True:
            entry = self.entries[i]
            if entry.key == key:
                return entry.value
            if entry.key == EMPTY:
                return 0
            i = (i + 1) & self.mask

    def remove(self, key: u64) -> bool:
        i = self.slot(key)
        while self.entries[i].key != EMPTY:
            if self.entries[i].key == key:
                self.entries[i].key = REMOVED
                self.count -= 1
                return True
            i = (i + 1) & self.mask
        return False


def main() -> i32:
    n = u64(sys.argv[1])
    rounds = u64(sys.argv[2])
    size: u64 = 1
    while size < n * 2:
        size *= 2
    map = Map(entries=new(array(size, Entry)), mask=size - 1)
    check: u64 = 0
    for _ in range(rounds):
        for i in range(size):
            map.entries[i].key = EMPTY
        map.count = 0
        for i in range(n):
            map.put(i * 2 + 1, i)
        for i in range(n * 2):
            check += map.get(i)
        for i in range(n // 2):
            if map.remove(i * 3):
                check += 1
        check += map.count
    print(check)
    return 0
