# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices: file trees in the name space. A class registers itself with `@devices`.

Every device has a name, by which it is reached from anywhere, as in Plan 9: `#proc/1/status`. One that also says a `place` sits
there in the tree: `/proc/1/status`; of several places, the longest that a path is under decides.
The mount table is made once at boot and never changes; so it needs no lock.
"""

from abc import ABC, abstractmethod

from lang import Error, Ref, Registry, array, panic, struct, u64
from kern.abi.errno import Errno
from kern.boot.main import inits
from kern.ns.node import Node

MAX_MOUNTS: u64 = 48


class Dev(ABC):
    name: str = ""                          # behind the `#`, no slash
    place: str = ""                         # absolute path, no slash at the end; empty if it sits nowhere
    dev_id: u64 = 0
    has_links: bool = False                 # then no other device sits below it, and `..` in paths is walked, not cleaned as text

    @abstractmethod
    def attach(self) -> Node:
        """The root of the tree, with a reference for the caller. Called once."""


devices = Registry[Dev]()


@struct
class Mount:
    dev: Ref[Dev] | None
    root: Ref[Node] | None
    has_links: bool                         # as its device says


mounts = array(MAX_MOUNTS, Mount)


@inits
def mount_devices() -> None:
    """Attach every device. Once, at boot, after the root archive was found."""
    for i in range(len(devices)):
        dev = devices[i]
        mounts[i].dev = dev
        mounts[i].has_links = dev.has_links
        try:
            mounts[i].root = dev.attach()
        except Error as e:
            panic(f"cannot attach the device #{dev.name}: {e.message}")


def is_under(path: str, place: str) -> bool:
    """Whether the absolute `path` is `place` or below it."""
    if place == "/":
        return True
    if not place or not path.startswith(place):
        return False
    return len(path) == len(place) or path[len(place)] == ord("/")


def find_mount(path: str) -> tuple[Mount, str]:
    """What serves an absolute, clean path, and the rest of it, to walk from that root. Raises ENODEV."""
    if path.startswith("#"):
        return find_named(path)
    best: u64 = 0
    length: u64 = 0
    for i in range(len(devices)):
        place = devices[i].place
        if is_under(path, place) and len(place) > length:
            best, length = i, len(place)
    if length == 0:
        panic("nothing is mounted at /")
    return mounts[best], path[length:]


def find_named(path: str) -> tuple[Mount, str]:
    name, rest = path[1:].split1("/")
    for i in range(len(devices)):
        if devices[i].name == name:
            return mounts[i], rest
    raise Error(Errno.ENODEV, f"there is no device #{name}")


def is_mount_point(path: str) -> bool:
    """Whether the absolute, clean path is the root of a device. Raises ENODEV."""
    _, rest = find_mount(path)
    return not rest
