# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shared libraries that a program opens as it runs.

    library = open_library("libshout.so")
    address = library.find("shared.shout.shout")
    shout = cast(Callable[[str], Raises[Span[u8]]], address)    # what the library's source says: nobody checks it
    close_library(library)

A symbol's name is its module's and its own. The library uses the runtime of the program, which has whatever the libraries of user/shared/
need; there is no second scheduler, heap or error slot. Its pages are there and stay, so its functions run in vcore context too.
Only programs that are linked dynamically can: those that import this module, or from `shared`.
Lock: `lock`, which sleeps; held while files are read.
"""

from lang import Errno, Error, addr_of, at, sizeof, struct, u64
from kern.abi.elf import SEGMENT_DYNAMIC, SEGMENT_PHDR, ElfSegment
from kern.abi.proc import AuxType
from ld.libraries import drop_unused, find_library, link_new
from ld.objects import DEBUG, Linked, LinkedObject, add_object, find_entry, find_object
from ld.symbols import find_here, hash_of
from lib.args import program
from parlib.sync import Mutex
from rt.args import aux_value

lock = Mutex()


@struct
class Library:
    """A library that is open."""

    object: u64                             # address of its LinkedObject

    def find(self, name: str) -> u64:
        """The address of a function or variable of its own. Raises ENOENT."""
        object = at(LinkedObject, self.object)
        symbol = find_here(object, name, hash_of(name))
        if symbol is None:
            raise Error(Errno.ENOENT, f"{object.name} does not define {name}")
        return object.base + symbol.value


def open_library(name: str, into: Library) -> None:
    """Map and bind a library, unless it is there already. Raises ENOENT; ENOEXEC for what cannot be linked; then nothing has changed."""
    with lock:
        linked = linked_objects()
        object = find_object(linked, name)
        if object is not None:
            object.users += 1
        else:
            object = add_object(linked, name)
            try:
                find_library(object, program())
                link_new(linked)
            except Error:
                object.users = 0
                drop_unused(linked)
                raise
        into.object = addr_of(object)


def close_library(library: Library) -> None:
    """Nobody may be in its functions any more, nor come back to them; it is unmapped if it is not open elsewhere, nor needed."""
    with lock:
        at(LinkedObject, library.object).users -= 1
        drop_unused(linked_objects())


def linked_objects() -> Linked:
    """The list that the dynamic linker left. Raises ENOSYS in a static program."""
    moved: u64 = 0
    segments = aux_value(AuxType.PHDR)
    for i in range(aux_value(AuxType.PHNUM)):
        segment = at(ElfSegment, segments + i * sizeof(ElfSegment))
        if segment.type == SEGMENT_PHDR:
            moved = segments - segment.vaddr
        elif segment.type == SEGMENT_DYNAMIC:
            entry = find_entry(moved + segment.vaddr, DEBUG)
            if entry is not None and entry.value != 0:
                return at(Linked, entry.value)
    raise Error(Errno.ENOSYS, "a static program opens no libraries")
