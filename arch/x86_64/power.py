# SPDX-License-Identifier: GPL-2.0-or-later
"""The end of the machine: off, reset, and telling the host how it went.

QEMU's isa-debug-exit device at port 0xf4 ends the emulator with status (value << 1) | 1: value 0x10 + n for the status n
of what ran, 0x7f for a panic. Where there is no such device the write goes nowhere, and ACPI does it.
"""

from typing import Callable, NoReturn

from lang import u16, u32
from arch import acpi, cpu, serial, smp

EXIT_PORT: u16 = 0xF4
EXIT_BASE: u32 = 0x10
EXIT_MAX: u32 = 109
EXIT_PANIC: u32 = 0x7F
RESET_CONTROL: u16 = 0xCF9
KEYBOARD: u16 = 0x64


def power_off(status: u32) -> NoReturn:
    """Off; `status` is what the host gets to know, where it can."""
    stop()
    cpu.out32(EXIT_PORT, EXIT_BASE + min(status, EXIT_MAX))
    acpi.power_off()
    serial.put_early("It is safe to turn the machine off.\n")
    cpu.halt_forever()


def panic_exit() -> NoReturn:
    """End with a status that is no success; halts where the host cannot be told."""
    stop()
    cpu.out32(EXIT_PORT, EXIT_PANIC)
    cpu.halt_forever()


def reboot() -> NoReturn:
    """By ACPI's reset register, the chipset's, the keyboard controller's, or a triple fault."""
    stop()
    acpi.reset()
    cpu.out8(RESET_CONTROL, 0x02)
    cpu.out8(RESET_CONTROL, 0x06)
    for _ in range(1000):
        cpu.out8(KEYBOARD, 0xFE)
    cpu.triple_fault()


def stop() -> None:
    """All output is out, and nothing else runs any more."""
    cpu.irqs_off()
    serial.finish()
    smp.stop_others()


def on_power_button(handler: Callable[[], None]) -> None:
    """`handler` runs with interrupts off when the power button is pressed; at once if it was while the machine booted."""
    acpi.on_power_button(handler)
