# SPDX-License-Identifier: GPL-2.0-or-later
"""The process: its structure, its states, its references, and the table of pids.

States change only under `lock` and only along the transitions of `allowed_from`; anything else panics. Reading the state
without the lock is allowed and may be stale.
References: the scheduler (existence), the parent's list of children, each core's `owning_proc` and `cur_proc`, every blocked
kernel thread. The pid table holds none. The last one to go frees memory, page tables and the pid, and, when no look-up can still see it,
the structure (kern/sync/rcu.py).
Kernel and process share `info` and `data` (kern/abi/proc.py); the kernel reaches them through the direct map and never faults.
Locks: `lock` (a plain spinlock, never taken in interrupt handlers) comes after the scheduler's and before the event code's;
`table_lock` is a leaf. `children_lock` of the parent before nothing.
"""

from typing import Literal

from lang import (
    ACQUIRE,
    RELAXED,
    RELEASE,
    Atomic,
    Error,
    Paddr,
    Ref,
    Span,
    Text,
    Uaddr,
    array,
    container_of,
    free,
    i32,
    never_blocks,
    panic,
    struct,
    text,
    u32,
    u64,
)
from arch.abi import FpState, UserContext
from arch import mmu
from kern.abi.errno import Errno
from kern.abi.proc import FIRST_PID, MAX_PID, PROCDATA_ADDR, PROCINFO_ADDR, ProcData, ProcInfo, ProcState, VcoreFlag, VcorePreemptData
from kern.core.alloc import Provision
from kern.core.sched import SchedEntry
from kern.lib.list import IntrusiveList, ListLink
from kern.mm.pages import PAGE_SIZE, free_pages, order_for
from kern.mm.vmr import VmSpace, destroy_vm
from kern.ns.fd import FdTable
from kern.sync.condvar import CondVar
from kern.sync.kref import Kref
from kern.sync.qlock import QLock
from kern.sync.rcu import RcuHead, call_rcu, reading
from kern.sync.spinlock import SpinLock
from kern.syscall.parked import ParkedCalls, free_notes

DYING_STATES: u32 = 48                      # DYING and DYING_ABORT
NAME_LEN: u64 = 32
CWD_LEN: u64 = 1024


@struct
class Vcore:
    """The kernel's own record of a vcore: on exactly one of online, bulk_preempted and inactive."""

    id: u32
    link: ListLink["Vcore"]


@struct
class Proc:
    pid: i32
    state_bits: Atomic[u32]
    refs: Kref
    rcu: RcuHead
    lock: SpinLock
    name: Text = text(32)
    program: Text = text(256)               # path of its file; truncated it is of no use
    space: mmu.AddressSpace
    vm: VmSpace
    info: Ref[ProcInfo]
    data: Ref[ProcData]
    info_page: Paddr                        # physical homes of the two, contiguous
    data_page: Paddr
    info_size: u64                          # what of them is there, and mapped: bytes
    data_size: u64
    is_mcp: bool
    user: Text = text(32)                   # whose it is: its parent's user
    umask: u32                              # rights that files which it makes do not get
    traced: bool                            # its system calls are logged
    traces_children: bool                   # and so will be those of its children
    kills_machine: bool                     # the first process: when it ends the machine powers off
    is_made: Atomic[bool]                   # who creates it has put all of it in place: others may have it run
    exit_code: i32
    start_ns: u64
    ticks: u64                              # cycles it ran as a single-core process

    # An SCP's context while it has no core
    scp_ctx: UserContext
    scp_fp: FpState
    has_fp: bool                            # scp_fp was saved; before, extended registers start fresh

    # Its calls may not begin to wait any more: it is DYING_ABORT, or another program has taken over, before its parent would find it ended.
    gives_calls_up: Atomic[bool]

    # vcores, under `lock`
    max_vcores: u32
    num_vcores: u32
    vcores: Span[Vcore]
    online: IntrusiveList[Vcore, Literal["link"]]
    bulk_preempted: IntrusiveList[Vcore, Literal["link"]]
    inactive: IntrusiveList[Vcore, Literal["link"]]

    # family: `parent` and `children` under the parent's `child_cv.lock`
    parent: Ref["Proc"] | None
    successor: Ref["Proc"] | None           # what it went on as, by exec; counted. Set once, under `lock`, when it dies of that
    ppid: i32
    sibling: ListLink["Proc"]
    children: IntrusiveList["Proc", Literal["sibling"]]
    child_cv: CondVar

    sched: SchedEntry                       # under the scheduler's lock, with these two
    runnable_link: ListLink["Proc"]
    mcp_link: ListLink["Proc"]
    prov: Provision
    ucq_lock: QLock                         # for growing message queues
    parked: ParkedCalls
    fds: FdTable
    cwd_lock: SpinLock
    cwd: Text = text(1024)                  # absolute and clean

    @property
    def state(self) -> ProcState:
        return ProcState(self.state_bits.load())

    def is_in(self, state: ProcState) -> bool:
        return self.state_bits.load() == u32(state)

    def is_dying(self) -> bool:
        return (self.state_bits.load() & DYING_STATES) != 0

    def is_dying_abort(self) -> bool:
        return self.is_in(ProcState.DYING_ABORT)

    def set_state(self, new: ProcState) -> None:
        """Caller holds: `lock` (or nobody knows the process yet)."""
        old = self.state_bits.load()
        if (old & allowed_from(new)) == 0:
            panic(f"process {self.pid}: state {ProcState(old)} -> {new}")
        if new == ProcState.DYING_ABORT:
            self.gives_calls_up.store(True)
        self.state_bits.store(u32(new))

    def vcpd(self, vcoreid: u32) -> VcorePreemptData:
        assert vcoreid < self.max_vcores, "vcore id out of range"
        return self.data.vcores[vcoreid]

    def is_vcore_ready(self) -> bool:
        """Whether vcore 0 can be entered in vcore context. An MCP has promised it."""
        return (self.data.vcores[0].flags.load() & u32(VcoreFlag.SCP_NOVCCTX)) == 0

    def is_mapped(self, vcoreid: u32) -> bool:
        return self.info.vcoremap[vcoreid].valid != 0

    def has_preempt_in_flight(self, vcoreid: u32) -> bool:
        """A preempt message for the vcore has been sent and not acted upon. Meaningful under `lock`."""
        entry = self.info.vcoremap[vcoreid]
        return entry.nr_preempts_sent.load() != entry.nr_preempts_done.load()


def allowed_from(new: ProcState) -> u32:
    """From which states a process may go to `new`."""
    match new:
        case ProcState.CREATED:
            return 0
        case ProcState.RUNNABLE_S:
            return u32(ProcState.CREATED) | u32(ProcState.RUNNING_S) | u32(ProcState.WAITING)
        case ProcState.RUNNING_S:
            return u32(ProcState.RUNNABLE_S) | u32(ProcState.WAITING)
        case ProcState.WAITING:
            return u32(ProcState.RUNNING_S) | u32(ProcState.RUNNING_M)
        case ProcState.RUNNABLE_M:
            return u32(ProcState.RUNNING_S) | u32(ProcState.WAITING) | u32(ProcState.RUNNING_M)
        case ProcState.RUNNING_M:
            return u32(ProcState.RUNNABLE_M)
        case ProcState.DYING:
            return 0xFFFF_FFFF ^ DYING_STATES
        case ProcState.DYING_ABORT:
            return u32(ProcState.DYING)


# References


def proc_get(p: Proc) -> None:
    """One more reference, from one that the caller has."""
    p.refs.get()


@never_blocks
def proc_put(p: Proc) -> None:
    """Give a reference back. The last one frees the process: no spinlock may be held."""
    while p.refs.put():
        successor = p.successor
        release(p)
        if successor is None:
            return
        p = successor


def release(p: Proc) -> None:
    """Nobody knows the process any more: its memory, and then its pid, are free."""
    destroy_vm(p)
    hide_area(p, PROCINFO_ADDR, p.info_page, p.info_size)
    hide_area(p, PROCDATA_ADDR, p.data_page, p.data_size)
    mmu.destroy_space(p.space)
    forget_pid(p)
    call_rcu(p.rcu, free_structure)


def hide_area(p: Proc, address: u64, page: Paddr, size: u64) -> None:
    """Free an area shared with the process, if it was made."""
    if u64(page) == 0:
        return
    for offset in range(u64(0), size, PAGE_SIZE):
        mmu.unmap_page(p.space, Uaddr(address + offset))
    free_pages(page, order_for(size))


def free_structure(head: RcuHead) -> None:
    """No look-up by pid can still have the process in hand."""
    p = container_of(Proc, "rcu", head)
    free_notes(p)
    if len(p.vcores) > 0:
        free(p.vcores)
    free(p)


# Pids: looked up under RCU, changed under `table_lock`


@struct
class PidSlot:
    proc: Atomic[Ref[Proc] | None]          # not counted


table = array(32768, PidSlot)
table_lock = SpinLock()
next_pid: i32 = FIRST_PID


def assign_pid(p: Proc) -> None:
    """Give `p` the next free pid, going round. Raises EAGAIN when all are taken. The process is found from now on."""
    global next_pid
    with table_lock.irqs_off():
        for _ in range(MAX_PID):
            pid = next_pid
            next_pid = FIRST_PID if pid == MAX_PID else pid + 1
            slot = table[pid]
            if slot.proc.load(order=RELAXED) is None:
                p.pid = pid
                slot.proc.store(p, order=RELEASE)  # pairs with find_proc: who finds it sees the whole process
                return
    raise Error(Errno.EAGAIN, "no free process id")


def replace_pid(p: Proc, successor: Proc) -> None:
    """Who looks for p's pid finds `successor` from now on."""
    with table_lock.irqs_off():
        table[p.pid].proc.store(successor, order=RELEASE)  # pairs with find_proc


def forget_pid(p: Proc) -> None:
    """The pid is free, unless it is another's by now."""
    with table_lock.irqs_off():
        slot = table[p.pid]
        if slot.proc.load(order=RELAXED) is p:
            slot.proc.store(None, order=RELAXED)


def find_proc(pid: i32) -> Proc | None:
    """The process with that pid, with a reference for the caller; None if there is none, or it is being freed."""
    if pid < FIRST_PID or pid > MAX_PID:
        return None
    with reading():
        while (p := table[pid].proc.load(order=ACQUIRE)) is not None:  # pairs with assign_pid
            if p.refs.get_not_zero():
                return p
            if p.successor is None:
                return None                 # else the pid was another's before the last reference went
    return None


def get_proc(pid: i32) -> Proc:
    """The same, raising ESRCH. One that has ended, and that nobody is to wait for any more, is gone, whatever still refers to it."""
    p = find_proc(pid)
    while p is not None and p.is_dying_abort() and p.parent is None:
        went_on = p.successor is not None   # it was found just before: the pid is another's by now
        proc_put(p)
        p = find_proc(pid) if went_on else None
    if p is None:
        raise Error(Errno.ESRCH, f"no process {pid}")
    return p


def next_proc(after: i32) -> Proc | None:
    """The process with the lowest pid above `after`, with a reference: to walk all of them."""
    for pid in range(after + 1, MAX_PID + 1):
        if table[pid].proc.load(order=RELAXED) is not None:
            p = find_proc(pid)
            if p is not None:
                return p
    return None


# Maps of cores


def begin_map_change(p: Proc) -> None:
    """Caller holds: `lock`."""
    p.info.coremap_seqctr.begin_write()


def end_map_change(p: Proc) -> None:
    p.info.coremap_seqctr.end_write()


def map_vcore(p: Proc, vcoreid: u32, pcoreid: u32) -> None:
    """Tell both ways that the vcore has the core. Caller holds: `lock`, inside a map change."""
    entry = p.info.vcoremap[vcoreid]
    assert entry.valid == 0, "vcore is mapped already"
    entry.pcoreid = pcoreid
    entry.valid = 1
    back = p.info.pcoremap[pcoreid]
    back.vcoreid = vcoreid
    back.valid = 1


def unmap_vcore(p: Proc, vcoreid: u32) -> None:
    """Caller holds: `lock`, inside a map change."""
    entry = p.info.vcoremap[vcoreid]
    assert entry.valid != 0, "vcore is not mapped"
    entry.valid = 0
    p.info.pcoremap[entry.pcoreid].valid = 0
