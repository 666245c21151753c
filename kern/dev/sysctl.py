# SPDX-License-Identifier: GPL-2.0-or-later
"""/dev/sysctl: one word written to it is an order to the machine.

`reboot` and `halt` (power off); and, to see what they look like, faults of the kernel: `panic`, `overflow` (of its stack),
`block` (in an interrupt handler), `relock` (a spinlock that it holds).
"""

from lang import Error, array, panic, u8, u64, unproven
from arch import power
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from kern.core.kmsg import send_immediate
from kern.core.percore import core
from kern.debug import log
from kern.dev.chardev import CharDev, char_devices
from kern.ns.transfer import Transfer
from kern.sync.semaphore import Semaphore
from kern.sync.spinlock import SpinLock

LONGEST_ORDER: u64 = 32

never = Semaphore()
unused_lock = SpinLock()


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
            case "overflow":
                overflow_stack(count)
            case "block":
                send_immediate(core.mine.core_id, block_here, 0, 0, 0)
            case "relock":
                relock()
        raise Error(Errno.EINVAL, f"no order is called {order}; there are reboot, halt, panic, overflow, block and relock")


@unproven("overflows the stack on purpose")
def overflow_stack(depth: u64) -> u64:
    """Recursion without end, which must run into the guard page."""
    room = array(256, u64)
    room[depth % 256] = depth
    return overflow_stack(depth + 1) + room[(depth + 1) % 256]


@unproven("shows the panic of the run-time check")
def relock() -> None:
    with unused_lock, unused_lock:
        pass


@unproven("shows the panic of the run-time check")
def block_here(a0: u64, a1: u64, a2: u64) -> None:
    """Immediate message: what no handler may do."""
    try:
        never.down()
    except Error as e:
        log.error(f"{e.message}")
