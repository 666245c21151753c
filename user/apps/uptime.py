# SPDX-License-Identifier: LGPL-2.1-or-later
"""uptime: how long the machine has been up, and how busy its cores were."""

from lang import i32, u64
from lib.args import help_wanted
from lib.files import read_file
from lib.strings import discard
from parlib.vcore import proc_info


def main() -> i32:
    if help_wanted("usage: uptime"):
        return 0
    seconds, idle = read_uptime()
    cores = u64(proc_info().core_count)
    days = seconds // 86400
    hours = seconds // 3600 % 24
    total = seconds * cores
    busy = (total - min(idle, total)) * 100 // max(total, 1)
    print(f"up {days} days, {hours:02}:{seconds // 60 % 60:02}:{seconds % 60:02}, {cores} cores, {busy}% busy since boot")
    return 0


def read_uptime() -> tuple[u64, u64]:
    """Seconds since boot, and seconds that cores were idle, summed."""
    content = read_file("/proc/uptime")
    try:
        line: str = content
        seconds, idle = line.strip().split1(" ")
        whole, _ = seconds.split1(".")
        idle_whole, _ = idle.split1(".")
        return u64(whole), u64(idle_whole)
    finally:
        discard(content)
