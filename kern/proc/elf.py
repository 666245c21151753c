# SPDX-License-Identifier: GPL-2.0-or-later
"""Loading a statically linked ELF64 program into an empty address space.

Every field is checked before it is used; a file that is no good program raises ENOEXEC with a sentence that says why.
Segments are copied into anonymous memory and then get their own rights, never writable and executable at once. Thread-local
storage is left to user land, which finds its template by the program headers.
No locks. May block.
"""

from lang import Array, Error, Span, Uaddr, array, as_bytes, sizeof, struct, u8, u16, u32, u64
from arch.abi import ELF_MACHINE
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import MMAP_BASE, USER_BASE
from kern.mm.mmap import mm_map, mm_protect
from kern.mm.pages import PAGE_MASK
from kern.ns.node import Node
from kern.ns.transfer import Transfer, set_kernel
from kern.proc.proc import Proc

MAX_SEGMENTS: u16 = 32
TYPE_EXEC: u16 = 2
SEGMENT_LOAD: u32 = 1
FLAG_X: u32 = 1
FLAG_W: u32 = 2
FLAG_R: u32 = 4


@struct(size=64)
class ElfHeader:
    ident: Array[u8] = array(16)
    type: u16
    machine: u16
    version: u32
    entry: u64
    phoff: u64
    shoff: u64
    flags: u32
    ehsize: u16
    phentsize: u16
    phnum: u16
    shentsize: u16
    shnum: u16
    shstrndx: u16


@struct(size=56)
class ElfSegment:
    type: u32
    flags: u32
    offset: u64
    vaddr: u64
    paddr: u64
    filesz: u64
    memsz: u64
    align: u64


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


def check_header(header: ElfHeader) -> None:
    if header.ident[0] != 0x7f or header.ident[1:4] != "ELF":
        raise Error(Errno.ENOEXEC, "not an ELF file")
    if header.ident[4] != 2 or header.ident[5] != 1:
        raise Error(Errno.ENOEXEC, "not a 64-bit little-endian ELF file")
    if header.machine != ELF_MACHINE:
        raise Error(Errno.ENOEXEC, f"an ELF file for machine {header.machine}, this is {ELF_MACHINE}")
    if header.type != TYPE_EXEC:
        raise Error(Errno.ENOEXEC, "not a statically linked executable")
    if u64(header.phentsize) != sizeof(ElfSegment) or header.phnum == 0 or header.phnum > MAX_SEGMENTS:
        raise Error(Errno.ENOEXEC, f"{header.phnum} program headers of {header.phentsize} bytes")
    if header.phoff > MMAP_BASE:
        raise Error(Errno.ENOEXEC, "the program headers are beyond any file")


def check_segment(segment: ElfSegment, file_size: u64, lowest: u64) -> None:
    """`lowest`: where the segment before it ended; they come in ascending order and share no page."""
    if segment.filesz > segment.memsz or segment.offset > file_size or segment.filesz > file_size - segment.offset:
        raise Error(Errno.ENOEXEC, f"a segment at {segment.vaddr:#x} that is not all in the file")
    if segment.vaddr >= MMAP_BASE or segment.memsz > MMAP_BASE - segment.vaddr:
        raise Error(Errno.ENOEXEC, f"a segment at {segment.vaddr:#x}, outside what programs may use")
    if (segment.vaddr & ~PAGE_MASK) < max(lowest, USER_BASE):
        raise Error(Errno.ENOEXEC, f"a segment at {segment.vaddr:#x} that is out of order or at address 0")
    if segment.flags & FLAG_W and segment.flags & FLAG_X:
        raise Error(Errno.ENOEXEC, f"a segment at {segment.vaddr:#x} that is writable and executable")


def load_segment(p: Proc, node: Node, segment: ElfSegment) -> None:
    start = segment.vaddr & ~PAGE_MASK
    length = segment.vaddr + segment.memsz - start
    flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED
    mm_map(p, Uaddr(start), length, Prot.READ | Prot.WRITE, flags, None, 0)
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
