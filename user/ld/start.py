# SPDX-License-Identifier: LGPL-2.1-or-later
"""The dynamic linker, /lib/ld.so: the interpreter that dynamic programs name (docs/decisions/dynamic-programs.md).

The kernel loads it beside the program and begins in it (arch/*/user_linker.S). It maps the libraries that the program needs, and that those
need, binds every symbol, and comes back with where the program begins. It has a runtime of its own, of which nothing is left running:
the program starts as a static one does. What cannot be linked ends with a message that names it, and a status.

A library is looked for in the folders of LD_LIBRARY_PATH, separated by colons, then in /lib; a name with a slash is a path.
"""

from lang import Errno, Error, at, export, i32, sizeof, text, u64
from kern.abi.elf import SEGMENT_DYNAMIC, SEGMENT_PHDR, SEGMENT_TLS, ElfSegment
from kern.abi.file import PATH_MAX
from kern.abi.proc import AuxType
from ld.mapping import map_library
from ld.objects import Linked, LinkedObject, add_object, find_object, needed, read_dynamic
from ld.relocate import relocate
from parlib.tls import init_thread0_tls
from rt.args import args, aux_value, environment, take_arguments
from rt.exit import exit_now
from rt.io import STDERR, print_to

CANNOT_LINK: i32 = 127
FOLDER = "/lib"
SEARCHED = "LD_LIBRARY_PATH="

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
    take_program(add_object(linked, name_of_program()))
    done: u64 = 0
    while done < linked.count:
        take_needed(linked.objects[done])
        done += 1
    for i in range(linked.count):
        relocate(linked, linked.objects[i])


def take_needed(object: LinkedObject) -> None:
    index: u64 = 0
    name = needed(object, index)
    while name is not None:
        if find_object(linked, name) is None:
            find_library(add_object(linked, name), object.name)
        index += 1
        name = needed(object, index)


def take_program(object: LinkedObject) -> None:
    """The program, which the kernel has mapped."""
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


def find_library(object: LinkedObject, wanted_by: str) -> None:
    """Map the library `object.name`. Raises ENOENT if it is in no folder; what is wrong with the first that is there."""
    if object.name.find("/") >= 0:
        map_library(object, object.name)
        return
    rest = folders_to_search()
    while rest:
        folder, rest = rest.split1(":")
        if folder and map_in(object, folder):
            return
    if not map_in(object, FOLDER):
        raise Error(Errno.ENOENT, f"{wanted_by} needs {object.name}, which is nowhere to be found")


def folders_to_search() -> str:
    for variable in environment():
        if variable.startswith(SEARCHED):
            return variable[len(SEARCHED) :]
    return ""


def map_in(object: LinkedObject, folder: str) -> bool:
    """Whether the folder has the library, which is mapped then."""
    path = text(PATH_MAX)
    path.write(f"{folder}/{object.name}")
    try:
        map_library(object, path.view)
    except Error as e:
        if e.errno == Errno.ENOENT:
            return False
        raise
    return True
