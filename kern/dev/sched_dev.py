# SPDX-License-Identifier: GPL-2.0-or-later
"""#sched: the kernel scheduler, as text.

#sched/diag         the policy of allocation, passes so far, the single-core processes that run (the longest turn first, with their core),
                    those that wait, the many-core processes, and the idle cores in the order in which first-come gives them out
#sched/topology     a line for each core: its number, NUMA node, socket and processor
#sched/coreinfo     for each core: the process in whose address space it is, the one that owns it (and as which vcore), the kernel thread in
                    use with the address of its system call's structure, spinlocks held, depth of interrupts, whether messages wait
#sched/ctl          takes commands: `next CORE` puts an idle core first, `sort` the idle cores into the order of their numbers
Locks: `alloc.lock` while lists are copied.
"""

from lang import Array, Error, u32, u64
from arch import smp
from kern.abi.errno import Errno
from kern.core import sched
from kern.core.alloc import sort_idle, use_next
from kern.core.percore import core
from kern.core.policy import policy
from kern.core.topology import places
from kern.ns.dev import Dev, devices
from kern.ns.folder import FolderFile, new_folder
from kern.ns.node import Node
from kern.ns.text_file import Page
from kern.sync.kthread import RunningThread, copy_running
from kern.sync.rcu import reading

DEV_ID: u64 = 9
ROOM: u64 = 16384


def show_diag(out: Page) -> None:
    view = sched.SchedView()
    sched.view_lists(view)
    out.print(f"policy: {policy().name}\npasses: {view.passes}\n")
    out.put("running:")
    for i in range(view.running.count):
        out.print(f" {view.running.items[i]}@{view.running_on.items[i]}")
    out.put("\n")
    put_numbers(out, "runnable", view.runnable)
    put_numbers(out, "mcps", view.mcps)
    put_numbers(out, "idle", view.idle)


def put_numbers(out: Page, label: str, list: sched.Numbers) -> None:
    out.print(f"{label}:")
    for number in list.items[: list.count]:
        out.print(f" {number}")
    out.put("\n")


def show_topology(out: Page) -> None:
    for id in range(smp.core_count()):
        place = places[id]
        out.print(f"{id} {place.node} {place.socket} {place.processor}\n")


def obey(order: str) -> None:
    """Raises EINVAL, ENXIO, EBUSY."""
    word, rest = order.split1(" ")
    if word == "sort":
        sort_idle()
    elif word == "next":
        use_next(u32(min(u64(rest.strip()), 0xFFFF)))
    else:
        raise Error(Errno.EINVAL, f"no command is called {word}; there are next and sort")


def show_coreinfo(out: Page) -> None:
    """Nobody is interrupted for it: each value is of a moment of its own."""
    for id in range(smp.core_count()):
        put_processes(out, id)
        put_thread(out, id)
        there = core[id]
        out.print(f" locks {there.lock_depth} irq_depth {there.irq_depth}{'' if there.routine.messages.is_empty() else ' messages wait'}\n")


def put_processes(out: Page, id: u32) -> None:
    with reading():                         # the core's references may go meanwhile
        current = core[id].cur_proc
        owner = core[id].owning_proc
        current_pid = 0 if current is None else current.pid
        owner_pid = 0 if owner is None else owner.pid
    out.print(f"core {id}: cur_proc {current_pid} owning_proc {owner_pid}")
    if owner_pid != 0:
        out.print(f" vcore {core[id].owning_vcoreid}")


def put_thread(out: Page, id: u32) -> None:
    shown = RunningThread()
    copy_running(id, shown)
    out.print(f" kthread {shown.address:#x} ({shown.name}) sysc {u64(shown.sysc):#x}")


files: Array[FolderFile] = (
    FolderFile("coreinfo", show=show_coreinfo, room=ROOM * 4),
    FolderFile("diag", show=show_diag, room=ROOM),
    FolderFile("topology", show=show_topology, room=ROOM),
    FolderFile("ctl", command=obey),
)


@devices
class SchedDev(Dev):
    name: str = "sched"
    dev_id: u64 = DEV_ID

    def attach(self) -> Node:
        return new_folder(files[:], DEV_ID)
