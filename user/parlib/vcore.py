# SPDX-License-Identifier: LGPL-2.1-or-later
"""Vcores as user land sees them: the cores that the kernel grants, one `Vcore` and one VcorePreemptData (VCPD) each.

Everything that a vcore will ever need (transition stack, thread-local block, mailboxes) is prepared for all max_vcores before the
process becomes an MCP, since nothing may be allocated in vcore context.
Notifications: `disable_notifs` keeps the calling uthread on its vcore, uninterrupted by events; it nests. `enable_notifs` looks for what
was missed in between.
"""

from typing import Callable

from lang import ACQUIRE, RELAXED, ErrorSlot, Ref, Uaddr, addr_of, array, at, compiler_fence, cycle_counter
from lang import inline, noinline, pause, struct, u32, u64
from kern.abi.event import EventMsg
from kern.abi.proc import PROCDATA_ADDR, PROCINFO_ADDR, ProcData, ProcInfo, VcoreMapping, VcorePreemptData
from kern.abi.syscall import Syscall
from parlib.current import me, my_uthread, my_vcore
from parlib.dtls import KeyValues
from parlib.uthread import Uthread
from rt.time import tsc_to_ns
from syscalls import submit_change_vcore, submit_self_notify, submit_vc_entry

STACK_SIZE: u64 = 24576                     # of the transition stack, which has a guard page below
ANY_VCORE: u32 = 0xFFFF_FFFE                # to relax_for: whichever was preempted
RELAX_LIMIT: u32 = 1000                     # spins before a waiter looks for preempted vcores
PREEMPTED: u32 = 2                          # VcoreFlag.PREEMPTED
K_LOCK: u32 = 1                             # VcoreFlag.K_LOCK


@struct(align=64)
class Vcore:
    """The user's side of a vcore. Written by whoever runs on it, except `current`, which a stealer takes away."""

    current: Ref[Uthread] | None            # 0: the uthread that it runs, or ran when it was interrupted
    vcpd: u64                               # 8: address of its VcorePreemptData
    mapping: u64                            # 16: address of its VcoreMapping
    stack_top: u64                          # 24: of the transition stack
    tp: u64                                 # 32: its thread pointer
    id: u32                                 # 40
    draining: u32                           # 44: 1 + id of the vcore whose public mailbox it is working through, or 0
    spins: u32
    prepared: bool
    entries: u64                            # times that vcore context was entered from the kernel
    memory: u64                             # where what is mapped for it begins
    reenter: Callable[[Vcore], None] | None  # what is to be called at the top of the stack
    keys: KeyValues                         # values of dynamic keys in vcore context
    error: ErrorSlot                        # the error that is on its way there
    change_call: Syscall                    # of change_vcore: it must not lie on the stack, which restarts

    @property
    def data(self) -> VcorePreemptData:
        return at(VcorePreemptData, self.vcpd)

    @property
    def map(self) -> VcoreMapping:
        return at(VcoreMapping, self.mapping)


vcores = array(256, Vcore)                  # MAX_VCORES


def proc_info() -> ProcInfo:
    return at(ProcInfo, PROCINFO_ADDR)


def proc_data() -> ProcData:
    return at(ProcData, PROCDATA_ADDR)


def max_vcores() -> u32:
    """Vcores that the process may ever get."""
    return proc_info().max_vcores


def num_vcores() -> u32:
    """Vcores mapped now; 0 as long as the process is an SCP."""
    return proc_info().num_vcores


def is_mcp() -> bool:
    return proc_info().is_mcp != 0


def vcore_is_mapped(vcoreid: u32) -> bool:
    return proc_info().vcoremap[vcoreid].valid != 0


def vcore_is_preempted(vcoreid: u32) -> bool:
    return proc_data().vcores[vcoreid].flags.load(order=ACQUIRE) & PREEMPTED != 0  # known of vcores that are not prepared, too


def pcore_of(vcoreid: u32) -> u32:
    """The physical core that a vcore has, or had last. Consistent with the kernel's maps."""
    info = proc_info()
    while True:
        start = info.coremap_seqctr.begin_read()
        pcore = info.vcoremap[vcoreid].pcoreid
        if not info.coremap_seqctr.must_retry(start):
            return pcore


def vcore_resume_ns(vcoreid: u32) -> u64:
    """When it was last started, on the clock of rt.time.now_ns."""
    return tsc_to_ns(proc_info().vcoremap[vcoreid].resume_ticks)


def vcore_total_ns(vcoreid: u32) -> u64:
    """How long it ran, before it was last started."""
    return tsc_to_ns(proc_info().vcoremap[vcoreid].total_ticks)


def vcore_uptime_ns(vcoreid: u32) -> u64:
    """How long it ran in all, until now."""
    info = proc_info()
    while True:
        start = info.coremap_seqctr.begin_read()
        ticks = info.vcoremap[vcoreid].total_ticks
        if info.vcoremap[vcoreid].valid != 0:
            ticks += cycle_counter() - info.vcoremap[vcoreid].resume_ticks
        if not info.coremap_seqctr.must_retry(start):
            return tsc_to_ns(ticks)


def vcoreid_now() -> u32:
    """The vcore that runs the caller, at this moment."""
    disable_notifs()
    vcoreid = my_vcore().id
    enable_notifs()
    return vcoreid


# -- notifications ------------------------------------------------------------------------------------------------
@inline
def disable_notifs() -> None:
    """Keep the calling uthread on its vcore, and events away from it. Nests. Nothing to do in vcore context."""
    if me.mine.uthread == 0:
        return
    uthread = my_uthread()
    # Only a thread that cannot migrate may read which vcore it is on.
    uthread.dont_migrate.store(u32(1), order=RELAXED)
    compiler_fence()
    uthread.notif_depth += 1
    my_vcore().data.notif_disabled.store(u32(1), order=RELAXED)
    compiler_fence()


@inline
def enable_notifs() -> None:
    """Undo one `disable_notifs`; the last one looks for events that came in between."""
    if me.mine.uthread == 0:
        return
    uthread = my_uthread()
    uthread.notif_depth -= 1
    if uthread.notif_depth > 0:
        return
    data = my_vcore().data
    compiler_fence()
    # In this order: with notifications on and DONT_MIGRATE still set, an event would find a thread that it cannot move.
    uthread.dont_migrate.store(u32(0), order=RELAXED)
    compiler_fence()
    # Both sequentially consistent, and so are the kernel's store to notif_pending and load of notif_disabled (kern/event/notify.py):
    # one of the two sees the other. With the load relaxed, RISC-V may do it before the store.
    data.notif_disabled.store(u32(0))
    if data.notif_pending.load() != 0:
        enter_vcore_context()


@inline
def pin(uthread: Uthread) -> Vcore:
    """`disable_notifs` for the calling uthread, which has them enabled; its vcore."""
    assert uthread.notif_depth == 0, "a uthread blocks with notifications disabled"
    uthread.dont_migrate.store(u32(1), order=RELAXED)
    compiler_fence()
    uthread.notif_depth = 1
    vcore = my_vcore()
    vcore.data.notif_disabled.store(u32(1), order=RELAXED)
    compiler_fence()
    return vcore


@inline
def unpin(uthread: Uthread, vcore: Vcore) -> None:
    """Undo `pin`."""
    uthread.notif_depth = 0
    compiler_fence()
    uthread.dont_migrate.store(u32(0), order=RELAXED)
    compiler_fence()
    vcore.data.notif_disabled.store(u32(0))
    if vcore.data.notif_pending.load() != 0:
        enter_vcore_context()


@noinline
def enter_vcore_context() -> None:
    """Have the kernel interrupt the calling thread for vcore context, as a notification would. Returns when it is resumed."""
    call = Syscall()
    submit_vc_entry(call)
    wait_spinning(call)


def wait_spinning(call: Syscall) -> None:
    """For calls that finish at once: wait until the kernel is through with the structure."""
    while call.flags.load(order=ACQUIRE) & 9 != 1:
        pause()


def notify_self(vcoreid: u32, msg: EventMsg, private: bool) -> u32:
    """Post a message into a mailbox of one of our vcores, and notify it. An Errno, 0 for success."""
    call = Syscall()
    submit_self_notify(call, vcoreid, u32(msg.ev_type), Uaddr(addr_of(msg)), private)
    wait_spinning(call)
    return call.err


# -- waiting for others -------------------------------------------------------------------------------------------
def change_vcore(vcore: Vcore, target: u32, come_back_fresh: bool) -> u32:
    """Make this core vcore `target`. Notifications are disabled. With `come_back_fresh` success does not return; otherwise
    it returns when this vcore is resumed. An Errno, 0 for success."""
    call = vcore.change_call
    call.err = 0
    call.flags.store(u32(0), order=RELAXED)
    submit_change_vcore(call, target, come_back_fresh)
    wait_spinning(call)
    return call.err


def ensure_vcore_runs(vcoreid: u32) -> None:
    """If that vcore was preempted, let it run in our place, and return when we are resumed. Notifications are disabled."""
    vcore = my_vcore()
    if vcoreid < max_vcores() and vcoreid != vcore.id:
        if vcore_is_preempted(vcoreid):
            change_vcore(vcore, vcoreid, False)
        return
    for other in range(max_vcores()):
        if other != vcore.id and vcore_is_preempted(other):
            change_vcore(vcore, other, False)


def relax_for(vcoreid: u32) -> None:
    """Once round a loop that waits for another vcore (an impossible id: for any). With notifications on, a preemption's
    message finds us anyway; with them off we have to look."""
    pause()
    if me.mine.uthread != 0 and my_uthread().notif_depth == 0:
        return
    vcore = my_vcore()
    vcore.spins += 1
    if vcore.spins >= RELAX_LIMIT:
        vcore.spins = 0
        ensure_vcore_runs(vcoreid)
