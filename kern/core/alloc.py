# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has which core, and who is to have it: allocation and provisioning.

Provisioning is a guarantee, allocation is use: provisioning a core moves nobody; its owner takes it back from a squatter when it
next asks. Which of the cores that a process may have it gets: policy.py.
Core 0 is left to the single-core processes, which also run on every core that nobody uses (runqueue.py): it is neither provisioned nor
allocated, except on a machine that has no other (docs/decisions/one-core.md).
Locks: `lock` guards this module and kern/core/sched.py. It is never held together with a process' lock.
References to processes here are not counted: `forget` clears them while the scheduler still has its own.
"""

from typing import Literal

from lang import Error, Ref, Span, array, i32, struct, u32, u64
from arch import smp
from kern.abi.errno import Errno
from kern.boot.main import inits
from kern.debug import log
from kern.abi.proc import MAX_CORES, MAX_VCORES
from kern.lib.list import IntrusiveList, ListLink
from kern.core import runqueue
from kern.core.policy import policy
from kern.proc.preempt import preempt_core
from kern.proc.proc import Proc, proc_get, proc_put
from kern.proc.run import give_and_run
from kern.sync.kthread import give_way
from kern.sync.spinlock import SpinLock


@struct
class CoreSlot:
    id: u32
    known: bool
    alloc: Ref[Proc] | None                 # who uses it
    prov: Ref[Proc] | None                  # who is guaranteed it
    idle_link: ListLink["CoreSlot"]
    prov_link: ListLink["CoreSlot"]
    # The single-core process that runs there, or was the last one (runqueue.py)
    turn_link: ListLink["CoreSlot"]
    turn_began_ns: u64
    scp_pid: i32


@struct
class Provision:
    """A process' own cores: those that it uses, and those that somebody else, or nobody, uses."""

    used: IntrusiveList[CoreSlot, Literal["prov_link"]]
    unused: IntrusiveList[CoreSlot, Literal["prov_link"]]


lock = SpinLock()
slots = array(MAX_CORES, CoreSlot)
idle = IntrusiveList[CoreSlot, Literal["idle_link"]]()


def is_single_core() -> bool:
    return smp.core_count() == 1


def max_vcores() -> u32:
    """How many vcores a process may get: every core but core 0, or core 0 if it is alone."""
    return 1 if is_single_core() else min(smp.core_count() - 1, MAX_VCORES)


@inits
def init_alloc() -> None:
    """Once, when all cores are up."""
    first: u32 = 0 if is_single_core() else 1
    with lock:
        for id in range(smp.core_count()):
            slot = slots[id]
            slot.id = id
            slot.known = True
            if id >= first:
                idle.push_back(slot)


def provision(p: Proc | None, pcore: u32) -> None:
    """Guarantee the core to `p` from now on, or to nobody. The last call wins. Raises ENXIO, EBUSY."""
    if pcore >= smp.core_count():
        raise Error(Errno.ENXIO, f"there is no core {pcore}")
    if pcore == 0:
        raise Error(Errno.EBUSY, "core 0 is left to the single-core processes")
    with lock:
        slot = slots[pcore]
        unprovision(slot)
        if p is None or p.sched.forgotten:
            return
        slot.prov = p
        if slot.alloc is p:
            p.prov.used.push_back(slot)
        else:
            p.prov.unused.push_back(slot)


def unprovision(slot: CoreSlot) -> None:
    """Caller holds: `lock`."""
    old = slot.prov
    if old is None:
        return
    if slot.alloc is old:
        old.prov.used.remove(slot)
    else:
        old.prov.unused.remove(slot)
    slot.prov = None


def track_alloc(p: Proc, slot: CoreSlot) -> None:
    """Caller holds: `lock`."""
    slot.alloc = p
    if slot.idle_link.linked:
        idle.remove(slot)
    if slot.prov is p:
        p.prov.unused.remove(slot)
        p.prov.used.push_back(slot)
    runqueue.end_turn(slot)                 # whoever runs there is moved on by startcore
    runqueue.find_core_for_first()


def track_dealloc(p: Proc, slot: CoreSlot) -> None:
    """Caller holds: `lock`."""
    assert slot.alloc is p, "a core was given back by somebody who did not have it"
    slot.alloc = None
    if slot.prov is p:
        p.prov.used.remove(slot)
        p.prov.unused.push_front(slot)      # free, so it is the first that its owner takes
    policy().freed(slot)
    runqueue.find_core_for_first()


def request(p: Proc, wanted: u64) -> None:
    """Find up to `wanted` cores for `p` and start it on them. The caller has a reference and holds no lock. May block."""
    got = array(MAX_CORES, u32)
    count: u64 = 0
    while count < wanted:
        with lock:
            slot = None if p.sched.forgotten else policy().find_best(p)
            if slot is None:
                break
            squatter = slot.alloc
            if squatter is None:
                track_alloc(p, slot)
                got[count] = slot.id
                count += 1
            else:
                proc_get(squatter)
        if squatter is not None:
            # Then look again: meanwhile the core may have gone elsewhere, or be provisioned to another.
            evict(squatter, slot)
            proc_put(squatter)
    if count > 0 and not give_and_run(p, got[0:count]):
        with lock:
            for id in got[0:count]:
                if slots[id].alloc is p:
                    track_dealloc(p, slots[id])


def evict(squatter: Proc, slot: CoreSlot) -> None:
    """Take the core from who uses it, or see that it has given it up. The caller has a reference and holds no lock. May block."""
    if preempt_core(squatter, slot.id, 0):
        return
    # It is giving the core up on its own, or others take it, and do not sleep before they said so. No spin, though: who has it to do
    # may stand in line on this core.
    while uses(squatter, slot):
        give_way()


def uses(p: Proc, slot: CoreSlot) -> bool:
    with lock:
        return slot.alloc is p


def put_idle(p: Proc, pcore: u32) -> None:
    """`p` has given the core up."""
    with lock:
        if slots[pcore].alloc is p:
            track_dealloc(p, slots[pcore])


def hand_over(p: Proc, successor: Proc) -> None:
    """What was guaranteed to `p`, which has no cores, is guaranteed to what it went on as."""
    with lock:
        while (slot := p.prov.unused.pop_front()) is not None:
            slot.prov = None
            if not successor.sched.forgotten:
                slot.prov = successor
                successor.prov.unused.push_back(slot)


def forget_cores(p: Proc, pcores: Span[u32]) -> None:
    """`p` is dead: its cores are free, and none is guaranteed to it. Caller holds: `lock`."""
    for id in pcores:
        if slots[id].alloc is p:
            track_dealloc(p, slots[id])
    while (slot := p.prov.used.first()) is not None:
        unprovision(slot)
    while (slot := p.prov.unused.first()) is not None:
        unprovision(slot)


def use_next(pcore: u32) -> None:
    """Put an idle core at the head of the list: first-come gives it out next. Raises EBUSY if it is not idle, ENXIO."""
    if pcore >= smp.core_count():
        raise Error(Errno.ENXIO, f"there is no core {pcore}")
    with lock:
        slot = slots[pcore]
        was_idle = slot.idle_link.linked
        if was_idle:
            idle.remove(slot)
            idle.push_front(slot)
    if not was_idle:
        raise Error(Errno.EBUSY, f"core {pcore} is not idle")


def sort_idle() -> None:
    """Put the idle cores in the order of their numbers."""
    with lock:
        for id in range(smp.core_count()):
            if slots[id].idle_link.linked:
                idle.remove(slots[id])
                idle.push_back(slots[id])


def idle_count() -> u64:
    return idle.count


def log_provisions() -> None:
    view = CoreView()
    for id in range(smp.core_count()):
        view_core(id, view)
        if view.prov_pid != 0:
            log.info(f"core {id}: provisioned to process {view.prov_pid}, used by {view.alloc_pid}")


@struct
class CoreView:
    """Of one core, for diagnosis: pids, 0 for nobody."""

    alloc_pid: u32
    prov_pid: u32


def view_core(pcore: u32, view: CoreView) -> None:
    with lock:
        slot = slots[pcore]
        user = slot.alloc
        owner = slot.prov
        view.alloc_pid = 0 if user is None else u32(user.pid)
        view.prov_pid = 0 if owner is None else u32(owner.pid)
