# SPDX-License-Identifier: GPL-2.0-or-later
"""CircularBuffer: the newest records that fit, over storage that the caller gives. A new record pushes the oldest ones out, whole.

For logs and traces, where what happened last is wanted. Records are byte strings of any length; each takes four bytes more than its own.
No lock: the caller has one.
"""

from lang import Span, must_use, struct, u8, u32, u64

HEADER: u64 = 4                             # the length of a record, before its bytes


@struct
class CircularBuffer:
    storage: Span[u8]
    head: u64                               # position of the oldest record; positions only grow
    tail: u64                               # where the next record goes
    dropped: u64                            # records that were pushed out

    @must_use
    def write(self, record: Span[u8]) -> bool:
        """Append a record. False, and nothing is lost, if it is longer than the whole buffer holds."""
        size = HEADER + len(record)
        if size > len(self.storage):
            return False
        while self.tail - self.head + size > len(self.storage):
            self.drop_oldest()
        length = u32(len(record))
        for i in range(HEADER):
            self.put(self.tail + i, u8(length >> u32(i * 8) & 0xFF))
        for i in range(len(record)):
            self.put(self.tail + HEADER + i, record[i])
        self.tail += size
        return True

    def read(self, into: Span[u8], skip: u64) -> u64:
        """Copy what the records hold, oldest first and joined, from its `skip`th byte on. How many bytes."""
        copied: u64 = 0
        passed: u64 = 0
        place = self.head
        while place < self.tail and copied < len(into):
            length = self.length_at(place)
            start = min(max(skip, passed) - passed, length)
            count = min(length - start, len(into) - copied)
            for i in range(count):
                into[copied + i] = self.get(place + HEADER + start + i)
            copied += count
            passed += length
            place += HEADER + length
        return copied

    def read_oldest(self, into: Span[u8]) -> u64 | None:
        """Take the oldest record out, as much of it as fits; its length. None if there is none."""
        if self.head == self.tail:
            return None
        length = self.length_at(self.head)
        for i in range(min(length, len(into))):
            into[i] = self.get(self.head + HEADER + i)
        self.head += HEADER + length
        return length

    def clear(self) -> None:
        self.head = self.tail

    def size(self) -> u64:
        """Bytes that the records hold together."""
        total: u64 = 0
        place = self.head
        while place < self.tail:
            length = self.length_at(place)
            total += length
            place += HEADER + length
        return total

    def drop_oldest(self) -> None:
        self.head += HEADER + self.length_at(self.head)
        self.dropped += 1

    def length_at(self, place: u64) -> u64:
        length: u64 = 0
        for i in range(HEADER):
            length |= u64(self.get(place + i)) << (i * 8)
        return length

    def get(self, place: u64) -> u8:
        return self.storage[place % len(self.storage)]

    def put(self, place: u64, value: u8) -> None:
        self.storage[place % len(self.storage)] = value
