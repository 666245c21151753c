# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocks of memory by size, for what `new` has no type for: they can grow, be aligned to anything, and be shared by count.

What to do when there is no memory is in the name of the function, so that the compiler sees who may wait:

    kmalloc(size)           raises ENOMEM; callable anywhere (Akaros: MEM_ERROR)
    try_kmalloc(size)       gives 0; callable anywhere (MEM_ATOMIC)
    kmalloc_wait(size)      blocks until there is memory (MEM_WAIT)

Contents are undefined but for `kzmalloc`. A block has one reference; `kmalloc_incref` takes more, `kfree` gives one back, and the last
frees. Each block has a `Header` before it. Locks: the heap's.
"""

from lang import Error, Span, at, blocks, memcpy, memset, never_blocks, sizeof, struct, u8, u64
from kern.abi.errno import Errno
from kern.mm.heap import allocate, release
from kern.mm.pages import total_bytes
from kern.sync.kref import Kref
from kern.sync.rendez import sleep_ns

ALIGN: u64 = 16                             # of every block
LOOK_AGAIN_NS: u64 = 1_000_000              # memory comes free without telling anybody
LARGEST: u64 = 1 << 40


@struct
class Header:
    size: u64                               # what was asked for
    before: u64                             # bytes from the start of the heap's block to the end of this
    refs: Kref


@never_blocks
def kmalloc(size: u64) -> u64:
    return kmalloc_aligned(size, ALIGN)


@never_blocks
def kmalloc_aligned(size: u64, align: u64) -> u64:
    """The same, aligned to a power of two. Raises ENOMEM, EINVAL."""
    if align & (align - 1) != 0 or align == 0:
        raise Error(Errno.EINVAL, f"an alignment of {align} is no power of two")
    if size > LARGEST or align > LARGEST:
        raise Error(Errno.ENOMEM, f"no {size} bytes of memory")
    step = max(align, ALIGN)
    # Both the heap's blocks and the header are multiples of 8.
    start = allocate(size + sizeof(Header) + step - 8, ALIGN)
    block = (start + sizeof(Header) + step - 1) & ~(step - 1)
    header = header_of(block)
    header.size = size
    header.before = block - start
    header.refs.init(1)
    return block


@never_blocks
def kzmalloc(size: u64) -> u64:
    """Zeros. Raises ENOMEM."""
    block = kmalloc(size)
    memset(Span[u8](block, size), 0)
    return block


@never_blocks
def try_kmalloc(size: u64) -> u64:
    """0 if there is no memory."""
    try:
        return kmalloc(size)
    except Error:
        return 0


@blocks
def kmalloc_wait(size: u64) -> u64:
    """Waits for memory. Raises EINTR if the caller's system call is aborted meanwhile, ENOMEM for more than there can ever be."""
    if size > total_bytes():
        raise Error(Errno.ENOMEM, f"no machine like this one has {size} bytes")
    while True:
        block = try_kmalloc(size)
        if block != 0:
            return block
        sleep_ns(LOOK_AGAIN_NS)


@never_blocks
def krealloc(block: u64, size: u64) -> u64:
    """A block of another size with the same contents, as far as they fit; the old one is gone, unless ENOMEM is raised.

    Nobody else has a reference. `block` 0 is an empty one.
    """
    if block == 0:
        return kmalloc(size)
    header = header_of(block)
    assert header.refs.value() == 1, "a block that others use is resized"
    if size <= header.size and size >= header.size // 2:
        return block
    moved = kmalloc(size)
    count = min(size, header.size)
    memcpy(Span[u8](moved, count), Span[u8](block, count))
    kfree(block)
    return moved


def kmalloc_incref(block: u64) -> None:
    """One more reference."""
    header_of(block).refs.get()


@never_blocks
def kfree(block: u64) -> None:
    """One reference less; the last frees. 0 is no block."""
    if block != 0 and header_of(block).refs.put():
        release(block - header_of(block).before)


def kmalloc_size(block: u64) -> u64:
    """What was asked for."""
    return header_of(block).size


def header_of(block: u64) -> Header:
    return at(Header, block - sizeof(Header))
