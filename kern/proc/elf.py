# SPDX-License-Identifier: GPL-2.0-or-later
"""Loading an ELF64 program into an empty address space, and the interpreter that it may ask for: the dynamic linker, which the program
begins in (docs/decisions/dynamic-programs.md).

Every field is checked before it is used (kern/abi/elf.py); a file that is no good program raises ENOEXEC, as does an interpreter that is
missing, or wants an interpreter itself. A position-independent file is put where PROGRAM_BASE or INTERPRETER_BASE says.
Segments are private mappings of the file, never writable and executable at once; what a file that never changes holds is shared by all
processes that run it, until they write to it. All of it is there before the program runs (kern/mm/mmap.py). Thread-local storage is left
to user land, which finds its template by the program headers.
No locks. May block.
"""

from lang import Error, Span, Text, Uaddr, array, as_bytes, sizeof, struct, text, u8, u64
from kern.abi.elf import (
    SEGMENT_INTERP,
    SEGMENT_LOAD,
    TYPE_DYN,
    ElfHeader,
    ElfSegment,
    check_header,
    check_segment,
)
from kern.abi.errno import Errno
from kern.abi.file import PATH_MAX, FileKind, OpenMode
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import INTERPRETER_BASE, PROGRAM_BASE
from kern.arch_api import PageFlag
from kern.mm.fault import bring_in
from kern.mm.mmap import Mapping, mm_map, mm_protect
from kern.mm.pages import PAGE_MASK, PAGE_SIZE
from kern.mm.umem import zero_bytes
from kern.ns.node import Node
from kern.ns.path import find_node, join_path
from kern.ns.transfer import Transfer, set_kernel
from kern.proc.proc import Proc

INTERPRETER_MAX = 128                       # bytes of its path


@struct
class ElfImage:
    """What the start of the program needs to know."""

    start: u64                              # where it begins: its entry point, or the interpreter's
    entry: u64
    base: u64                               # where the interpreter lies, 0 without one
    phdr: u64                               # user address of the program headers, 0 if they are not loaded
    phnum: u64
    end: u64                                # first page after the last segment


def load_elf(p: Proc, node: Node, image: ElfImage) -> None:
    """Load the program into p's address space, which is the current one."""
    path = text(INTERPRETER_MAX)
    image.end = PROGRAM_BASE
    load_file(p, node, image, PROGRAM_BASE, path)
    image.start = image.entry
    if path.len > 0:
        load_interpreter(p, path.view, image)


def load_interpreter(p: Proc, path: str, image: ElfImage) -> None:
    """Load it behind the program, which then begins in it."""
    interpreter = ElfImage(end=image.end)
    node = find_interpreter(path)
    try:
        image.base = load_file(p, node, interpreter, INTERPRETER_BASE, None)
    except Error as e:
        raise Error(e.errno, f"its interpreter {path}: {e.message}")
    finally:
        node.put()
    image.start = interpreter.entry


def find_interpreter(path: str) -> Node:
    """The file, with a reference for the caller. That it is missing makes the program one that cannot run."""
    if not path.startswith("/"):
        raise Error(Errno.ENOEXEC, f"its interpreter {path} is no absolute path")
    found = text(PATH_MAX)
    try:
        join_path(found, path)
        node = find_node(found)
    except Error as e:
        raise Error(Errno.ENOMEM if e.errno == Errno.ENOMEM else Errno.ENOEXEC, f"its interpreter {e.message}")
    if node.kind != FileKind.FILE:
        node.put()
        raise Error(Errno.ENOEXEC, f"its interpreter {path} is not a file")
    return node


def load_file(p: Proc, node: Node, image: ElfImage, place: u64, interpreter: Text | None) -> u64:
    """Map the file's segments, from `image.end` on; `place` is for the first page of a file that may lie anywhere. Returns how far it
    was moved. The path of the interpreter that it asks for goes into `interpreter`; None: it must not ask."""
    header = ElfHeader()
    read_exactly(node, as_bytes(header), 0)
    check_header(header)
    size = node.size()
    moved: u64 = 0
    first = header.type == TYPE_DYN
    entry_found = False
    segment = ElfSegment()
    for i in range(header.phnum):
        read_exactly(node, as_bytes(segment), header.phoff + u64(i) * sizeof(ElfSegment))
        if segment.type == SEGMENT_INTERP:
            read_interpreter(node, segment, interpreter)
        if segment.type != SEGMENT_LOAD or segment.memsz == 0:
            continue
        if first:
            moved = place - (segment.vaddr & ~PAGE_MASK)
            first = False
        segment.vaddr += moved
        check_segment(segment, size, image.end)
        load_segment(p, node, segment)
        image.end = (segment.vaddr + segment.memsz + PAGE_MASK) & ~PAGE_MASK
        if segment.offset <= header.phoff < segment.offset + segment.filesz:
            image.phdr = segment.vaddr + (header.phoff - segment.offset)
        if Prot.EXEC in segment.rights and segment.vaddr <= header.entry + moved < segment.vaddr + segment.memsz:
            entry_found = True
    if not entry_found:
        raise Error(Errno.ENOEXEC, "the program's entry point is in no executable segment")
    image.entry = header.entry + moved
    image.phnum = u64(header.phnum)
    return moved


def read_interpreter(node: Node, segment: ElfSegment, into: Text | None) -> None:
    """The path that the segment holds, which ends with a NUL."""
    if into is None:
        raise Error(Errno.ENOEXEC, "an interpreter that wants an interpreter itself")
    if into.len > 0:
        raise Error(Errno.ENOEXEC, "a program with two interpreters")
    if segment.filesz < 2 or segment.filesz > INTERPRETER_MAX:
        raise Error(Errno.ENOEXEC, f"the path of an interpreter in {segment.filesz} bytes")
    path = array(INTERPRETER_MAX, u8)
    read_exactly(node, path[: segment.filesz], segment.offset)
    if path[segment.filesz - 1] != 0 or path[0] == 0:
        raise Error(Errno.ENOEXEC, "the path of the interpreter has no end, or is empty")
    name, _ = str(path[: segment.filesz]).split1("\0")
    into.append(name)


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
    rights = Prot.READ | Prot.WRITE if end > file_end else segment.rights
    if segment.filesz > 0:
        file = Mapping(cache=node.page_cache(), first_page=segment.offset // PAGE_SIZE)
        mm_map(p, Uaddr(start), file_end - start, rights, MapFlags.PRIVATE | MapFlags.FIXED, file)
        rest = (file_end + PAGE_MASK) & ~PAGE_MASK
        if end > file_end:
            clear(p, file_end, min(rest, end) - file_end)
    if end > rest:
        mm_map(p, Uaddr(rest), end - rest, rights, MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED, None)
    if rights != segment.rights:
        mm_protect(p, Uaddr(start), end - start, segment.rights)


def clear(p: Proc, start: u64, length: u64) -> None:
    """Zeros, up to the end of a page. Raises ENOMEM: said here, it does not look like a bad address later."""
    bring_in(p, start & ~PAGE_MASK, PageFlag.WRITE)
    zero_bytes(Uaddr(start), length)
