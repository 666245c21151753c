# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that devices read and write: physically contiguous, where a device can reach it, at an address that the device knows it by.

- `dma_alloc` gives whole pages of the arena `dma32`, all below 4 GiB: the kernel's own, for any device.
- A `DmaPool` cuts small blocks from those pages, aligned, and none across a boundary that its device cannot cross.
- A `UserDma` is a process' own: pages in its address space, which the device knows by the process' addresses (by way of an IOMMU).
The first two never block. On both boards a device's address is the physical one.
Locks: the arenas'; of a UserDma, `lock`, a sleeping lock.
"""

from lang import Array, Error, Paddr, Ref, Uaddr, array, struct, u64
from kern.abi.errno import Errno
from kern.abi.mman import MapFlags, Prot
from kern.boot.main import inits
from kern.mm.arena import Arena
from kern.mm.mmap import mm_map, mm_unmap
from kern.mm.pages import JUMBO, PAGE_MASK, PAGE_SIZE, base
from kern.mm.segments import Constraints
from kern.proc.proc import Proc
from kern.sync.qlock import QLock

FOUR_GIB: u64 = 1 << 32
CHUNK: u64 = 16 * PAGE_SIZE                 # what a process' arena grows by, at least
MOST_CHUNKS: u64 = 64

dma32 = Arena()


@inits
def init_dma() -> None:
    dma32.init("dma32", PAGE_SIZE)
    dma32.take = take_low
    dma32.give = give_low
    dma32.import_size = JUMBO


def take_low(self: Arena, size: u64) -> u64:
    room = base.rounded(size)
    start = base.try_within(room, Constraints(maximum=FOUR_GIB))
    if start is None:
        raise Error(Errno.ENOMEM, f"no {room} bytes of memory below 4 GiB are free in one piece")
    return start


def give_low(self: Arena, start: u64, size: u64) -> None:
    base.put_segment(start, base.rounded(size))


def dma_alloc(size: u64) -> Paddr:
    """Contiguous pages, contents undefined. Raises ENOMEM."""
    return Paddr(dma32.alloc(size))


def dma_free(address: Paddr, size: u64) -> None:
    """Give back what dma_alloc(size) gave."""
    dma32.free(u64(address), size)


@struct
class DmaPool:
    """Blocks of one size; the arena that they come from imports pages of `dma32`."""

    blocks: Arena
    size: u64
    wanted: Constraints

    def init(self, name: str, size: u64, align: u64, boundary: u64) -> None:
        """Blocks of `size` bytes, aligned to `align`, none of which crosses a multiple of `boundary` (0: of anything)."""
        self.blocks.init(name, 1)
        self.blocks.import_from(dma32)
        self.size = size
        self.wanted.align = align
        self.wanted.nocross = boundary

    def alloc(self) -> Paddr:
        """A block, contents undefined. Raises ENOMEM, EINVAL for what no block can be."""
        return Paddr(self.blocks.alloc_within(self.size, self.wanted))

    def free(self, block: Paddr) -> None:
        self.blocks.free_within(u64(block), self.size)

    def destroy(self) -> None:
        """Every block is free. Interrupts are on, no spinlock is held."""
        self.blocks.destroy()


@struct
class UserChunk:
    start: u64
    size: u64


@struct
class UserDma:
    """A process' pages for a device, brought in at once, so that the device never finds one missing. May block."""

    owner: Ref[Proc] | None
    pages: Arena
    lock: QLock
    chunks: Array[UserChunk] = array(MOST_CHUNKS)
    count: u64

    def init(self, p: Proc) -> None:
        """The caller's reference to the process is kept until `destroy`."""
        self.owner = p
        self.pages.init("user-dma", PAGE_SIZE)

    def alloc(self, size: u64) -> Uaddr:
        """Pages of zeros, or of what was there before, at the process' address, which is the device's too. Raises ENOMEM."""
        with self.lock:
            try:
                return Uaddr(self.pages.alloc(size))
            except Error as e:
                if e.errno != Errno.ENOMEM:
                    raise
            self.map_more(max((size + PAGE_MASK) & ~PAGE_MASK, CHUNK))
            return Uaddr(self.pages.alloc(size))

    def free(self, address: Uaddr, size: u64) -> None:
        with self.lock:
            self.pages.free(u64(address), size)

    def map_more(self, size: u64) -> None:
        """Caller holds: lock."""
        p = self.owner
        if p is None or self.count == MOST_CHUNKS:
            raise Error(Errno.ENOMEM, "the process has no more room for devices")
        flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.POPULATE | MapFlags.LOCKED
        start = mm_map(p, Uaddr(0), size, Prot.READ | Prot.WRITE, flags, None)
        try:
            self.pages.add(u64(start), size)
        except Error:
            mm_unmap(p, start, size)
            raise
        self.chunks[self.count].start = u64(start)
        self.chunks[self.count].size = size
        self.count += 1

    def destroy(self) -> None:
        """Nothing of it is used, and no device knows of it any more."""
        self.pages.destroy()
        p = self.owner
        if p is not None:
            for chunk in self.chunks[: self.count]:
                mm_unmap(p, Uaddr(chunk.start), chunk.size)
        self.owner = None
        self.count = 0
