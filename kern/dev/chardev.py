# SPDX-License-Identifier: GPL-2.0-or-later
"""/dev: the directory of devices that are one file each. A class registers itself with `@char_devices`.

No locks: nothing changes after boot.
"""

from lang import Error, Registry, new, u64
from kern.abi.errno import Errno
from kern.abi.file import DirEntry, FileKind, Stat
from kern.ns.dev import Dev, devices
from kern.ns.node import Node, set_entry


class CharDev(Node):
    kind: FileKind = FileKind.CHAR
    name: str = ""

    def start(self) -> None:
        """Called once, at boot."""

    def stat(self, into: Stat) -> None:
        into.dev = 3
        into.mode = 0o666
        into.nlink = 1
        for i in range(len(char_devices)):
            if char_devices[i] is self:
                into.ino = i + 1


char_devices = Registry[CharDev]()


class DevDirectory(Node):
    kind: FileKind = FileKind.DIR

    def walk(self, name: str) -> Node:
        for device in char_devices:
            if device.name == name:
                device.get()
                return device
        raise Error(Errno.ENOENT, f"there is no {name}")

    def entry(self, index: u64, into: DirEntry) -> bool:
        if index >= len(char_devices):
            return False
        set_entry(into, char_devices[index].name, FileKind.CHAR, index + 1, 0, 0)
        return True

    def stat(self, into: Stat) -> None:
        into.dev = 3
        into.mode = 0o755
        into.nlink = 1


@devices
class CharDevs(Dev):
    name: str = "cons"
    place: str = "/dev"
    dev_id: u64 = 3

    def attach(self) -> Node:
        for device in char_devices:
            device.refs.init(1)
            device.start()
        root = new(DevDirectory)
        root.refs.init(1)
        return root
