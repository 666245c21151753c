# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls about cores, vcores and events."""

from lang import SEQ_CST, Error, Ref, Uaddr, User, addr_of, as_bytes, assign, fence, i32, syscall, u16, u32, u64
from arch import context, cpu
from arch.abi import UserContext
from kern.abi.errno import Errno
from kern.abi.event import EventMsg
from kern.abi.proc import Resource
from kern.core import alloc, sched
from kern.core.idle import halt
from kern.core.kmsg import routine_pending, send_routine
from kern.core.percore import core
from kern.event.notify import notify, notify_here
from kern.event.send import post_vcore_event, send_event, send_kernel_event
from kern.mm.umem import copy_in, or_u32, read_bytes
from kern.proc.change_vcore import change_vcore
from kern.proc.proc import Proc, get_proc, proc_put
from kern.proc.run import still_on
from kern.proc.to_mcp import change_to_m
from kern.proc.yield_ import proc_yield
from kern.sync.abort import abort_call, abort_fd_calls
from kern.syscall.dispatch import finish_current_call
from kern.abi.syscall import SyscallFlag

FLAGS_OFFSET: u64 = 16                      # of Syscall.flags


@syscall(1)
def sys_null(p: Proc) -> None:
    """Do nothing: what a call costs."""


@syscall(5)
def sys_getpcoreid(p: Proc) -> u32:
    """The core that runs this call."""
    return core.mine.core_id


@syscall(6)
def sys_getvcoreid(p: Proc) -> u32:
    """The kernel's view of which vcore the caller is."""
    return core.mine.owning_vcoreid


@syscall(39)
def sys_cache_invalidate(p: Proc) -> None:
    """Write back and invalidate the caches of the core that runs this call."""
    cpu.flush_caches()


@syscall(10)
def sys_proc_yield(p: Proc, being_nice: bool) -> None:
    """Give up the core. Returns, with success, only if the kernel refuses; look at notif_pending and try again."""
    proc_yield(p, being_nice)


@syscall(11)
def sys_change_vcore(p: Proc, vcoreid: u32, enable_my_notif: bool) -> None:
    """Become another vcore; from vcore context only. Raises EINVAL; EBUSY if it runs; EAGAIN: try again."""
    change_vcore(p, vcoreid, enable_my_notif)


@syscall(21)
def sys_provision(p: Proc, pid: i32, kind: Resource, amount: u32) -> None:
    """Guarantee core number `amount` to a process; pid 0: to nobody; -1: log who has which. Raises ESRCH, ENOENT, ENXIO, EBUSY."""
    if pid == -1:
        alloc.log_provisions()
        return
    if kind != Resource.CORES:
        raise Error(Errno.ENOENT, "only cores can be provisioned")
    if pid == 0:
        alloc.provision(None, amount)
        return
    target = get_proc(pid)
    try:
        alloc.provision(target, amount)
    finally:
        proc_put(target)


@syscall(22)
def sys_notify(p: Proc, pid: i32, ev_type: u32, msg: Uaddr) -> None:
    """Send an event to another process' queue for that type. `msg`: address of an EventMsg for the arguments, or 0."""
    event = EventMsg()
    take_msg(event, ev_type, msg)
    target = get_proc(pid)
    try:
        send_kernel_event(target, event, 0)
    finally:
        proc_put(target)


@syscall(23)
def sys_self_notify(p: Proc, vcoreid: u32, ev_type: u32, msg: Uaddr, private: bool) -> None:
    """Post to one of one's own vcores' mailboxes (not at all for type NONE) and notify it."""
    event = EventMsg()
    take_msg(event, ev_type, msg)
    post_vcore_event(p, vcoreid, event, private)


def take_msg(event: EventMsg, ev_type: u32, msg: Uaddr) -> None:
    if ev_type > 0xFFFF:
        raise Error(Errno.EINVAL, f"no event type {ev_type}")
    if u64(msg) != 0:
        read_bytes(as_bytes(event), msg)
    event.ev_type = u16(ev_type)


@syscall(24)
def sys_send_event(p: Proc, queue: Uaddr, msg: User[Ref[EventMsg]], vcoreid: u32) -> None:
    """Send a message through one of one's own queues, as the kernel would."""
    event = EventMsg()
    copy_in(event, msg)
    send_event(p, queue, event, vcoreid)


@syscall(25)
def sys_vc_entry(p: Proc) -> None:
    """Enter vcore context on this vcore; the caller goes on as the interrupted thread."""
    send_routine(core.mine.core_id, notify_here, addr_of(p), 0, 0)


@syscall(26)
def sys_halt_core(p: Proc, usec: u64) -> None:
    """Halt this vcore's core until something happens. From vcore context. `usec` is a hint that is not used.

    Returns at once if a message waits. Raises EINVAL on core 0, whose time belongs to others too.
    """
    pcoreid = core.mine.core_id
    vcoreid = core.mine.owning_vcoreid
    if pcoreid == 0 or not p.is_mcp:
        raise Error(Errno.EINVAL, "only a core of a many-core process can be halted")
    finish_current_call(0)
    saved = cpu.irqs_save()
    if still_on(p, vcoreid, pcoreid):
        vcpd = p.vcpd(vcoreid)
        # Halted it looks as if it could be interrupted: whoever posts something sends a message, and so wakes us.
        vcpd.notif_disabled.store(0)
        fence(SEQ_CST)                      # pairs with `notify`: pending, fence, disabled there; one of us sees the other
        if vcpd.notif_pending.load() == 0 and not routine_pending():
            halt()
        vcpd.notif_disabled.store(1)
    cpu.irqs_restore(saved)


@syscall(28)
def sys_change_to_m(p: Proc) -> None:
    """Become a many-core process; the thread goes on when vcore 0 has been granted. Raises EINVAL."""
    change_to_m(p)


@syscall(29)
def sys_poke_ksched(p: Proc, pid: i32, kind: Resource) -> None:
    """Have the scheduler look at what the process wants. pid 0 is oneself."""
    if pid != 0 and pid != p.pid:
        proc_put(get_proc(pid))
    sched.poke()


@syscall(30)
def sys_abort_sysc(p: Proc, call: Uaddr) -> bool:
    """Ask one of one's own blocked calls to give up with EINTR. Returns whether one was found; try until it is done."""
    or_u32(call + FLAGS_OFFSET, SyscallFlag.ABORT)
    return abort_call(p, call)


@syscall(31)
def sys_abort_sysc_fd(p: Proc, fd: i32) -> u32:
    """Ask all of one's own calls that are blocked on descriptor `fd` to give up with EINTR. Returns how many were found."""
    return abort_fd_calls(p, fd)


@syscall(33)
def sys_pop_ctx(p: Proc, ctx: User[Ref[UserContext]]) -> None:
    """Leave vcore context for the context given, in one step. Does not return on success."""
    pcoreid = core.mine.core_id
    vcoreid = core.mine.owning_vcoreid
    wanted = UserContext()
    copy_in(wanted, ctx)
    context.sanitise(wanted)
    finish_current_call(0)
    saved = cpu.irqs_save()
    if still_on(p, vcoreid, pcoreid):
        mine = core.mine.actual_ctx
        assign(mine, wanted)
        core.mine.cur_ctx = mine
        vcpd = p.vcpd(vcoreid)
        vcpd.notif_disabled.store(0)
        fence(SEQ_CST)                      # pairs with `notify`, as in sys_halt_core
        if vcpd.notif_pending.load() != 0:
            notify(p, vcoreid)
    cpu.irqs_restore(saved)
