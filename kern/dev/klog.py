# SPDX-License-Identifier: GPL-2.0-or-later
"""/dev/klog: what a program writes to it goes to the kernel's log, among the kernel's own lines."""

from lang import array, u8, u64
from kern.abi.file import OpenMode
from kern.core.percore import core
from kern.debug import log
from kern.dev.chardev import CharDev, char_devices
from kern.ns.transfer import Transfer

LONGEST_LINE: u64 = 200


@char_devices
class KernelLog(CharDev):
    name: str = "klog"

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        return 0

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        """One line, without its end; what is longer than LONGEST_LINE is another write's."""
        buffer = array(LONGEST_LINE, u8)
        count = io.take(buffer[0:LONGEST_LINE])
        p = core.mine.cur_proc
        log.info(f"process {p.pid if p is not None else 0}: {buffer[0:count].strip()}")
        return count
