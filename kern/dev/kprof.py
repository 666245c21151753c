# SPDX-License-Identifier: GPL-2.0-or-later
"""#kprof: what cores, threads and programs do.

#kprof/mpstat   a line for each core: how much of its time went to interrupts, the kernel, user code, nothing, in percent, and how
                long was counted, in ms. Takes commands: `on` begins at zero, `off` ends the accounting, which costs a little.
#kprof/counts   a line for each core: how often it entered the kernel, by what (system calls, faults, interrupts from other cores, of its
                timer and of devices, NMIs), and how many threads left their stack there to wait
#kprof/sleepers the threads that sleep in the kernel: what each waits for, and where (also /proc/N/sleepers, of one process)
#kprof/kprintx  `on`, `off` or `toggle`: whether every fault of a program is told on the console, whatever the program makes of it
#kprof/locks    a line for each place that takes spinlocks: how often it did, how often not at once, how long that took in all and at
                most, how long they were held in all and at most, in cycles, and where that is. Takes `on`, which begins at zero, and `off`.
                Checked builds only
#kprof/irqs     a line for each handler of a device's interrupt: line, vector or controller, core, how often it ran
No locks of its own; what is shown may have changed since.
"""

from lang import CHECKED, Array, Error, array, text, u32, u64
from arch import smp, timer, trap
from kern.abi.errno import Errno
from kern.core.cpu_state import is_accounting, read_times, start_accounting, stop_accounting
from kern.core.percore import core
from kern.debug.threads import show_sleeping
from kern.dev.proc_dev import ProcFile, proc_files
from kern.ns.dev import Dev, devices
from kern.ns.folder import FolderFile, new_folder
from kern.ns.node import Node
from kern.ns.text_file import Page
from kern.proc import fault
from kern.proc.proc import Proc
from kern.sync.lockcheck import counts, describe_code, start_counting, stop_counting
from kern.time.clock import NS_PER_MS

DEV_ID: u64 = 12
ROOM: u64 = 65536


def show_mpstat(out: Page) -> None:
    out.print(f"{'CORE':>4} {'IRQ':>7} {'KERNEL':>7} {'USER':>7} {'IDLE':>7} {'MS':>8}\n")
    if not is_accounting():
        raise Error(Errno.EAGAIN, "the time of cores is not accounted for: write `on` first")
    for id in range(u32(0), smp.core_count()):
        show_core(out, id)


def show_core(out: Page, id: u32) -> None:
    by_state = array(4, u64)
    total = read_times(id, by_state)
    out.print(f"{id:>4}")
    for cycles in by_state:
        tenths = cycles * 1000 // max(total, 1)
        out.print(f" {tenths // 10:>5}.{tenths % 10}")
    out.print(f" {timer.cycles_to_ns(total) // NS_PER_MS:>8}\n")


def obey_mpstat(order: str) -> None:
    match order:
        case "on":
            start_accounting()
        case "off":
            stop_accounting()
        case _:
            raise Error(Errno.EINVAL, f"mpstat cannot be told {order}; there are on and off")


def show_counts(out: Page) -> None:
    for id in range(u32(0), smp.core_count()):
        info = core[id]
        out.print(f"{id} calls {info.system_calls} faults {info.faults} ipis {info.ipis} timer {info.timer_irqs}")
        out.print(f" devices {info.device_irqs} nmis {info.nmis} switches {info.switches}\n")


def show_all_sleepers(out: Page) -> None:
    show_sleeping(out, None)


def show_irqs(out: Page) -> None:
    for i in range(trap.irq_count()):
        line = text(120)
        trap.describe_irq(i, line)
        if line.len > 0:
            out.print(f"{line}\n")


def show_locks(out: Page) -> None:
    need_checks()
    out.print(f"{'TAKEN':>10} {'WAITED':>8} {'WAIT':>12} {'LONGEST':>10} {'HELD':>12} {'LONGEST':>10} PLACE\n")
    for entry in counts:
        if entry.taken.load() > 0:
            out.print(f"{entry.taken.load():>10} {entry.waited.load():>8} {entry.wait.load():>12} {entry.longest_wait.load():>10}")
            out.print(f" {entry.held.load():>12} {entry.longest_hold.load():>10}")
            line = text(200)
            describe_code(line, " in", entry.site.load())
            out.print(f"{line}\n")


def obey_locks(order: str) -> None:
    need_checks()
    match order:
        case "on":
            start_counting()
        case "off":
            stop_counting()
        case _:
            raise Error(Errno.EINVAL, f"locks takes on and off, not {order}")


def need_checks() -> None:
    if not CHECKED:
        raise Error(Errno.ENOSYS, "only checked builds count what locks do")


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


@proc_files
class Sleepers(ProcFile):
    name: str = "sleepers"
    room: u64 = ROOM

    def show(self, p: Proc, out: Page) -> None:
        show_sleeping(out, p)


files: Array[FolderFile] = (
    FolderFile("mpstat", show=show_mpstat, command=obey_mpstat, room=ROOM),
    FolderFile("counts", show=show_counts, room=ROOM),
    FolderFile("sleepers", show=show_all_sleepers, room=ROOM),
    FolderFile("locks", show=show_locks, command=obey_locks, room=ROOM),
    FolderFile("irqs", show=show_irqs),
    FolderFile("kprintx", show=show_printx, command=set_printx),
)


@devices
class Kprof(Dev):
    name: str = "kprof"
    dev_id: u64 = DEV_ID

    def attach(self) -> Node:
        return new_folder(files[:], DEV_ID)
