# SPDX-License-Identifier: GPL-2.0-or-later
"""#sched: the kernel scheduler, as text.

#sched/diag         the policy of allocation, passes so far, the single-core processes that wait for a core, the many-core processes, and
                    the idle cores in the order in which first-come gives them out
#sched/topology     a line for each core: its number, NUMA node, socket and processor
#sched/coreinfo     for each core: the process in whose address space it is, the one that owns it (and as which vcore), the kernel thread in
                    use with the address of its system call's structure, spinlocks held, depth of interrupts, whether messages wait
#sched/ctl          takes commands: `next CORE` puts an idle core first, `sort` the idle cores into the order of their numbers
Locks: `alloc.lock` while lists are copied; `reading_facts`, a sleeping lock, over a look at all cores.
"""

from lang import Array, Error, addr_of, array, i32, interrupt_context, struct, u32, u64
from arch import smp
from kern.abi.errno import Errno
from kern.abi.proc import MAX_CORES
from kern.core import sched
from kern.core.alloc import sort_idle, use_next
from kern.core.percore import core
from kern.core.policy import policy
from kern.core.smp import call_on_all
from kern.core.topology import places
from kern.ns.dev import Dev, devices
from kern.ns.folder import FolderFile, new_folder
from kern.ns.node import Node
from kern.ns.text_file import Page
from kern.sync.qlock import QLock

DEV_ID: u64 = 9
ROOM: u64 = 16384


def show_diag(out: Page) -> None:
    view = sched.SchedView()
    sched.view_lists(view)
    out.print(f"policy: {policy().name}\npasses: {view.passes}\n")
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


@struct
class CoreFacts:
    """Of one core, as that core itself found them in an interrupt handler."""

    cur_pid: i32
    owner_pid: i32
    vcoreid: u32
    kthread: u64
    kthread_name: str
    sysc: u64
    locks: u32
    irq_depth: u32
    messages: u64


facts = array(MAX_CORES, CoreFacts)
reading_facts = QLock()


@interrupt_context
def note_facts(unused: u64) -> None:
    mine = core.mine
    fact = facts[mine.core_id]
    current = mine.cur_proc
    owner = mine.owning_proc
    kthread = mine.cur_kthread
    fact.cur_pid = 0 if current is None else current.pid
    fact.owner_pid = 0 if owner is None else owner.pid
    fact.vcoreid = mine.owning_vcoreid
    fact.kthread = 0 if kthread is None else addr_of(kthread)
    fact.kthread_name = "-" if kthread is None else kthread.name
    fact.sysc = 0 if kthread is None else u64(kthread.sysc)
    fact.locks = mine.lock_depth
    fact.irq_depth = mine.irq_depth
    fact.messages = 0 if mine.routine.messages.is_empty() else 1


def show_coreinfo(out: Page) -> None:
    """Every core is interrupted to look at itself: nobody else may follow these references."""
    with reading_facts:
        call_on_all(note_facts, 0)
        for id in range(smp.core_count()):
            put_facts(out, id, facts[id])


def put_facts(out: Page, id: u32, fact: CoreFacts) -> None:
    out.print(f"core {id}: cur_proc {fact.cur_pid} owning_proc {fact.owner_pid}")
    if fact.owner_pid != 0:
        out.print(f" vcore {fact.vcoreid}")
    out.print(f" kthread {fact.kthread:#x} ({fact.kthread_name}) sysc {fact.sysc:#x}")
    out.print(f" locks {fact.locks} irq_depth {fact.irq_depth}{' messages wait' if fact.messages != 0 else ''}\n")


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
