# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: the caller's end of a read or a write is memory that is there, but for the buffer at `missing`, which must be waited for."""

from lang import Atomic, Ref, Span, copy_bytes, struct, u8, u64
from kern.ns.chan import Chan

missing = Atomic[u64](0)


@struct
class Transfer:
    base: u64
    length: u64
    done: u64
    in_kernel: bool
    chan: Ref[Chan] | None
    was_parked: bool

    @property
    def left(self) -> u64:
        return self.length - self.done

    def give(self, data: Span[u8]) -> u64:
        count = min(len(data), self.left)
        copy_bytes(Span[u8](self.base + self.done, count), data[:count])
        self.done += count
        return count

    def give_at_once(self, data: Span[u8]) -> bool:
        if self.base == missing.load():
            return False
        self.give(data)
        return True

    def take(self, into: Span[u8]) -> u64:
        count = min(len(into), self.left)
        copy_bytes(into[:count], Span[u8](self.base + self.done, count))
        self.done += count
        return count
