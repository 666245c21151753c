# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bringing a shared library into memory: its segments as private mappings of the file, so that all processes share what nobody writes to.

A library is there entirely, and stays: its code may run in vcore context, where a fault could not be waited for.
"""

from lang import Array, Errno, Error, Span, Uaddr, array, as_bytes, i32, i64, memset, sizeof, struct, u8, u64
from kern.abi.elf import (
    SEGMENT_DYNAMIC,
    SEGMENT_LOAD,
    SEGMENT_TLS,
    TYPE_DYN,
    ElfHeader,
    ElfSegment,
    check_header,
    check_segment,
)
from kern.abi.mman import MapFlags, Prot
from ld.objects import LinkedObject, read_dynamic
from rt.io import close, file_size, open, read_full, seek
from syscalls import sys_mmap, sys_mprotect

PAGE_SIZE: u64 = 4096
PAGE_MASK: u64 = PAGE_SIZE - 1
LARGEST: u64 = 1 << 30                      # library
MAX_SEGMENTS: u64 = 32                      # as check_header says
PRIVATE = MapFlags.PRIVATE | MapFlags.FIXED


@struct
class Segments:
    count: u64
    all: Array[ElfSegment] = array(MAX_SEGMENTS)
    end: u64                                # of the last page, from where the first begins at 0


def map_library(object: LinkedObject, path: str) -> None:
    """Map the file and read its dynamic section. Raises what opening it raises, and ENOEXEC for what is no library."""
    fd = open(path)
    try:
        segments = Segments()
        read_segments(fd, path, segments)
        # A place for all of it at once: the distances between segments are what code counts on.
        flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS
        object.base = u64(sys_mmap(Uaddr(0), segments.end, Prot.NONE, flags, -1, 0))
        object.size = segments.end
        for i in range(segments.count):
            segment = segments.all[i]
            if segment.type == SEGMENT_LOAD and segment.memsz > 0:
                map_segment(fd, object.base, segment)
            elif segment.type == SEGMENT_DYNAMIC:
                object.dynamic = object.base + segment.vaddr
    finally:
        close(fd)
    if object.dynamic == 0:
        raise Error(Errno.ENOEXEC, f"{path}: it says nothing of what it defines and needs")
    read_dynamic(object)


def read_segments(fd: i32, path: str, into: Segments) -> None:
    header = ElfHeader()
    try:
        read_at(fd, as_bytes(header), 0)
        check_header(header)
        if header.type != TYPE_DYN:
            raise Error(Errno.ENOEXEC, "a program, not a shared library")
        into.count = u64(header.phnum)
        size = file_size(fd)
        for i in range(into.count):
            segment = into.all[i]
            read_at(fd, as_bytes(segment), header.phoff + i * sizeof(ElfSegment))
            if segment.type == SEGMENT_TLS:
                raise Error(Errno.ENOEXEC, "it has thread-local variables, which programs alone can have")
            if segment.type == SEGMENT_LOAD and segment.memsz > 0:
                check_segment(segment, size, into.end, LARGEST)
                into.end = (segment.vaddr + segment.memsz + PAGE_MASK) & ~PAGE_MASK
        if into.end == 0:
            raise Error(Errno.ENOEXEC, "there is nothing in it")
    except Error as e:
        raise Error(e.errno, f"{path}: {e.message}")


def read_at(fd: i32, into: Span[u8], offset: u64) -> None:
    seek(fd, i64(offset))
    if read_full(fd, into) != len(into):
        raise Error(Errno.ENOEXEC, "the file ends too early")


def map_segment(fd: i32, base: u64, segment: ElfSegment) -> None:
    """The file's pages, and zeros behind what of them belongs to the segment."""
    start = base + (segment.vaddr & ~PAGE_MASK)
    file_end = base + segment.vaddr + segment.filesz
    end = base + segment.vaddr + segment.memsz
    rest = start
    rights = segment.rights
    filling = rights | Prot.WRITE if end > file_end else rights
    if segment.filesz > 0:
        sys_mmap(Uaddr(start), file_end - start, filling, PRIVATE | MapFlags.LOCKED, fd, segment.offset // PAGE_SIZE)
        rest = (file_end + PAGE_MASK) & ~PAGE_MASK
        if end > file_end:
            memset(Span[u8](file_end, min(rest, end) - file_end), 0)
    if end > rest:
        sys_mmap(Uaddr(rest), end - rest, filling, PRIVATE | MapFlags.ANONYMOUS, -1, 0)
    if filling != rights:
        sys_mprotect(Uaddr(start), end - start, rights)
