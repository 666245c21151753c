# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bytes that grow. Owns its memory: `close` gives it back. No lock."""

from lang import Span, array, free, memcpy, new, struct, u8, u64

FIRST_ROOM: u64 = 64


@struct
class Buffer:
    memory: Span[u8]
    used: u64 = 0

    @property
    def view(self) -> str:
        """What is in it; valid until the next change."""
        return self.memory[: self.used]

    def add(self, byte: u8) -> None:
        self._reserve(1)
        self.memory[self.used] = byte
        self.used += 1

    def append(self, data: str) -> None:
        if len(data) == 0:
            return
        self._reserve(len(data))
        memcpy(self.memory[self.used : self.used + len(data)], data)
        self.used += len(data)

    def clear(self) -> None:
        self.used = 0

    def close(self) -> None:
        if len(self.memory) > 0:
            free(self.memory)
        self.memory = self.memory[:0]
        self.used = 0

    def _reserve(self, count: u64) -> None:
        if self.used + count <= len(self.memory):
            return
        larger = new(array(max(self.used + count, len(self.memory) * 2, FIRST_ROOM), u8))
        if self.used > 0:
            memcpy(larger[: self.used], self.memory[: self.used])
        if len(self.memory) > 0:
            free(self.memory)
        self.memory = larger
