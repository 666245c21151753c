# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls about the machine as a whole. What can be asked about it is in files: /proc/cores, /proc/meminfo, /proc/uptime."""

from lang import syscall, u32
from arch import power
from kern.debug import log
from kern.proc.proc import Proc


@syscall(4)
def sys_reboot(p: Proc) -> None:
    """Reset the machine. Does not return."""
    log.info(f"process {p.pid} reboots the machine")
    power.reboot()


@syscall(14)
def sys_poweroff(p: Proc, status: u32) -> None:
    """Turn the machine off; an emulator's host learns the status. Does not return."""
    log.info(f"process {p.pid} turns the machine off")
    power.power_off(status)
