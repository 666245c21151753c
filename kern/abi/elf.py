# SPDX-License-Identifier: GPL-2.0-or-later
"""The ELF64 format as far as the kernel and the dynamic linker read it: header, program headers, what makes them acceptable;
sections and symbols.

A header that is no good raises ENOEXEC with a sentence that says why. Knows nothing of files or memory, so that it runs on a host too.
Source: System V Application Binary Interface, chapters 4 and 5.
"""

from lang import Array, Error, array, sizeof, struct, u8, u16, u32, u64
from arch.abi import ELF_MACHINE
from kern.abi.errno import Errno
from kern.abi.mman import Prot
from kern.abi.proc import BRK_START

PAGE_MASK: u64 = 4095
MAX_SEGMENTS: u16 = 32
TYPE_EXEC: u16 = 2                          # lies where its addresses say
TYPE_DYN: u16 = 3                           # may lie anywhere: a position-independent program, a shared library
SEGMENT_LOAD: u32 = 1
SEGMENT_DYNAMIC: u32 = 2
SEGMENT_INTERP: u32 = 3                     # a path: the program begins in that file, which is loaded as well
SEGMENT_PHDR: u32 = 6                       # where the program headers themselves lie
SEGMENT_TLS: u32 = 7
FLAG_X: u32 = 1
FLAG_W: u32 = 2
FLAG_R: u32 = 4
SECTION_SYMTAB: u32 = 2
SYMBOL_FUNCTION: u8 = 2


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

    @property
    def rights(self) -> Prot:
        """What the program may do with the segment's pages."""
        rights = Prot.NONE
        if self.flags & FLAG_R:
            rights = rights | Prot.READ
        if self.flags & FLAG_W:
            rights = rights | Prot.WRITE
        if self.flags & FLAG_X:
            rights = rights | Prot.EXEC
        return rights


@struct(size=64)
class ElfSection:
    name: u32                               # offset in the names of sections
    type: u32
    flags: u64
    address: u64
    offset: u64
    size: u64
    link: u32                               # of a symbol table: the section of its strings
    info: u32
    align: u64
    entry_size: u64


@struct(size=24)
class ElfSymbol:
    name: u32                               # offset in the strings
    info: u8                                # its type in the low four bits
    other: u8
    section: u16                            # 0: it is defined elsewhere
    value: u64
    size: u64

    def is_function_around(self, address: u64) -> bool:
        return self.info & 15 == SYMBOL_FUNCTION and self.value <= address < self.value + self.size


def check_header(header: ElfHeader) -> None:
    if header.ident[0] != 0x7F or header.ident[1:4] != "ELF":
        raise Error(Errno.ENOEXEC, "not an ELF file")
    if header.ident[4] != 2 or header.ident[5] != 1:
        raise Error(Errno.ENOEXEC, "not a 64-bit little-endian ELF file")
    if header.machine != ELF_MACHINE:
        raise Error(Errno.ENOEXEC, f"an ELF file for machine {header.machine}, this is {ELF_MACHINE}")
    if header.type != TYPE_EXEC and header.type != TYPE_DYN:
        raise Error(Errno.ENOEXEC, f"an ELF file of type {header.type}, which is no program")
    if u64(header.phentsize) != sizeof(ElfSegment) or header.phnum == 0 or header.phnum > MAX_SEGMENTS:
        raise Error(Errno.ENOEXEC, f"{header.phnum} program headers of {header.phentsize} bytes")
    if header.phoff > BRK_START:
        raise Error(Errno.ENOEXEC, "the program headers are beyond any file")


def check_segment(segment: ElfSegment, file_size: u64, lowest: u64, limit: u64 = BRK_START) -> None:
    """`lowest`: where the segment before it ended; they come in ascending order, share no page, and end at `limit`."""
    if segment.filesz > segment.memsz or segment.offset > file_size or segment.filesz > file_size - segment.offset:
        raise Error(Errno.ENOEXEC, f"a segment at {segment.vaddr:#x} that is not all in the file")
    if segment.vaddr >= limit or segment.memsz > limit - segment.vaddr:
        raise Error(Errno.ENOEXEC, f"a segment at {segment.vaddr:#x}, outside what programs may use")
    if (segment.vaddr & ~PAGE_MASK) < lowest:
        raise Error(Errno.ENOEXEC, f"a segment at {segment.vaddr:#x} that is out of order or too low")
    if segment.vaddr & PAGE_MASK != segment.offset & PAGE_MASK:
        raise Error(Errno.ENOEXEC, f"a segment at {segment.vaddr:#x} that lies otherwise in its pages of the file")
    if segment.flags & FLAG_W and segment.flags & FLAG_X:
        raise Error(Errno.ENOEXEC, f"a segment at {segment.vaddr:#x} that is writable and executable")
