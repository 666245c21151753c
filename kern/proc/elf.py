# SPDX-License-Identifier: GPL-2.0-or-later
"""Loading a statically linked ELF64 program into an empty address space.

Every field is checked before it is used (elf_format.py); a file that is no good program raises ENOEXEC.
Segments are private mappings of the file, never writable and executable at once; what a file that never changes holds is shared by all
processes that run it, until they write to it. All of it is there before the program runs (kern/mm/mmap.py). Thread-local storage is left
to user land, which finds its template by the program headers.
No locks. May block.
"""

from lang import Error, Span, Uaddr, as_bytes, sizeof, struct, u8, u64
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from kern.abi.mman import MapFlags, Prot
from kern.arch_api import PageFlag
from kern.mm.fault import bring_in
from kern.mm.mmap import Mapping, mm_map, mm_protect
from kern.mm.pages import PAGE_MASK, PAGE_SIZE
from kern.mm.umem import zero_bytes
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
    """The file's pages, and zeros behind what of them belongs to the segment."""
    start = segment.vaddr & ~PAGE_MASK
    file_end = segment.vaddr + segment.filesz
    end = segment.vaddr + segment.memsz
    rest = start
    rights = Prot.READ | Prot.WRITE if end > file_end else rights_of(segment)
    if segment.filesz > 0:
        file = Mapping(cache=node.page_cache(), first_page=segment.offset // PAGE_SIZE)
        mm_map(p, Uaddr(start), file_end - start, rights, MapFlags.PRIVATE | MapFlags.FIXED, file)
        rest = (file_end + PAGE_MASK) & ~PAGE_MASK
        if end > file_end:
            clear(p, file_end, min(rest, end) - file_end)
    if end > rest:
        mm_map(p, Uaddr(rest), end - rest, rights, MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED, None)
    if rights != rights_of(segment):
        mm_protect(p, Uaddr(start), end - start, rights_of(segment))


def rights_of(segment: ElfSegment) -> Prot:
    prot = Prot.NONE
    if segment.flags & FLAG_R:
        prot = prot | Prot.READ
    if segment.flags & FLAG_W:
        prot = prot | Prot.WRITE
    if segment.flags & FLAG_X:
        prot = prot | Prot.EXEC
    return prot


def clear(p: Proc, start: u64, length: u64) -> None:
    """Zeros, up to the end of a page. Raises ENOMEM: said here, it does not look like a bad address later."""
    bring_in(p, start & ~PAGE_MASK, PageFlag.WRITE)
    zero_bytes(Uaddr(start), length)
