# SPDX-License-Identifier: GPL-2.0-or-later
"""`Text`: text built in storage of a fixed size, and `Format`: an f-string on its way to a sink.

`text(80)` makes a `Text` with 80 bytes of room right behind it, so that it survives being copied whole; the compiler fills in
`room`. A text that is full drops what does not fit, and says so in `truncated`; it never ends in half a character.
No locks: the owner's.
"""

from collections.abc import Callable

from lang import Ptr, Sink, addr_of, memcpy, sizeof, span_of, struct, u8, u64


@struct
class Format:
    """What an f-string becomes as an argument: a function that prints it, and where its values stand (the caller's stack)."""

    fn: Callable[[u64, Sink], None]
    ctx: u64

    def print_to(self, sink: Sink) -> None:
        self.fn(self.ctx, sink)


class Text(Sink):
    room: u64
    used: u64
    truncated: bool

    @property
    def ptr(self) -> Ptr[u8]:
        return Ptr[u8](addr_of(self) + sizeof(Text))

    @property
    def view(self) -> str:
        """The text so far; valid until the next change."""
        return span_of(self.ptr, self.used)

    @property
    def len(self) -> u64:
        return self.used

    def __len__(self) -> u64:
        return self.used

    def put(self, data: str) -> None:
        if self.truncated:  # nothing goes behind a gap
            return
        n = len(data)
        left = self.room - self.used
        if n > left:
            n = left
            self.truncated = True
            while n > 0 and data[n] & 0xC0 == 0x80:
                n -= 1
        if n > 0:
            memcpy(span_of(self.ptr + self.used, n), data[0:n])
        self.used += n

    def append(self, data: str) -> None:
        self.put(data)

    def write(self, message: Format) -> None:
        message.print_to(self)

    def clear(self) -> None:
        self.used = 0
        self.truncated = False

    def pop(self, count: u64) -> None:
        """Drop the last `count` bytes."""
        self.used -= min(count, self.used)
        self.truncated = self.truncated and count == 0
