# SPDX-License-Identifier: GPL-2.0-or-later
"""The end of the machine: off, reset, and telling the host how it went.

The emulator's test device ends it with the status in the upper half of the word: 0x10 + n for the status n of what ran, 0x7f for a
panic. Where there is no such device the firmware does it.
"""

from typing import Callable, NoReturn

from lang import Ptr, u32, volatile_store
from arch import acpi, cpu, page_table, serial, smp

TEST_FAIL: u32 = 0x3333                     # "failed" is what it calls every status but 0
EXIT_BASE: u32 = 0x10
EXIT_MAX: u32 = 109
EXIT_PANIC: u32 = 0x7F


def power_off(status: u32) -> NoReturn:
    """Off; `status` is what the host gets to know, where it can."""
    stop()
    tell(EXIT_BASE + min(status, EXIT_MAX))
    acpi.power_off()
    serial.put_early("It is safe to turn the machine off.\n")
    cpu.halt_forever()


def panic_exit() -> NoReturn:
    """End with a status that is no success; halts where the host cannot be told."""
    stop()
    tell(EXIT_PANIC)
    cpu.halt_forever()


def reboot() -> NoReturn:
    stop()
    acpi.reset()
    cpu.halt_forever()


def tell(value: u32) -> None:
    if acpi.test_device != 0:
        cpu.device_fence()
        volatile_store(Ptr[u32](acpi.test_device + page_table.direct_map), (value << 16) | TEST_FAIL)


def stop() -> None:
    """All output is out, and nothing else runs any more."""
    cpu.irqs_off()
    serial.finish()
    smp.stop_others()


def on_power_button(handler: Callable[[], None]) -> None:
    """`handler` runs in interrupt context when the power button is pressed."""
    acpi.on_power_button(handler)
