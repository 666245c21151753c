# SPDX-License-Identifier: GPL-2.0-or-later
"""#mem: where the kernel's memory is, as text.

#mem/free       bytes of memory: all, used, free
No locks of its own; what is shown may have changed since.
"""

from typing import Callable

from lang import Array, Error, Ref, new, struct, u64
from kern.abi.errno import Errno
from kern.abi.file import DirEntry, FileKind, Stat
from kern.mm.pages import free_bytes, total_bytes
from kern.ns.dev import Dev, devices
from kern.ns.node import Node, set_entry
from kern.ns.text_file import Page, TextFile

DEV_ID: u64 = 5


@struct
class MemFile:
    name: str
    show: Callable[[Page], None]


def show_free(out: Page) -> None:
    total = total_bytes()
    unused = free_bytes()
    out.print(f"Total Memory : {total:>15}\nUsed Memory  : {total - unused:>15}\nFree Memory  : {unused:>15}\n")


files: Array[MemFile] = (MemFile("free", show_free),)


class MemText(TextFile):
    file: Ref[MemFile]

    def show(self, out: Page) -> None:
        self.file.show(out)


class MemRoot(Node):
    kind: FileKind = FileKind.DIR

    def walk(self, name: str) -> Node:
        for file in files:
            if file.name == name:
                found = new(MemText, file=file)
                found.refs.init(1)
                return found
        raise Error(Errno.ENOENT, f"there is no {name}")

    def entry(self, index: u64, into: DirEntry) -> bool:
        if index >= len(files):
            return False
        set_entry(into, files[index].name, FileKind.FILE, index + 1, 0, 0)
        return True

    def stat(self, into: Stat) -> None:
        into.dev = DEV_ID
        into.mode = 0o555
        into.nlink = 1


@devices
class MemDev(Dev):
    name: str = "mem"
    dev_id: u64 = DEV_ID

    def attach(self) -> Node:
        root = new(MemRoot)
        root.refs.init(1)
        return root
