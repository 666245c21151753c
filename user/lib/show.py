# SPDX-License-Identifier: LGPL-2.1-or-later
"""What C programs print by %r, %i and %M, as values that print themselves: `f"{ErrStr()} {Ip4(address)} {Mac(bytes)}"`; and
hexdumps.

An f-string takes any class with `format(self, sink)`, so these are no extensions of the language.
"""

from lang import Array, Errno, Sink, Span, array, struct, u8, u32, u64
from rt.hooks import error_slot

PER_LINE: u64 = 16


@struct
class ErrStr:
    """The words of the calling thread's last error, as the kernel put them: `f"cannot open it: {ErrStr()}"`."""

    unused: u8

    def format(self, sink: Sink) -> None:
        slot = error_slot()
        sink.print(f"{Errno(slot.errno).name}: {slot.message}")


@struct
class Ip4:
    """An IPv4 address, the first part in the highest byte."""

    address: u32

    def format(self, sink: Sink) -> None:
        a = self.address
        sink.print(f"{a >> 24}.{a >> 16 & 255}.{a >> 8 & 255}.{a & 255}")


@struct
class Ip6:
    """An IPv6 address, 16 bytes in the order of the network, shortened as RFC 5952 wants it; v4 in v6 as IPv4."""

    bytes: Array[u8] = array(16)

    def group(self, i: u64) -> u32:
        return u32(self.bytes[2 * i]) << 8 | u32(self.bytes[2 * i + 1])

    def is_mapped_v4(self) -> bool:
        return all(self.group(i) == 0 for i in range(u64(5))) and self.group(5) == 0xFFFF

    def format(self, sink: Sink) -> None:
        if self.is_mapped_v4():
            sink.print(f"{Ip4(self.group(6) << 16 | self.group(7))}")
            return
        start, length = self.longest_zeros()
        i: u64 = 0
        while i < 8:
            if i == start and length > 1:
                sink.put("::")
                i += length
                continue
            if i > 0 and not (i == start + length and length > 1):
                sink.put(":")
            sink.print(f"{self.group(i):x}")
            i += 1

    def longest_zeros(self) -> tuple[u64, u64]:
        """(first group, number of groups) of the first longest run of zeros."""
        best: u64 = 0
        length: u64 = 0
        i: u64 = 0
        while i < 8:
            run: u64 = 0
            while i + run < 8 and self.group(i + run) == 0:
                run += 1
            if run > length:
                best = i
                length = run
            i += max(run, u64(1))
        return best, length


@struct
class Mac:
    """A hardware address of 6 bytes."""

    bytes: Array[u8] = array(6)

    def format(self, sink: Sink) -> None:
        for i in range(6):
            if i > 0:
                sink.put(":")
            sink.print(f"{self.bytes[i]:02x}")


def hexdump(sink: Sink, data: Span[u8], address: u64) -> None:
    """Lines of 16 bytes: where, in hexadecimal, as text. `address` is what the first byte's is said to be."""
    done: u64 = 0
    while done < len(data):
        line = data[done : min(done + PER_LINE, len(data))]
        sink.print(f"{address + done:08x} ")
        for i in range(PER_LINE):
            if i % 8 == 0:
                sink.put(" ")
            if i < len(line):
                sink.print(f"{line[i]:02x} ")
            else:
                sink.put("   ")
        sink.put(" |")
        for byte in line:
            if 32 <= byte < 127:
                sink.print(f"{byte:c}")
            else:
                sink.put(".")
        sink.put("|\n")
        done += PER_LINE
