# SPDX-License-Identifier: GPL-2.0-or-later
"""#kprof: watching what programs do.

#kprof/kprintx      `on`, `off` or `toggle`: whether every fault of a program is told on the console, whatever the program makes of it
No locks.
"""

from lang import Array, Error, u64
from kern.abi.errno import Errno
from kern.ns.dev import Dev, devices
from kern.ns.folder import FolderFile, new_folder
from kern.ns.node import Node
from kern.ns.text_file import Page
from kern.proc import fault

DEV_ID: u64 = 11


def show_printx(out: Page) -> None:
    out.put("on\n" if fault.printx() else "off\n")


def set_printx(order: str) -> None:
    match order:
        case "on":
            fault.set_printx(True)
        case "off":
            fault.set_printx(False)
        case "toggle":
            fault.set_printx(not fault.printx())
        case _:
            raise Error(Errno.EINVAL, f"kprintx takes on, off and toggle, not {order}")


files: Array[FolderFile] = (FolderFile("kprintx", show=show_printx, command=set_printx),)


@devices
class KprofDev(Dev):
    name: str = "kprof"
    dev_id: u64 = DEV_ID

    def attach(self) -> Node:
        return new_folder(files[:], DEV_ID)
