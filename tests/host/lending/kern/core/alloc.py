# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: core 0 is the only one, idle or a many-core process'."""

from typing import Literal

from lang import Ref, Span, addr_of, array, at, i32, struct, u32, u64
from kern.abi.proc import ProcState
from kern.core import runqueue
from kern.core.kmsg import send_routine
from kern.lib.list import IntrusiveList, ListLink
from kern.proc.proc import Proc
from kern.proc.run import take_core
from kern.sync.spinlock import SpinLock


@struct
class CoreSlot:
    id: u32
    alloc: Ref[Proc] | None
    idle_link: ListLink["CoreSlot"]
    turn_link: ListLink["CoreSlot"]
    turn_began_ns: u64
    scp_pid: i32


lock = SpinLock()
slots = array(4, CoreSlot)
idle = IntrusiveList[CoreSlot, Literal["idle_link"]]()


def is_single_core() -> bool:
    return True


def idle_count() -> u64:
    return idle.count


def request(p: Proc, wanted: u64) -> None:
    """Give it the core and start it there, if that is idle."""
    with lock:
        slot = idle.pop_front()
        if slot is None:
            return
        slot.alloc = p
        runqueue.end_turn(slot)
        runqueue.find_core_for_first()
    with p.lock:
        assert p.is_in(ProcState.RUNNABLE_M), "it has the core, or wants none"
        p.num_vcores = 1
        p.set_state(ProcState.RUNNING_M)
        send_routine(slot.id, startcore_here, addr_of(p), 0, 0)


def startcore_here(address: u64, a1: u64, a2: u64) -> None:
    runqueue.vacate()
    take_core(at(Proc, address))


def put_idle(p: Proc, pcore: u32) -> None:
    with lock:
        if slots[pcore].alloc is p:
            free_core(slots[pcore])


def free_core(slot: CoreSlot) -> None:
    """Caller holds: `lock`."""
    slot.alloc = None
    idle.push_back(slot)
    runqueue.find_core_for_first()


def forget_cores(p: Proc, pcores: Span[u32]) -> None:
    """Caller holds: `lock`."""
    for id in pcores:
        if slots[id].alloc is p:
            free_core(slots[id])
