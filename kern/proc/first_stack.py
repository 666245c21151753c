# SPDX-License-Identifier: GPL-2.0-or-later
"""The first stack of a program (System V ABI, the processors' supplements: process initialization).

Strings at the top; below them, upwards from the stack pointer, argc, argv, 0, envp, 0, (type, value) pairs.
No locks. May block.
"""

from lang import Error, Span, Uaddr, u8, u64
from kern.abi.errno import Errno
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import USER_STACK_SIZE, USER_STACK_TOP, AuxType
from kern.arch_api import PageFlag
from kern.mm.fault import bring_in
from kern.mm.mmap import mm_map
from kern.mm.pages import PAGE_MASK, PAGE_SIZE
from kern.mm.umem import store_u64, write_bytes
from kern.proc.elf import ElfImage
from kern.proc.proc import Proc

MAX_STRINGS: u64 = 1024                     # arguments and environment together


def check_strings(strings: Span[u8], argc: u64, envc: u64) -> None:
    if argc > MAX_STRINGS or envc > MAX_STRINGS:
        raise Error(Errno.E2BIG, f"{argc} arguments and {envc} variables are too many")
    count: u64 = 0
    for byte in strings:
        if byte == 0:
            count += 1
    if count < argc + envc:
        raise Error(Errno.EINVAL, f"{count} strings given for {argc} arguments and {envc} variables")


def build_stack(p: Proc, image: ElfImage, strings: Span[u8], argc: u64, envc: u64) -> Uaddr:
    """Map and fill the stack of the address space that is loaded; returns the stack pointer."""
    flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED
    mm_map(p, Uaddr(USER_STACK_TOP - USER_STACK_SIZE), USER_STACK_SIZE, Prot.READ | Prot.WRITE, flags, None)
    text_at = (USER_STACK_TOP - len(strings)) & ~u64(15)
    words = 1 + argc + 1 + envc + 1 + 7 * 2
    stack = (text_at - words * 8) & ~u64(15)
    first_page = stack & ~PAGE_MASK
    for page in range(first_page, USER_STACK_TOP, PAGE_SIZE):
        bring_in(p, page, PageFlag.WRITE)   # ENOMEM said here does not look like a bad address later
    if len(strings) > 0:
        write_bytes(Uaddr(text_at), strings)
    place = put_word(stack, argc)
    start: u64 = 0
    for i in range(argc + envc):
        if i == argc:
            place = put_word(place, 0)
        place = put_word(place, text_at + start)
        while strings[start] != 0:
            start += 1
        start += 1
    if envc == 0:
        place = put_word(place, 0)
    place = put_word(place, 0)
    put_aux(place, image)
    return Uaddr(stack)


def put_word(address: u64, value: u64) -> u64:
    """Store a word; returns where the next one goes."""
    store_u64(Uaddr(address), value)
    return address + 8


def put_aux(address: u64, image: ElfImage) -> None:
    place = put_pair(address, AuxType.PHDR, image.phdr)
    place = put_pair(place, AuxType.PHENT, 56)
    place = put_pair(place, AuxType.PHNUM, image.phnum)
    place = put_pair(place, AuxType.PAGE_SIZE, PAGE_SIZE)
    place = put_pair(place, AuxType.BASE, image.base)
    place = put_pair(place, AuxType.ENTRY, image.entry)
    put_pair(place, AuxType.NULL, 0)


def put_pair(address: u64, kind: AuxType, value: u64) -> u64:
    return put_word(put_word(address, u64(kind)), value)
