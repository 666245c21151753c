# SPDX-License-Identifier: GPL-2.0-or-later
"""The Internet's check sum as the machine's own code computes it, against the sum byte by byte. What both cost is told, not judged, since
an emulator may be stopped in any try. Against the RFC's words, at random, it is tested on a host (tests/host/test_checksum.py)."""

from lang import Error, Span, array, u8, u16, u64
from kern.abi.errno import Errno
from kern.ktest.runner import KernelTest, check, kernel_tests, report
from kern.lib.checksum import Block, ones_sum, ptclbsum
from kern.time.clock import now_ns

PACKET: u64 = 1460                          # what a TCP segment on an Ethernet carries
PACKETS: u64 = 400

bytes = array(100, u8)
packet = array(PACKET, u8)


def simple_sum(data: Span[u8]) -> u16:
    """RFC 1071, 1, without any thought of speed."""
    high: u64 = 0
    low: u64 = 0
    for i, byte in enumerate(data):
        if i % 2 == 0:
            high += u64(byte)
        else:
            low += u64(byte)
    total = (high << 8) + low
    while total >> 16 != 0:
        total = (total >> 16) + (total & 0xFFFF)
    return u16(total)


def fill(data: Span[u8]) -> None:
    for i in range(len(data)):
        data[i] = u8(i * 7 & 0xFF)


@kernel_tests
class Ptclbsum(KernelTest):
    """Every piece of a hundred bytes, whole and as two blocks."""

    name: str = "net.ptclbsum"

    def run(self) -> None:
        fill(bytes[:])
        for start in range(u64(100)):
            for end in range(start, u64(101)):
                expected = simple_sum(bytes[start:end])
                check(ones_sum(bytes[start:end]) == expected, f"bytes {start} to {end}: not {expected:#x}")
        for cut in range(u64(101)):
            second = Block(data=bytes[cut:100])
            first = Block(next=second, data=bytes[:cut])
            check(ptclbsum(first, 3, 90) == simple_sum(bytes[3:93]), f"two blocks, cut at {cut}")


def time_simple() -> u64:
    """Nanoseconds for all packets."""
    start = now_ns()
    sum: u64 = 0
    for _ in range(PACKETS):
        sum += u64(simple_sum(packet[:]))
    if sum != PACKETS * u64(simple_sum(packet[:])):
        raise Error(Errno.EPROTO, "the same packet, other sums")
    return now_ns() - start


def time_fast() -> u64:
    block = Block(data=packet[:])
    expected = u64(simple_sum(packet[:]))
    start = now_ns()
    sum: u64 = 0
    for _ in range(PACKETS):
        sum += u64(ptclbsum(block, 0, PACKET))
    took = now_ns() - start
    if sum != PACKETS * expected:
        raise Error(Errno.EPROTO, f"{PACKETS} packets add up to {sum:#x}, not {PACKETS * expected:#x}")
    return took


def tell(what: str, took: u64) -> None:
    report.say(f"{what}: {took // PACKETS} ns for {PACKET} bytes")


@kernel_tests
class SimpleSumBench(KernelTest):
    """What it costs byte by byte."""

    name: str = "net.simplesum_bench"

    def run(self) -> None:
        fill(packet[:])
        tell("byte by byte", time_simple())


@kernel_tests
class PtclbsumBench(KernelTest):
    """What it costs."""

    name: str = "net.ptclbsum_bench"

    def run(self) -> None:
        fill(packet[:])
        tell("ptclbsum", time_fast())
