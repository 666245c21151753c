# SPDX-License-Identifier: GPL-2.0-or-later
"""/dev/sysctl: one word written to it is an order to the machine: `reboot`, `halt` (power off), or `panic` (to see one)."""

from lang import Error, array, panic, u8, u64
from arch import power
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from kern.debug import log
from kern.dev.chardev import CharDev, char_devices
from kern.ns.transfer import Transfer

LONGEST_ORDER: u64 = 32


@char_devices
class Sysctl(CharDev):
    name: str = "sysctl"

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        return 0

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        buffer = array(LONGEST_ORDER, u8)
        count = io.take(buffer[0:LONGEST_ORDER])
        order = buffer[0:count].strip()
        log.info(f"order to the machine: {order}")
        match order:
            case "reboot":
                power.reboot()
            case "halt":
                power.power_off(0)
            case "panic":
                panic("ordered through /dev/sysctl")
        raise Error(Errno.EINVAL, f"no order is called {order}; there are reboot, halt and panic")
