# SPDX-License-Identifier: GPL-2.0-or-later
"""The end of a process: exit, kill, and fatal faults. It may be called by anybody, on any core, more than once.

Order: cores are taken and told; DYING; cores given back; the last words, of whom a fault ends; children disowned; files closed, so that a
parent which waits on our pipe wakes; DYING_ABORT, which ends every abortable sleep; the parent told. Memory goes with the last reference.
A thread that was in a system call finishes it; the core it stands on leaves the process when it reaches its idle loop.
Locks: `p.lock`, then, one after the other: the parent's `child_cv.lock`, the fd table's, the scheduler's.
"""

from typing import Callable

from lang import Span, addr_of, array, i32, recursion, u32, u64
from arch import power
from kern.abi.event import EventMsg, EventType
from kern.abi.proc import KILLED_EXIT_CODE, MAX_VCORES, ProcState
from kern.core import sched
from kern.core.current import clear_owning_proc
from kern.core.kmsg import send_routine
from kern.core.percore import core
from kern.debug import log
from kern.event.send import send_kernel_event
from kern.ns.fd import close_all_fds
from kern.proc.proc import Proc, begin_map_change, end_map_change, find_proc, proc_get, proc_put, unmap_vcore
from kern.proc.run import account_offline, count_changed, unmap_scp
from kern.sync.abort import abort_all_calls

SIGCHLD = 17


def proc_destroy(p: Proc, exit_code: i32) -> None:
    """End `p`, or what it went on as by exec. The caller has a reference. May block (closing files). Nothing if it is dying already."""
    pcores = array(MAX_VCORES, u32)
    target = p
    while (count := begin_dying(target, exit_code, pcores)) is None:
        successor = target.successor
        if successor is None:
            return
        target = successor
    end(target, pcores[:count])


def begin_dying(p: Proc, exit_code: i32, pcores: Span[u32]) -> u64 | None:
    """Take p's cores and make it DYING; how many allocated cores it had, their numbers in `pcores`. None if it was dying."""
    with p.lock:
        if p.is_dying():
            return None
        p.exit_code = exit_code
        count = take_cores(p, pcores)
        p.set_state(ProcState.DYING)
        return count


@recursion(2)                               # who has not run yet has no children
def end(p: Proc, pcores: Span[u32]) -> None:
    """The rest of it, for a process that has just become DYING."""
    sched.forget(p, pcores)                 # at once: who wants one of the cores waits for this, and closing files may sleep
    end_without_cores(p)


@recursion(2)
def end_without_cores(p: Proc) -> None:
    disown_children(p)
    close_all_fds(p.fds)
    with p.lock:
        p.set_state(ProcState.DYING_ABORT)
    abort_all_calls(p)
    if p.kills_machine:
        log.info(f"the first process ended with {p.exit_code}")
        power.power_off(u32(p.exit_code & 0xFF))
    tell_parent(p)


def take_cores(p: Proc, pcores: Span[u32]) -> u64:
    """Send death to every core that runs `p`. Returns how many allocated cores it had, their numbers in `pcores`.

    Caller holds: `p.lock`.
    """
    count: u64 = 0
    if p.is_in(ProcState.RUNNING_S):
        send_death(p, p.info.vcoremap[0].pcoreid, 0)
        unmap_scp(p)
        return count
    while (vc := p.online.pop_front()) is not None:
        pcore = p.info.vcoremap[vc.id].pcoreid
        pcores[count] = pcore
        count += 1
        if p.is_in(ProcState.RUNNING_M):
            send_death(p, pcore, vc.id)
        begin_map_change(p)
        account_offline(p, vc.id)
        unmap_vcore(p, vc.id)
        end_map_change(p)
        p.inactive.push_front(vc)
    p.num_vcores = 0
    count_changed(p)
    return count


def send_death(p: Proc, pcore: u32, vcoreid: u32) -> None:
    send_routine(pcore, death_here, addr_of(p), u64(vcoreid), 0)


def death_here(address: u64, vcoreid: u64, unused: u64) -> None:
    """Routine message: the process that owns this core is dead; or did, if the core was granted to another meanwhile (`vacate`)."""
    owner = core.mine.owning_proc
    # The address is only compared. Whoever has it next, and runs here, comes here by a message behind this one.
    if owner is not None and addr_of(owner) == address:
        clear_owning_proc()


def disown_children(p: Proc) -> None:
    """Nobody waits for them any more, and those that were never started end with their parent: nobody else was to start them, and they
    would stay for good. References go outside the lock."""
    while True:
        with p.child_cv.lock.irqs_off():
            child = p.children.pop_front()
            if child is not None:
                child.parent = None
                child.ppid = 0
                child.info.ppid = 0
        if child is None:
            break
        end_unstarted(child)
        proc_put(child)
    p.child_cv.lock_and_broadcast()


def end_unstarted(p: Proc) -> None:
    """End `p` if it has not run yet."""
    none = array(1, u32)
    with p.lock:
        unstarted = p.is_in(ProcState.CREATED)
        if unstarted:
            p.exit_code = KILLED_EXIT_CODE
            p.set_state(ProcState.DYING)
    if unstarted:
        end(p, none[:0])


def tell_parent(p: Proc) -> None:
    parent = take_parent(p)
    if parent is None:
        return
    msg = EventMsg(ev_type=EventType.POSIX_SIGNAL, arg1=SIGCHLD)
    send_kernel_event(parent, msg, 0)
    parent.child_cv.lock_and_broadcast()
    proc_put(parent)


def take_parent(p: Proc) -> Proc | None:
    """The parent, with a reference, unless it has disowned `p`.

    Found by its pid: `p.parent` is not counted, and disowning may run beside this.
    """
    parent = find_proc(p.ppid)
    if parent is None:
        return None
    if p.parent is parent:
        return parent
    proc_put(parent)
    return None


def destroy_self(p: Proc, exit_code: i32) -> None:
    """proc_destroy for the caller of a system call, or of a fault: its core leaves it on the way out."""
    proc_get(p)
    proc_destroy(p, exit_code)
    proc_put(p)


def destroy_self_saying(p: Proc, exit_code: i32, last_words: Callable[[Proc], None]) -> None:
    """destroy_self for whom a fault ends. `last_words` are said when nobody runs p any more, so that they may take their time, and before
    its parent can know. Nothing if p is dying already."""
    pcores = array(MAX_VCORES, u32)
    proc_get(p)
    count = begin_dying(p, exit_code, pcores)
    if count is not None:
        sched.forget(p, pcores[:count])
        last_words(p)
        end_without_cores(p)
    proc_put(p)


def kill(p: Proc, why: str) -> None:
    """The kernel ends a process that cannot go on."""
    log.warn(f"process {p.pid} ({p.name.view}) killed: {why}")
    destroy_self(p, KILLED_EXIT_CODE)
