# SPDX-License-Identifier: LGPL-2.1-or-later
"""Standard output for programs that write much: collected, and written when full or on `flush`.

A failed write ends the program: quietly if the reader of a pipe has gone (`yes | head`), else with a message. One thread only.
"""

from lang import Array, Errno, Error, Sink, array, memcpy, recursion, u8, u64
from rt.io import STDERR, STDOUT, write_all

import sys

ROOM: u64 = 8192


class Output(Sink):
    """`put` a string, `print` an f-string (no line end is added), `flush` before the program ends."""

    used: u64 = 0
    buffer: Array[u8] = array(ROOM)

    @recursion(1)                           # its complaint about itself goes elsewhere
    def put(self, data: str) -> None:
        rest = data
        while len(rest) > 0:
            count = min(len(rest), ROOM - self.used)
            memcpy(self.buffer[self.used : self.used + count], rest[:count])
            self.used += count
            rest = rest[count:]
            if self.used == ROOM:
                self.flush()

    def line(self, data: str) -> None:
        self.put(data)
        self.put("\n")

    def flush(self) -> None:
        count = self.used
        self.used = 0
        if count == 0:
            return
        try:
            write_all(STDOUT, self.buffer[:count])
        except Error as e:
            if e.errno != Errno.EPIPE:
                print(f"cannot write: {e.message}", file=STDERR)
            sys.exit(1)


out = Output()
