# SPDX-License-Identifier: GPL-2.0-or-later
"""#random: unpredictable bytes without end, for keys, sequence numbers, ports.

#random/random      waits until enough has happened since boot; then as urandom
#random/urandom     never waits
What is written to either is stirred in. Fortuna (kern/lib/fortuna.py) is fed by what the hardware or the firmware has, and by the moments
at which interrupts come (kern/core/noise.py), whenever somebody reads.
Locks: `lock`, a sleeping lock, over the generator.
"""

from lang import Array, Span, array, cycle_counter, u8, u64
from arch import cpu
from kern.abi.file import FileKind, OpenMode, Stat
from kern.boot.main import inits
from kern.core.noise import harvest
from kern.lib import random
from kern.lib.fortuna import Fortuna
from kern.ns.dev import Dev, devices
from kern.ns.folder import FolderFile, new_folder
from kern.ns.node import Node
from kern.ns.transfer import Transfer
from kern.sync.qlock import QLock
from kern.sync.rendez import sleep_ns
from kern.time.clock import NS_PER_MS, now_ns, wall_ns

DEV_ID: u64 = 11
CHUNK: u64 = 256
HARDWARE_WORDS: u64 = 8                     # of 64 bits; 4 are enough
FROM_INTERRUPTS: u8 = 1
FROM_WRITER: u8 = 2
NAP_NS: u64 = 10 * NS_PER_MS

generator = Fortuna()
lock = QLock()


@inits
def start_random() -> None:
    """The seed: what the hardware or the firmware gives, and, which is no secret but never the same, the time."""
    generator.init()
    bytes = array(HARDWARE_WORDS * 8, u8)
    count: u64 = 0
    while count < HARDWARE_WORDS and (word := cpu.hardware_random()) is not None:
        put_word(bytes[count * 8 :], word)
        random.stir(word)
        count += 1
    generator.seed(bytes[: count * 8])
    put_word(bytes[0:8], cycle_counter())
    put_word(bytes[8:16], wall_ns())
    generator.seed(bytes[0:16])


def put_word(into: Span[u8], word: u64) -> None:
    for i in range(u64(8)):
        into[i] = u8(word >> (i * 8) & 0xFF)


def add_noise(word: u64) -> None:
    bytes = array(8, u8)
    put_word(bytes[0:8], word)
    generator.add_event(FROM_INTERRUPTS, bytes[0:8])


def fill(into: Span[u8]) -> bool:
    """The next bytes. Whether the generator has ever had enough to start from. Raises ENOMEM."""
    with lock:
        harvest(add_noise)
        generator.reseed_if_due(now_ns())
        generator.fill(into)
        return generator.is_seeded


class RandomFile(Node):
    kind: FileKind = FileKind.CHAR
    waits: bool

    def is_seekable(self) -> bool:
        return False

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        """As much as is asked for, up to MOST_AT_ONCE. Raises EINTR."""
        buffer = array(CHUNK, u8)
        start = io.done
        io.keep_short()
        while io.left > 0:
            size = min(io.left, CHUNK)
            if not fill(buffer[:size]) and self.waits:
                sleep_ns(NAP_NS)
                continue
            io.give(buffer[:size])
        return io.done - start

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        buffer = array(32, u8)
        start = io.done
        io.keep_short()
        while io.left > 0:
            count = io.take(buffer[0:32])
            with lock:
                generator.add_event(FROM_WRITER, buffer[:count])
        return io.done - start

    def stat(self, into: Stat) -> None:
        into.dev = DEV_ID
        into.mode = 0o666
        into.nlink = 1


random_file = RandomFile(waits=True)
urandom_file = RandomFile(waits=False)
files: Array[FolderFile] = (FolderFile("random", node=random_file), FolderFile("urandom", node=urandom_file))


@devices
class RandomDev(Dev):
    name: str = "random"
    dev_id: u64 = DEV_ID

    def attach(self) -> Node:
        return new_folder(files[:], DEV_ID)
