# SPDX-License-Identifier: GPL-2.0-or-later
"""/dev/sysctl: one word written to it is an order to the machine.

`reboot` and `halt` (power off); and, to see what they look like, faults of the kernel: `panic`, `overflow` (of its stack),
`hang` (this core for good, interrupts off), `hang N` (core N), `spin` (this core, interrupts on), `hold` (a spinlock, on the way back to
the program). What checked builds find besides: kern/ktest/check_tests.py.
"""

from lang import Error, array, panic, pause, u8, u32, u64, unproven
from arch import cpu, power, smp
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from kern.core.kmsg import send_routine
from kern.debug import log
from kern.dev.chardev import CharDev, char_devices
from kern.ns.transfer import Transfer
from kern.sync.spinlock import SpinLock

LONGEST_ORDER: u64 = 32

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
            case "hang":
                hang(0, 0, 0)
            case "spin":
                spin()
            case "hold":
                unused_lock.lock()
                return count
        if order.startswith("hang "):
            hang_other(order[5:])
            return count
        raise Error(Errno.EINVAL, f"no order is called {order}; there are reboot, halt, panic, overflow, hang, spin and hold")


def hang(unused0: u64, unused1: u64, unused2: u64) -> None:
    """This core does nothing more, and hears nothing."""
    cpu.irqs_off()
    while True:
        pause()


def hang_other(number: str) -> None:
    id = u64(number)
    if id >= u64(smp.core_count()):
        raise Error(Errno.EINVAL, f"there is no core {id}")
    send_routine(u32(id), hang, 0, 0, 0)


def spin() -> None:
    """This core does nothing more, but takes interrupts."""
    while True:
        pause()


@unproven("overflows the stack on purpose")
def overflow_stack(depth: u64) -> u64:
    """Recursion without end, which must run into the guard page."""
    room = array(256, u64)
    room[depth % 256] = depth
    return overflow_stack(depth + 1) + room[(depth + 1) % 256]
