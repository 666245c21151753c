# SPDX-License-Identifier: GPL-2.0-or-later
"""A hash map with open addressing, and word counting."""

from lang import Array, Errno, Error, array, free, i32, memcpy, new, struct, u8, u32, u64

SLOTS = 64


@struct
class Entry:
    key: Array[u8] = array(16)
    length: u32
    count: u32

    @property
    def name(self) -> str:
        return self.key[0 : self.length]


@struct
class Counts:
    entries: Array[Entry] = array(SLOTS)
    used: u32

    def find(self, word: str) -> Entry:
        if len(word) > 16:
            raise Error(Errno.ENAMETOOLONG, f"{word} has {len(word)} bytes")
        at = hash_of(word) % SLOTS
        while True:
            entry = self.entries[at]
            if entry.length == 0:
                memcpy(entry.key[0 : len(word)], word)
                entry.length = u32(len(word))
                self.used += 1
                return entry
            if entry.name == word:
                return entry
            at = (at + 1) % SLOTS


def hash_of(word: str) -> u64:
    found: u64 = 0xCBF29CE484222325
    for byte in word:
        found ^= u64(byte)
        found *= 0x100000001B3
    return found


TEXT = "the cat and the dog and the bird saw the cat run and the dog sleep extraordinarily-long-word"


def main() -> i32:
    counts = new(Counts)
    rest = TEXT
    while rest:
        word, rest = rest.split1(" ")
        try:
            counts.find(word).count += 1
        except Error as e:
            print(e.errno, e.message)
    for entry in counts.entries:
        if entry.count > 0:
            print(f"{entry.name:<6}{entry.count:>3}", end=";")
    print(counts.used)
    print(f"{hash_of(TEXT):016x}")
    free(counts)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
