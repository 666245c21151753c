# SPDX-License-Identifier: LGPL-2.1-or-later
"""Libraries come and go: finding those that are needed, binding them, and unmapping those that nobody uses any more.

A library is looked for in the folders of LD_LIBRARY_PATH, separated by colons, then in /lib; a name with a slash is a path.
Each is there once, with a count of who needs it or has opened it.
"""

from lang import Errno, Error, Uaddr, as_bytes, memset, text
from kern.abi.file import PATH_MAX
from ld.mapping import map_library
from ld.objects import Linked, LinkedObject, ObjectState, add_object, find_object, needed
from ld.relocate import relocate
from rt.args import environment
from syscalls import sys_munmap

FOLDER = "/lib"
SEARCHED = "LD_LIBRARY_PATH="


def link_new(linked: Linked) -> None:
    """Map what new objects need, and what that needs, and bind all of them. After an error `drop_unused` takes back what was done."""
    object = find_state(linked, ObjectState.NEW)
    while object is not None:
        take_needed(linked, object)
        object.state = ObjectState.COMPLETE
        object = find_state(linked, ObjectState.NEW)
    object = find_state(linked, ObjectState.COMPLETE)
    while object is not None:
        relocate(linked, object)
        object.state = ObjectState.BOUND
        object = find_state(linked, ObjectState.COMPLETE)


def find_state(linked: Linked, state: ObjectState) -> LinkedObject | None:
    for i in range(linked.count):
        if linked.objects[i].state == state:
            return linked.objects[i]
    return None


def take_needed(linked: Linked, object: LinkedObject) -> None:
    name = needed(object, object.taken)
    while name is not None:
        found = find_object(linked, name)
        if found is not None:
            found.users += 1
            object.taken += 1
        else:
            added = add_object(linked, name)
            object.taken += 1               # so that it is given back, if it cannot be mapped
            find_library(added, object.name)
        name = needed(object, object.taken)


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


def drop_unused(linked: Linked) -> None:
    """Unmap the libraries that have no users, and those that have none without them. Raises ENOMEM: a mapping could not be split."""
    again = True
    while again:
        again = False
        for i in range(linked.count):
            object = linked.objects[i]
            if object.state != ObjectState.FREE and object.users == 0:
                drop(linked, object)
                again = True


def drop(linked: Linked, object: LinkedObject) -> None:
    for index in range(object.taken):
        name = needed(object, index)
        other = find_object(linked, name) if name is not None else None
        if other is not None:
            other.users -= 1
    if object.size > 0:
        sys_munmap(Uaddr(object.base), object.size)
    memset(as_bytes(object), 0)
