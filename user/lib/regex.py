# SPDX-License-Identifier: LGPL-2.1-or-later
r"""Regular expressions for `grep`: `. * + ? ^ $ [abc] [^a-z] \x`, over bytes.

A pattern is a row of items, each one set of bytes with a repetition. Matching follows all ways through the row at
once, so its time is length times items, for every pattern and every input.
"""

from lang import Array, Error, Errno, array, struct, u8, u64
from lib.strings import to_lower, to_upper

MAX_ITEMS: u64 = 255
ONCE: u8 = 0
STAR: u8 = 1
PLUS: u8 = 2
OPTIONAL: u8 = 3


@struct
class Item:
    members: Array[u64] = array(4)          # one bit a byte value
    repeat: u8 = ONCE

    def add(self, byte: u8) -> None:
        self.members[byte // 64] |= 1 << u64(byte % 64)

    def has(self, byte: u8) -> bool:
        return self.members[byte // 64] >> u64(byte % 64) & 1 != 0

    def complement(self) -> None:
        for i in range(4):
            self.members[i] = ~self.members[i]


@struct
class Regex:
    items: Array[Item] = array(256)
    count: u64 = 0
    at_start: bool = False                  # `^` came first
    at_end: bool = False                    # `$` came last
    ignore_case: bool = False
    active: Array[bool] = array(257)        # while matching: items about to be tried
    following: Array[bool] = array(257)

    def compile(self, pattern: str) -> None:
        """Take a new pattern. Raises Error(EINVAL) that says what is wrong with it."""
        self.count = 0
        self.at_end = False
        at: u64 = 0
        self.at_start = pattern.startswith("^")
        if self.at_start:
            at = 1
        while at < len(pattern):
            if pattern[at] == ord("$") and at + 1 == len(pattern):
                self.at_end = True
                return
            at = self._item(pattern, at)
            at = self._repetition(pattern, at)

    def _item(self, pattern: str, at: u64) -> u64:
        if self.count >= MAX_ITEMS:
            raise Error(Errno.E2BIG, "the pattern is too long")
        item = self.items[self.count]
        self.count += 1
        item.repeat = ONCE
        for i in range(4):
            item.members[i] = 0
        byte = pattern[at]
        if byte == ord("."):
            item.complement()
            return at + 1
        if byte == ord("["):
            return self._set(item, pattern, at + 1)
        if byte == ord("\\"):
            if at + 1 >= len(pattern):
                raise Error(Errno.EINVAL, "the pattern ends in a backslash")
            self._add(item, pattern[at + 1])
            return at + 2
        self._add(item, byte)
        return at + 1

    def _set(self, item: Item, pattern: str, start: u64) -> u64:
        """`[...]`, from behind the bracket. A `]` that comes first stands for itself."""
        at = start
        inverted = at < len(pattern) and pattern[at] == ord("^")
        if inverted:
            at += 1
        first = at
        while at < len(pattern) and (pattern[at] != ord("]") or at == first):
            low = pattern[at]
            high = low
            if at + 2 < len(pattern) and pattern[at + 1] == ord("-") and pattern[at + 2] != ord("]"):
                high = pattern[at + 2]
                at += 2
            if low > high:
                raise Error(Errno.EINVAL, "a range in [] runs backwards")
            value = u64(low)
            while value <= u64(high):
                self._add(item, u8(value))
                value += 1
            at += 1
        if at >= len(pattern):
            raise Error(Errno.EINVAL, "[ without ]")
        if inverted:
            item.complement()
        return at + 1

    def _add(self, item: Item, byte: u8) -> None:
        item.add(byte)
        if self.ignore_case:
            item.add(to_lower(byte))
            item.add(to_upper(byte))

    def _repetition(self, pattern: str, at: u64) -> u64:
        if at >= len(pattern):
            return at
        item = self.items[self.count - 1]
        if pattern[at] == ord("*"):
            item.repeat = STAR
        elif pattern[at] == ord("+"):
            item.repeat = PLUS
        elif pattern[at] == ord("?"):
            item.repeat = OPTIONAL
        else:
            return at
        return at + 1

    def matches(self, line: str) -> bool:
        """Whether the pattern is found anywhere in `line` (as far as its anchors let it)."""
        for i in range(self.count + 1):
            self.active[i] = False
        at: u64 = 0
        while True:
            if at == 0 or not self.at_start:
                self._activate(0)
            if self.active[self.count] and (not self.at_end or at == len(line)):
                return True
            if at >= len(line):
                return False
            self._step(line[at])
            at += 1

    def _activate(self, start: u64) -> None:
        """Item `start` is to be tried next, and so are those behind it as long as they may be skipped."""
        i = start
        while True:
            self.active[i] = True
            if i >= self.count:
                return
            repeat = self.items[i].repeat
            if repeat != STAR and repeat != OPTIONAL:
                return
            i += 1

    def _step(self, byte: u8) -> None:
        """One byte further, on every way at once."""
        for i in range(self.count + 1):
            self.following[i] = self.active[i]
            self.active[i] = False
        for i in range(self.count):
            if self.following[i] and self.items[i].has(byte):
                repeat = self.items[i].repeat
                if repeat == STAR or repeat == PLUS:
                    self.active[i] = True
                self._activate(i + 1)
        # An item that repeats stays active, and so does what may follow it: a STAR is skippable once entered.
        for i in range(self.count):
            if self.active[i] and self.items[i].repeat == STAR:
                self._activate(i)
