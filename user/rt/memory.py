# SPDX-License-Identifier: LGPL-2.1-or-later
"""The program's allocator: behind `new` and `free`.

Small blocks come in size classes from 64 KiB chunks of the heap, one mapping that grows from BRK_START on as brk did elsewhere; what is
larger than the largest class is mapped by itself. A block is preceded by a 16-byte header that says which class it is of (or how large its
mapping), so `free` needs only the address. Memory is zeroed. Checked builds guard the blocks of classes, and keep
freed ones back for a while: rt/heap_guard.py.
Lock: `lock`, preemption-safe (see parlib.pdr), a leaf, and never held across a system call. Never called in vcore context: a thread
that holds the lock may be the one that was interrupted to get there.
"""

from lang import CHECKED, Atomic, Errno, Error, Ptr, Span, Uaddr, array, hook, memset, recursion, return_address, struct, u8, u64
from kern.abi.guard import GUARD_ROOM, prepare
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import BRK_END, BRK_START
from parlib.current import in_vcore_context
from parlib.pdr import PdrLock
from rt.heap_guard import check_freed, check_given, exchange
from syscalls import sys_mmap, sys_munmap

PAGE_SIZE: u64 = 4096
HEADER: u64 = 16
SMALLEST: u64 = 32                          # of class 0, header included; each class twice the one before
NR_CLASSES: u64 = 12                        # up to 64 KiB
CHUNK: u64 = 65536                          # what a class takes from the region at a time
REGION: u64 = 1 << 20                       # what the heap grows by at a time
LARGE_MARK: u64 = 1 << 63                   # in the header: a mapping of its own, with the length in the other bits
ALIGNED_MARK: u64 = 1 << 62                 # the block's true start is so many bytes before
IN_USE: u64 = 0x5059_4B00                   # the header's second word while the block is given out
FREED: u64 = 0x4652_4500                    # while it is not, with the block's class in the low byte


@struct
class Arena:
    """`free_lists[c]`: address of the first free block of class c, each holds the next one's in its first word."""

    lock: PdrLock
    region: u64
    region_end: u64
    mapped: u64                             # bytes mapped in all, for statistics


arena = Arena()
heap_end = Atomic[u64](BRK_START)           # where the next region of the heap begins
free_lists = array(12, u64)


def map_memory(size: u64) -> u64:
    """Fresh zeroed pages from the kernel."""
    return u64(sys_mmap(Uaddr(0), size, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0))


def grow_heap(size: u64) -> u64:
    """Fresh zeroed pages behind what the heap has; anywhere, if there is no room left. Raises ENOMEM."""
    start = heap_end.add(size)
    if start + size > BRK_END:
        return map_memory(size)
    return u64(sys_mmap(Uaddr(start), size, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED, -1, 0))


def class_of(size: u64) -> u64:
    """The smallest class whose blocks have `size` bytes, header included."""
    index: u64 = 0
    room = SMALLEST
    while room < size:
        room += room
        index += 1
    return index


def refill(index: u64) -> None:
    """Cut another chunk into free blocks of a class. The system call is made without the lock."""
    size = SMALLEST << index
    chunk: u64 = 0
    with arena.lock:
        if arena.region_end - arena.region >= CHUNK:
            chunk = arena.region
            arena.region += CHUNK
    if chunk == 0:
        chunk = grow_heap(REGION)
        with arena.lock:
            # If another thread has just mapped a region as well, the rest of the older one is lost to us: at most one per race.
            arena.region = chunk + CHUNK
            arena.region_end = chunk + REGION
            arena.mapped += REGION
    with arena.lock:
        offset: u64 = 0
        while offset < CHUNK:
            if CHECKED:
                prepare(chunk + offset + HEADER, size - HEADER, False)
            Ptr[u64](chunk + offset)[0] = free_lists[index]
            Ptr[u64](chunk + offset)[1] = FREED | index
            free_lists[index] = chunk + offset
            offset += size


def take_block(index: u64) -> u64:
    """A block of a class, or 0 if its list is empty."""
    with arena.lock:
        block = free_lists[index]
        if block != 0:
            free_lists[index] = Ptr[u64](block)[0]
        return block


def allocate_plain(size: u64, by: u64) -> u64:
    """Zeroed memory, aligned to 16. `by`: who asks, for the guards. Raises ENOMEM."""
    room = size + HEADER
    if CHECKED:
        room = size + HEADER + GUARD_ROOM
    if room > SMALLEST << (NR_CLASSES - 1):
        return allocate_large(size)
    index = class_of(room)
    block = take_block(index)
    while block == 0:
        refill(index)
        block = take_block(index)
    if CHECKED:
        check_given(block + HEADER, (SMALLEST << index) - HEADER, size, by)
        memset(Span[u8](block + HEADER, size), 0)
    else:
        memset(Span[u64](block, (SMALLEST << index) // 8), 0)
    header = Ptr[u64](block)
    header[0] = index
    header[1] = IN_USE
    return block + HEADER


def allocate_large(size: u64) -> u64:
    if size > 1 << 40:
        raise Error(Errno.ENOMEM, f"no memory for {size} bytes")
    length = (size + HEADER + PAGE_SIZE - 1) // PAGE_SIZE * PAGE_SIZE
    block = map_memory(length)
    header = Ptr[u64](block)
    header[0] = LARGE_MARK | length
    header[1] = IN_USE
    return block + HEADER


@hook
def allocate(size: u64, align: u64) -> u64:
    """Zeroed memory. Raises ENOMEM."""
    assert not in_vcore_context(), "allocation in vcore context"
    if align <= HEADER:
        return allocate_plain(size, return_address())
    inner = allocate_plain(size + align, return_address())
    address = (inner + align - 1) // align * align
    if address != inner:
        header = Ptr[u64](address - HEADER)
        header[0] = ALIGNED_MARK | (address - inner)
        header[1] = IN_USE
    return address


@hook
def release(address: u64) -> None:
    """Give a block back. Freeing twice, or what was never allocated, is caught."""
    release_block(address, return_address())


@recursion(2)                               # an aligned block lies within another
def release_block(address: u64, by: u64) -> None:
    header = Ptr[u64](address - HEADER)
    if CHECKED and header[1] & ~u64(255) == FREED and header[1] & 255 < NR_CLASSES:
        check_freed(address, (SMALLEST << (header[1] & 255)) - HEADER, by)  # says what is wrong
    assert header[1] == IN_USE, "free of memory that is not allocated"
    what = header[0]
    if what & LARGE_MARK != 0:
        header[1] = 0
        unmap_quietly(address - HEADER, what ^ LARGE_MARK)
    elif what & ALIGNED_MARK != 0:
        header[1] = 0
        release_block(address - (what ^ ALIGNED_MARK), by)
    elif CHECKED:
        check_freed(address, (SMALLEST << what) - HEADER, by)
        header[1] = FREED | what
        leaving = exchange(address - HEADER)
        if leaving != 0:
            put_back(leaving)
    else:
        header[1] = FREED | what
        put_back(address - HEADER)


def put_back(block: u64) -> None:
    """To the free blocks of its class."""
    header = Ptr[u64](block)
    index = header[1] & 255
    with arena.lock:
        header[0] = free_lists[index]
        free_lists[index] = block


def unmap_quietly(address: u64, length: u64) -> None:
    try:
        sys_munmap(Uaddr(address), length)
    except Error:
        return


def mapped_bytes() -> u64:
    """How much the allocator has mapped for small blocks."""
    return arena.mapped
