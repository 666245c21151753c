# SPDX-License-Identifier: LGPL-2.1-or-later
"""The dynamic linker, /lib/ld.so: the interpreter that dynamic programs name (docs/decisions/dynamic-programs.md).

The kernel loads it beside the program and begins in it (arch/*/user_linker.S). It maps the libraries that the program needs, and that those
need, binds every symbol, and comes back with where the program begins. It has a runtime of its own, of which nothing is left running:
the program starts as a static one does. What cannot be linked ends with a message that names it, and a status.
"""

from lang import Errno, Error, addr_of, at, export, i32, sizeof, u64
from kern.abi.elf import SEGMENT_DYNAMIC, SEGMENT_PHDR, SEGMENT_TLS, ElfSegment
from kern.abi.proc import AuxType
from ld.libraries import link_new
from ld.objects import DEBUG, MAX_NAME, Linked, LinkedObject, add_object, find_entry, read_dynamic
from parlib.tls import init_thread0_tls
from rt.args import args, aux_value, take_arguments
from rt.exit import exit_now
from rt.io import STDERR, print_to

CANNOT_LINK: i32 = 127

linked = Linked()


@export("link_program")
def link_program(stack: u64) -> u64:
    """`stack`: address of argc. Returns where the program begins."""
    init_thread0_tls()
    take_arguments(stack)
    try:
        link_all()
    except Error as error:
        print_to(STDERR, f"{name_of_program()}: cannot be linked: {error.message}\n")
        exit_now(CANNOT_LINK)
    return aux_value(AuxType.ENTRY)


def name_of_program() -> str:
    return args()[0] if len(args()) > 0 else "program"


def link_all() -> None:
    """Libraries come in the order in which they are needed, breadth first; the program's own symbols go before theirs."""
    if aux_value(AuxType.BASE) == 0:
        raise Error(Errno.ENOEXEC, "the dynamic linker is no program to run")
    name = name_of_program()
    take_program(add_object(linked, name[: min(len(name), MAX_NAME)]))
    link_new(linked)


def take_program(object: LinkedObject) -> None:
    """The program, which the kernel has mapped. It finds the list of what is linked by its DEBUG entry."""
    segments = aux_value(AuxType.PHDR)
    if segments == 0:
        raise Error(Errno.ENOEXEC, "its program headers are in no segment")
    for i in range(aux_value(AuxType.PHNUM)):
        segment = at(ElfSegment, segments + i * sizeof(ElfSegment))
        if segment.type == SEGMENT_PHDR:
            object.base = segments - segment.vaddr
        elif segment.type == SEGMENT_DYNAMIC:
            object.dynamic = object.base + segment.vaddr
        elif segment.type == SEGMENT_TLS:
            linked.thread_size = (segment.memsz + segment.align - 1) // segment.align * segment.align
    if object.dynamic == 0:
        raise Error(Errno.ENOEXEC, "it has no dynamic section")
    read_dynamic(object)
    entry = find_entry(object.dynamic, DEBUG)
    if entry is not None:
        entry.value = addr_of(linked)
