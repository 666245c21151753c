# SPDX-License-Identifier: GPL-2.0-or-later
"""Loading a statically linked ELF64 program into an empty address space.

Every field is checked before it is used (elf_format.py); a file that is no good program raises ENOEXEC.
Segments are copied into anonymous memory and then get their own rights, never writable and executable at once. Thread-local
storage is left to user land, which finds its template by the program headers.
No locks. May block.
"""

from lang import Error, Span, Uaddr, as_bytes, sizeof, struct, u8, u64
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from kern.abi.mman import MapFlags, Prot
from kern.mm.mmap import mm_map, mm_populate, mm_protect
from kern.mm.pages import PAGE_MASK, PAGE_SIZE
from kern.ns.node import Node
from kern.ns.transfer import Transfer, set_kernel
from kern.proc.elf_format import FLAG_R, FLAG_W, FLAG_X, SEGMENT_LOAD, ElfHeader, ElfSegment, check_header, check_segment
from kern.proc.proc import Proc


@struct
class ElfImage:
    """What the start of the program needs to know."""

    entry: u64
    phdr: u64                               # user address of the program headers, 0 if they are not loaded
    phnum: u64
    end: u64                                # first page after the last segment


def load_elf(p: Proc, node: Node, image: ElfImage) -> None:
    """Load the program into p's address space, which is the current one."""
    header = ElfHeader()
    read_exactly(node, as_bytes(header), 0)
    check_header(header)
    image.entry = header.entry
    image.phnum = u64(header.phnum)
    size = node.size()
    entry_found = False
    segment = ElfSegment()
    for i in range(header.phnum):
        read_exactly(node, as_bytes(segment), header.phoff + u64(i) * sizeof(ElfSegment))
        if segment.type != SEGMENT_LOAD or segment.memsz == 0:
            continue
        check_segment(segment, size, image.end)
        load_segment(p, node, segment)
        image.end = (segment.vaddr + segment.memsz + PAGE_MASK) & ~PAGE_MASK
        if segment.offset <= header.phoff < segment.offset + segment.filesz:
            image.phdr = segment.vaddr + (header.phoff - segment.offset)
        if segment.flags & FLAG_X and segment.vaddr <= header.entry < segment.vaddr + segment.memsz:
            entry_found = True
    if not entry_found:
        raise Error(Errno.ENOEXEC, "the program's entry point is in no executable segment")


def read_exactly(node: Node, into: Span[u8], offset: u64) -> None:
    io = Transfer()
    set_kernel(io, into)
    while io.left > 0:
        if node.read(io, offset + io.done, OpenMode.READ) == 0:
            raise Error(Errno.ENOEXEC, "the program file ends too early")


def load_segment(p: Proc, node: Node, segment: ElfSegment) -> None:
    start = segment.vaddr & ~PAGE_MASK
    length = segment.vaddr + segment.memsz - start
    flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED
    mm_map(p, Uaddr(start), length, Prot.READ | Prot.WRITE, flags, None)
    if segment.filesz > 0:
        bring_in(p, start, segment.vaddr + segment.filesz - start)
    io = Transfer(base=segment.vaddr, length=segment.filesz)
    while io.left > 0:
        if node.read(io, segment.offset + io.done, OpenMode.READ) == 0:
            raise Error(Errno.ENOEXEC, "the program file ends too early")
    prot = Prot.NONE
    if segment.flags & FLAG_R:
        prot = prot | Prot.READ
    if segment.flags & FLAG_W:
        prot = prot | Prot.WRITE
    if segment.flags & FLAG_X:
        prot = prot | Prot.EXEC
    if Prot.WRITE not in prot:
        mm_protect(p, Uaddr(start), length, prot)


def bring_in(p: Proc, start: u64, length: u64) -> None:
    """Make all pages of a range present. Raises ENOMEM: said here, it does not look like a bad address later."""
    pages = (length + PAGE_MASK) // PAGE_SIZE
    if mm_populate(p, Uaddr(start), pages) < pages:
        raise Error(Errno.ENOMEM, "not enough memory for the program")
