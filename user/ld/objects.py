# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is linked: the program and its libraries, each as its dynamic section describes it, in the order in which symbols are looked for.

Source: System V ABI, chapter 5, dynamic section; the tables are where the file has them, and are believed.
No locks: one thread links.
"""

from lang import Array, Errno, Error, Ptr, array, at, i64, span_of, struct, u8, u64

MAX_OBJECTS: u64 = 32

# Tags of the dynamic section
NEEDED: i64 = 1
PLTRELSZ: i64 = 2
STRTAB: i64 = 5
SYMTAB: i64 = 6
RELA: i64 = 7
RELASZ: i64 = 8
INIT: i64 = 12
DEBUG: i64 = 21
TEXTREL: i64 = 22
JMPREL: i64 = 23
INIT_ARRAY: i64 = 25
GNU_HASH: i64 = 0x6FFF_FEF5


@struct(size=16)
class DynamicEntry:
    tag: i64
    value: u64


@struct
class LinkedObject:
    """Addresses are those of memory, not of the file."""

    name: str
    base: u64                               # what addresses in the file have to be moved by
    dynamic: u64
    strings: u64
    symbols: u64
    hash: u64                               # of the table by which symbols are found; 0: it defines none
    relocations: u64
    relocations_size: u64
    jumps: u64                              # relocations too, of what calls go through
    jumps_size: u64


@struct
class Linked:
    count: u64
    objects: Array[LinkedObject] = array(MAX_OBJECTS)
    thread_size: u64                        # of the program's thread-local image


def read_dynamic(object: LinkedObject) -> None:
    """Fill in what the dynamic section at `object.dynamic` says. Raises ENOEXEC for what is not done here."""
    place = object.dynamic
    entry = at(DynamicEntry, place)
    while entry.tag != 0:
        tag = entry.tag
        if tag == STRTAB:
            object.strings = object.base + entry.value
        elif tag == SYMTAB:
            object.symbols = object.base + entry.value
        elif tag == GNU_HASH:
            object.hash = object.base + entry.value
        elif tag == RELA:
            object.relocations = object.base + entry.value
        elif tag == RELASZ:
            object.relocations_size = entry.value
        elif tag == JMPREL:
            object.jumps = object.base + entry.value
        elif tag == PLTRELSZ:
            object.jumps_size = entry.value
        elif tag == TEXTREL:
            raise Error(Errno.ENOEXEC, f"{object.name}: its code is not position-independent")
        elif tag == INIT or tag == INIT_ARRAY:
            raise Error(Errno.ENOEXEC, f"{object.name}: it has code that is to run before the program's; no module has any")
        place += 16
        entry = at(DynamicEntry, place)


def text_of(object: LinkedObject, offset: u64) -> str:
    """The string at an offset of the object's strings."""
    bytes = Ptr[u8](object.strings + offset)
    length: u64 = 0
    while bytes[length] != 0:
        length += 1
    return span_of(bytes, length)


def needed(object: LinkedObject, index: u64) -> str | None:
    """The name of the index'th library that the object needs; None past the last."""
    left = index
    place = object.dynamic
    entry = at(DynamicEntry, place)
    while entry.tag != 0:
        if entry.tag == NEEDED:
            if left == 0:
                return text_of(object, entry.value)
            left -= 1
        place += 16
        entry = at(DynamicEntry, place)
    return None


def find_object(linked: Linked, name: str) -> LinkedObject | None:
    for i in range(linked.count):
        if linked.objects[i].name == name:
            return linked.objects[i]
    return None


def add_object(linked: Linked, name: str) -> LinkedObject:
    """A new one, the last in order; it counts from now on. Raises ENFILE."""
    if linked.count == MAX_OBJECTS:
        raise Error(Errno.ENFILE, f"{name}: more than {MAX_OBJECTS - 1} libraries")
    object = linked.objects[linked.count]
    object.name = name
    linked.count += 1
    return object
