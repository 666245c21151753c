# SPDX-License-Identifier: GPL-2.0-or-later
"""Where an error stands between `raise` and `except`: one slot for each thread (kernel thread, uthread, vcore)."""

from lang import Array, Errno, Format, Sink, array, i32, memcpy, struct, text, u8, u32


@struct
class ErrorSlot:
    """`kind` is the number of the exception class, 0 for `Error` itself."""

    kind: u32
    errno: i32
    length: u32
    text: Array[u8] = array(128)

    @property
    def message(self) -> str:
        return self.text[0 : self.length]

    def format(self, sink: Sink) -> None:
        """As CPython shows an `OSError`."""
        sink.print(f"[Errno.{Errno(self.errno)}] {self.message}")


def set_error(slot: ErrorSlot, kind: u32, errno: i32, message: Format) -> None:
    """Fill the slot. The message may itself quote what stands in the slot, so it is formatted aside first."""
    line = text(127)
    line.write(message)
    shown = line.view
    memcpy(slot.text[0 : len(shown)], shown)
    slot.length = u32(len(shown))
    slot.errno = errno
    slot.kind = kind
