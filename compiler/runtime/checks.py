# SPDX-License-Identifier: GPL-2.0-or-later
"""A failed run-time check, as checked builds report it: `FILE:LINE: in FUNCTION: index 12 is not below 8`.

A check costs a comparison and a branch that is never taken. What it would say stands in a constant that the compiler makes for
each place, the `CheckSite`; the cold side passes its address and the raw operands to the hook `check_failed`, which ends the program.
"""

from lang import Ptr, Ref, Sink, i64, span_of, struct, u8, u32, u64, wrap


@struct
class CheckSite:
    """One check's place and text. The compiler writes it (compiler/lower/module.py), in this order.

    The texts end in a NUL. In `what`, `%d`, `%u` and `%x` stand for the next operand: signed, unsigned, in hexadecimal; `%s` for a text
    whose address and length are the operands; `%%` for a per cent sign.
    """

    what: Ptr[u8]
    file: Ptr[u8]
    function: Ptr[u8]
    line: u32


@struct
class FailedCheck:
    site: Ref[CheckSite]
    a: u64
    b: u64

    def format(self, sink: Sink) -> None:
        sink.print(f"{text_at(self.site.file)}:{self.site.line}: in {text_at(self.site.function)}: ")
        what = text_at(self.site.what)
        operand = self.a
        start: u64 = 0
        at: u64 = 0
        while at + 1 < len(what):
            if what[at] != ord("%"):
                at += 1
                continue
            sink.put(what[start:at])
            if what[at + 1] == ord("%"):
                sink.put("%")
            else:
                self.put_operand(sink, what[at + 1], operand)
                operand = self.b
            at += 2
            start = at
        sink.put(what[start:])

    def put_operand(self, sink: Sink, kind: u8, operand: u64) -> None:
        if kind == ord("d"):
            sink.print(f"{wrap(i64, operand)}")
        elif kind == ord("x"):
            sink.print(f"{operand:#x}")
        elif kind == ord("s"):
            sink.put(span_of(Ptr[u8](self.a), self.b))
        else:
            sink.print(f"{operand}")


FARTHEST: u64 = 1 << 16  # bytes from a frame to its caller's: what lies further away is another stack


def activations(frame: u64, links: u64) -> u64:
    """How often a function stands on this stack: frames that return to where the one at `frame` does.

    Its only call tells it from others (compiler/lower/module.py). `links` is where in a frame its caller's stands, and behind that
    the place to return to.
    """
    place = Ptr[u64](frame + links)
    back, count = place[1], u64(1)
    at = frame
    while at < place[0] < at + FARTHEST and place[0] % 8 == 0:
        at = place[0]
        place = Ptr[u64](at + links)
        if place[1] == back:
            count += 1
    return count


def text_at(start: Ptr[u8]) -> str:
    """The text up to the NUL."""
    length: u64 = 0
    while start[length] != 0:
        length += 1
    return span_of(start, length)
