# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lines typed so far, newest last. Owns copies of them. Used by the shell's only thread: no lock."""

from lang import Array, array, i64, struct, u64
from lib.strings import discard, duplicate

HISTORY_SIZE: u64 = 200


@struct
class History:
    lines: Array[str] = array(HISTORY_SIZE)
    total: u64 = 0                          # ever added; line n is in slot n % HISTORY_SIZE

    @property
    def first(self) -> u64:
        """The number of the oldest line that is still there."""
        return self.total - HISTORY_SIZE if self.total > HISTORY_SIZE else 0

    def add(self, line: str) -> None:
        """Remember a line, unless it is blank or the same as the last."""
        if len(line.strip()) == 0 or (self.total > 0 and self.line(self.total - 1) == line):
            return
        slot = self.total % HISTORY_SIZE
        discard(self.lines[slot])
        self.lines[slot] = duplicate(line)
        self.total += 1

    def line(self, number: u64) -> str:
        """Line `number`, from `first` to `total` - 1."""
        return self.lines[number % HISTORY_SIZE]

    def search(self, wanted: str, below: u64) -> i64:
        """The newest line older than number `below` that contains `wanted`, or -1."""
        number = below
        while number > self.first:
            number -= 1
            if self.line(number).find(wanted) >= 0:
                return i64(number)
        return -1
