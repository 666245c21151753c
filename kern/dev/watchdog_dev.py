# SPDX-License-Identifier: GPL-2.0-or-later
"""#watchdog/ctl: `on [SECONDS]` turns the watchdog on (kern/time/watchdog.py), `off` turns it off; a read tells how it is."""

from lang import Array, Error, u64
from kern.abi.errno import Errno
from kern.ns.dev import Dev, devices
from kern.ns.folder import FolderFile, new_folder
from kern.ns.node import Node
from kern.ns.text_file import Page
from kern.time import watchdog
from kern.time.clock import NS_PER_MS, NS_PER_SEC

DEV_ID: u64 = 13
LONGEST_S: u64 = 600


def obey(order: str) -> None:
    command, argument = order.split1(" ")
    match command:
        case "on":
            watchdog.start(timeout_of(argument.strip()))
        case "off":
            watchdog.stop()
        case _:
            raise Error(Errno.EINVAL, f"the watchdog cannot be told {command}; there are on [SECONDS] and off")


def timeout_of(seconds: str) -> u64:
    """In ns. Raises EINVAL."""
    return watchdog.USUAL_NS if not seconds else min(u64(seconds), LONGEST_S + 1) * NS_PER_SEC


def show(out: Page) -> None:
    if watchdog.timeout_ns == 0:
        out.put("off\n")
    else:
        watcher = "the board's timer" if watchdog.by_board else "core 1"
        out.print(f"on, {watchdog.timeout_ns // NS_PER_MS} ms; core 0 is watched by {watcher}\n")


files: Array[FolderFile] = (FolderFile("ctl", show=show, command=obey),)


@devices
class WatchdogDev(Dev):
    name: str = "watchdog"
    dev_id: u64 = DEV_ID

    def attach(self) -> Node:
        return new_folder(files[:], DEV_ID)
