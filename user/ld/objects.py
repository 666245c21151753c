# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is linked: the program and its libraries, each as its dynamic section describes it, in the order in which symbols are looked for.

The list is the dynamic linker's; the program finds it by the DEBUG entry of its own dynamic section, and keeps it from then on.
Source: System V ABI, chapter 5, dynamic section; the tables are where the file has them, and are believed.
No locks: the dynamic linker is alone, the program has one around it (lib/dynlink.py).
"""

from enum import IntEnum

from lang import Array, Errno, Error, Ptr, array, at, copy_bytes, i64, span_of, struct, u8, u32, u64

MAX_OBJECTS: u64 = 32
MAX_NAME: u64 = 128

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


class ObjectState(u32, IntEnum):
    FREE = 0                                # nothing: the place in the list may be given out
    NEW = 1                                 # what it needs has not been looked for yet
    COMPLETE = 2                            # that is there too
    BOUND = 3                               # its addresses are what they should be: it can be used


@struct(size=16)
class DynamicEntry:
    tag: i64
    value: u64


@struct
class LinkedObject:
    """Addresses are those of memory, not of the file."""

    state: ObjectState
    name_len: u32
    name_bytes: Array[u8] = array(MAX_NAME)  # a copy: who needs it may go before it does
    users: u64                              # of a library: who needs it, or has opened it
    taken: u64                              # how many of those that it needs count it among their users
    base: u64                               # what addresses in the file have to be moved by; a library's first page
    size: u64                               # bytes that a library takes there
    dynamic: u64
    strings: u64
    symbols: u64
    hash: u64                               # of the table by which symbols are found; 0: it defines none
    relocations: u64
    relocations_size: u64
    jumps: u64                              # relocations too, of what calls go through
    jumps_size: u64

    @property
    def name(self) -> str:
        return self.name_bytes[: self.name_len]


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


def find_entry(dynamic: u64, tag: i64) -> DynamicEntry | None:
    """The first entry with that tag of the dynamic section at an address."""
    place = dynamic
    entry = at(DynamicEntry, place)
    while entry.tag != 0:
        if entry.tag == tag:
            return entry
        place += 16
        entry = at(DynamicEntry, place)
    return None


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
        if linked.objects[i].state != ObjectState.FREE and linked.objects[i].name == name:
            return linked.objects[i]
    return None


def add_object(linked: Linked, name: str) -> LinkedObject:
    """A new one with one user, the last in order unless a place has become free. Raises ENFILE, ENAMETOOLONG."""
    if len(name) > MAX_NAME:
        raise Error(Errno.ENAMETOOLONG, f"{name}: a library's name of {len(name)} bytes is too long")
    place: u64 = 0
    while place < linked.count and linked.objects[place].state != ObjectState.FREE:
        place += 1
    if place == MAX_OBJECTS:
        raise Error(Errno.ENFILE, f"{name}: more than {MAX_OBJECTS - 1} libraries")
    object = linked.objects[place]
    copy_bytes(object.name_bytes[: len(name)], name)
    object.name_len = u32(len(name))
    object.state = ObjectState.NEW
    object.users = 1
    linked.count = max(linked.count, place + 1)
    return object
