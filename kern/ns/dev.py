# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices: file trees that sit at a place of the name space. A class registers itself with `@devices`.

The mount table is made once at boot and never changes; so it needs no lock. Its longest prefix decides.
"""

from abc import ABC, abstractmethod

from lang import Error, Ref, Registry, array, panic, struct, u64
from kern.boot.main import inits
from kern.ns.node import Node

MAX_MOUNTS: u64 = 16


class Dev(ABC):
    place: str = "/"                        # absolute path, no slash at the end
    dev_id: u64 = 0

    @abstractmethod
    def attach(self) -> Node:
        """The root of the tree, with a reference for the caller. Called once."""


devices = Registry[Dev]()


@struct
class Mount:
    place: str
    root: Ref[Node] | None


mounts = array(MAX_MOUNTS, Mount)


@inits
def mount_devices() -> None:
    """Attach every device at its place. Once, at boot, after the root archive was found."""
    for i in range(len(devices)):
        dev = devices[i]
        mounts[i].place = dev.place
        try:
            mounts[i].root = dev.attach()
        except Error as e:
            panic(f"cannot attach the device for {dev.place}: {e.message}")


def is_under(path: str, place: str) -> bool:
    """Whether the absolute `path` is `place` or below it."""
    if place == "/":
        return True
    if not path.startswith(place):
        return False
    return len(path) == len(place) or path[len(place)] == ord("/")


def find_mount(path: str) -> Mount:
    """The mount that serves the absolute, clean path."""
    best: Ref[Mount] | None = None
    for i in range(len(devices)):
        mount = mounts[i]
        if is_under(path, mount.place) and (best is None or len(mount.place) > len(best.place)):
            best = mount
    if best is None:
        panic("nothing is mounted at /")
    return best


def is_mount_point(path: str) -> bool:
    return find_mount(path).place == path
