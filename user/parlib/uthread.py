# SPDX-License-Identifier: LGPL-2.1-or-later
"""Uthreads: what a 2LS schedules. Their structure, leaving one, running one, and how they end.

A uthread leaves its vcore by `uthread_yield(callback, arg)`: notifications off, state saved, and then `callback` runs in vcore
context, where it may hand the thread to others; from that moment it may run elsewhere and must not be touched. Or by `park`, under the
lock of what it waits for: then straight for the next ready thread, if the 2LS has one, without going through vcore context.
Whoever runs a uthread owns it; a saved one belongs to whoever holds it (a queue, a callback). No locks in here.
Nothing here allocates; memory for threads is the 2LS's business.
"""

from enum import Enum
from typing import Callable, NoReturn

from lang import RELAXED, Atomic, Error, ErrorSlot, Ptr, Raises, Ref, addr_of, assign, at, blocks, compiler_fence
from lang import entry, export, inline, noinline, panic, struct, u32, u64, vcore_context
from arch import user_abi
from arch.abi import ContextFlag, FpState, UserContext
from kern.abi.syscall import Syscall
from parlib import sched
from parlib.cancel import CANCELED, CancelState, Cancelled, begin_cancel, end_thread
from parlib.current import Current, my_uthread, my_vcore
from parlib.dtls import KeyValues
from parlib.entry import run_vcore
from parlib.join import JoinKicker, kick
from parlib.machine import (
    jump_to_stack,
    pop_context,
    pop_context_raw,
    restore_fp,
    set_thread_pointer,
    switch_direct,
    switch_in,
    switch_on_call,
    switch_out,
)
from parlib.pdr import PdrLock
from parlib.sched import Blocked
from parlib.signal_delivery import prepare_handlers
from parlib.signal_state import SignalState, begin_signals
from parlib.uth_sync import UthSync
from parlib.vcore import STACK_SIZE, Vcore, enable_notifs, enter_vcore_context, pin
from rt.exit import exit

# How a uthread's context was saved, which decides how it is resumed.
RUNNING: u32 = 0                            # not saved: it runs, or its context lies in its vcore's VCPD
BY_ITSELF: u32 = 1                          # a software context in `ctx`, at a call of switch_out
BY_KERNEL: u32 = 2                          # in `ctx` as the kernel left it, extended registers in `fp`
GONE: u32 = 3                               # never: it is a thread of the process that this one was forked from

# The word `join` of a uthread: one of these, or the address of the JoinKicker of who waits for it.
JOINABLE: u64 = 0
DETACHED: u64 = 1
EXITED: u64 = 2


NOBODY: u64 = 0xFFFF_FFFF_FFFF_FFFF         # a mask: no signal is for this thread


class JoinState(u32, Enum):
    JOINABLE = 0
    DETACHED = 1
    EXITED = 2
    HAS_JOINER = 3


@struct(align=64)
class Uthread:
    ctx: UserContext                        # valid as `saved` says
    next: Ref[Uthread] | None               # in the ready queue, or among the waiters of one sync object
    vars: u64                               # address of the Current in its thread-local block
    sysc: Ref[Syscall] | None               # what it is blocked in, if it is a system call: for diagnoses and for who aborts it
    mapped_before: Ref[Uthread] | None      # the 2LS's list of all
    yield_fn: Callable[[Uthread, u64], None]
    yield_arg: u64
    saved: u32                              # with `attention` one aligned word: see `may_switch`
    attention: Atomic[u32]                  # somebody sent it a signal: it is looked after before it runs on
    dont_migrate: Atomic[u32]               # set: it stays on its vcore, so nobody takes it away when that is preempted
    notif_depth: u32                        # nested disable_notifs
    id: u32
    join: Atomic[u64]
    kicker: JoinKicker                      # for whom it joins: the other's `join` has its address meanwhile
    joins: Ref["Uthread"] | None            # whom it joined last
    fn: Callable[[u64], Raises[None]]       # what it runs
    arg: u64
    result: u64                             # for the joiner
    memory: u64                             # the 2LS's: start of its mapping, 0 if it has none (thread 0)
    tp: u64                                 # its thread pointer
    stack_top: u64
    prev: Ref[Uthread] | None               # with `next`, in a sync object
    waits_in: Ref[UthSync] | None           # the sync object that it is in, with the default operations of that
    page_asked: u64                         # address of the page of a file that `call` was about
    call: Syscall                           # for calls that are made in its name: it has no stack to spare when it has faulted
    signals: SignalState
    cancel: CancelState
    keys: KeyValues                         # its values of dynamic keys
    error: ErrorSlot                        # the error that is on its way in it
    fp: FpState

    @property
    def may_switch(self) -> bool:
        """It was saved by itself, and nothing is to be done before it runs: both in one look."""
        return Ptr[u64](addr_of(self.saved))[0] == u64(BY_ITSELF)

    @property
    def is_thread0(self) -> bool:
        return self is thread0

    @property
    def waits_for_threads(self) -> bool:
        """It sleeps until another thread wakes it, in a sync object or joining: a handler would have to wait for that."""
        joined = self.joins
        return self.waits_in is not None or joined is not None and joined.join.load() == addr_of(self.kicker)

    @property
    def join_state(self) -> JoinState:
        word = self.join.load()
        return JoinState(u32(word)) if word <= EXITED else JoinState.HAS_JOINER


def no_callback(uthread: Uthread, arg: u64) -> None:
    panic(f"uthread {uthread.id} yields without a callback")


def no_function(arg: u64) -> None:
    panic("a uthread without a function")


thread0 = Uthread(yield_fn=no_callback, fn=no_function)
main_thread: Ref[Uthread] = thread0         # the process ends with it; in a copy that another thread forked it is that one


@inline
def init_uthread(uthread: Uthread, stack_top: u64, tp: u64, vars: Current, fn: Callable[[u64], Raises[None]], arg: u64) -> None:
    """Make it a fresh, joinable thread that will call fn(arg). Its thread-local block at `tp` is initialised already."""
    user_abi.start_context(uthread.ctx, stack_top, tp)
    uthread.saved = BY_ITSELF
    uthread.next = None
    uthread.waits_in = None
    uthread.sysc = None
    # Relaxed: nobody knows the thread before it is put into a queue, under that queue's lock.
    uthread.dont_migrate.store(u32(0), order=RELAXED)
    uthread.notif_depth = 0
    uthread.yield_fn = no_callback
    uthread.fn = fn
    uthread.arg = arg
    uthread.result = 0
    uthread.stack_top = stack_top
    uthread.tp = tp
    uthread.vars = addr_of(vars)
    vars.uthread = addr_of(uthread)
    vars.error = addr_of(uthread.error)
    uthread.attention.store(u32(0), order=RELAXED)
    uthread.keys.held = 0                   # what else is in there counts for nothing
    begin_cancel(uthread.cancel)
    begin_signals(uthread.signals, my_uthread().signals)
    uthread.join.store(JOINABLE, order=RELAXED)  # last: from here on a signal may be for it


# -- leaving ------------------------------------------------------------------------------------------------------
@blocks
def uthread_yield(callback: Callable[[Uthread, u64], None], arg: u64) -> None:
    """Save the calling uthread and run `callback` on it in vcore context. Returns when somebody runs it again."""
    uthread = my_uthread()
    assert uthread.notif_depth == 0, "a uthread blocks with notifications disabled"
    # Relaxed, here and in disable_notifs: it is read by this core, which an interruption stops between two instructions, and by who
    # steals the thread after the kernel has saved it, which orders all of it.
    uthread.dont_migrate.store(u32(1), order=RELAXED)
    compiler_fence()
    vcore = my_vcore()
    vcore.data.notif_disabled.store(u32(1), order=RELAXED)
    leave(vcore, uthread, callback, arg)


@inline
def leave(vcore: Vcore, uthread: Uthread, callback: Callable[[Uthread, u64], None], arg: u64) -> None:
    """`uthread_yield` of the calling thread, with notifications disabled and DONT_MIGRATE set."""
    uthread.yield_fn = callback
    uthread.yield_arg = arg
    switch_out(addr_of(uthread.ctx), vcore.stack_top, vcore.tp, addr_of(uthread_landing), addr_of(uthread))


@blocks
def park(vcore: Vcore, uthread: Uthread, guard: PdrLock, why: Blocked) -> None:
    """Put the calling thread to sleep, who pinned itself: `guard` is released when it is saved. See PdrLock.park."""
    if vcore.data.notif_pending.load(order=RELAXED) == 0 and not sched.takes_reasons:
        follower = sched.current.next_ready(vcore)
        if follower is not None:
            uthread.notif_depth = 0         # not before: who waits for the 2LS' lock sees by it that it has to look after the holder
            switch_to(vcore, uthread, follower, guard)
            return
    uthread.notif_depth = 0
    leave(vcore, uthread, parked if why == Blocked.MUTEX else parked_for_other, addr_of(guard))


def parked(uthread: Uthread, guard: u64) -> None:
    sched.note_blocked(uthread, Blocked.MUTEX)
    at(PdrLock, guard).unlock_on()


def parked_for_other(uthread: Uthread, guard: u64) -> None:
    sched.note_blocked(uthread, Blocked.MISC)
    at(PdrLock, guard).unlock_on()


@inline
def switch_to(vcore: Vcore, uthread: Uthread, follower: Uthread, lock: PdrLock) -> None:
    """From the calling thread, which others find under `lock`, straight to one that may be switched to: the lock is released when the
    first is saved. Notifications are disabled."""
    make_current(vcore, uthread, follower)
    switch_direct(addr_of(uthread.ctx), addr_of(follower.ctx), vcore.vcpd, addr_of(lock))


@inline
def switch_for_call(vcore: Vcore, uthread: Uthread, follower: Uthread, call: Syscall) -> None:
    """The same of a thread that waits for `call`: nobody finds it before that is told of, which is asked for when it is saved."""
    make_current(vcore, uthread, follower)
    switch_on_call(addr_of(uthread.ctx), addr_of(follower.ctx), vcore.vcpd, addr_of(call))


@export("call_has_flags")
def call_has_flags(address: u64) -> None:
    """Called on the stack of the thread that was switched to, notifications disabled: the call that the other one waits for is done, or
    was told to give up, before anybody could ask to be told."""
    call = at(Syscall, address)
    uthread = my_uthread()
    uthread.notif_depth = 1                 # so that who waits for the 2LS' lock looks after its holder
    sched.current.block_on_call(at(Uthread, call.u_data), call)
    uthread.notif_depth = 0


@inline
def make_current(vcore: Vcore, uthread: Uthread, follower: Uthread) -> None:
    uthread.saved = BY_ITSELF
    follower.saved = RUNNING
    uthread.dont_migrate.store(u32(0), order=RELAXED)
    at(Current, follower.vars).vcore = addr_of(vcore)
    vcore.current = follower


@entry(stack=STACK_SIZE)
@vcore_context
@export("uthread_landing")
def uthread_landing(address: u64) -> None:
    """In vcore context, after a uthread saved itself. Does not return."""
    uthread = at(Uthread, address)
    vcore = my_vcore()
    vcore.current = None
    uthread.saved = BY_ITSELF
    uthread.dont_migrate.store(u32(0), order=RELAXED)
    compiler_fence()
    uthread.yield_fn(uthread, uthread.yield_arg)
    run_vcore(vcore)


# -- running ------------------------------------------------------------------------------------------------------
def run_uthread(vcore: Vcore, uthread: Uthread) -> None:
    """Leave vcore context for a saved uthread. Returns only if its context carries a fault: the 2LS has been told then."""
    assert uthread.saved != RUNNING, "a uthread is run twice"
    at(Current, uthread.vars).vcore = addr_of(vcore)
    vcore.current = uthread
    if not uthread.may_switch:
        run_with_care(vcore, uthread)
        return
    uthread.saved = RUNNING
    switch_in(addr_of(uthread.ctx), vcore.vcpd)


def run_with_care(vcore: Vcore, uthread: Uthread) -> None:
    if uthread.attention.load(order=RELAXED) != 0 and uthread.saved != GONE:
        prepare_handlers(uthread)
    saved = uthread.saved
    if saved == GONE:                       # something that it waited for in the original has come
        vcore.current = None
        return
    uthread.saved = RUNNING
    if saved == BY_ITSELF:
        switch_in(addr_of(uthread.ctx), vcore.vcpd)
    run_as_kernel_left_it(vcore, uthread)


def run_as_kernel_left_it(vcore: Vcore, uthread: Uthread) -> None:
    if uthread.ctx.flags & ContextFlag.FAULTED != 0:
        uthread.saved = BY_KERNEL
        vcore.current = None
        sched.current.reflected_fault(uthread)
        return
    restore_fp(addr_of(uthread.fp))
    pop_context(addr_of(uthread.ctx), vcore.vcpd)


def run_current(vcore: Vcore, uthread: Uthread) -> None:
    """Resume the uthread that was interrupted on this vcore, whose context lies in the VCPD (extended registers in `fp`).

    Returns only if that carries a fault: the 2LS has been told then.
    """
    ctx = vcore.data.uthread_ctx
    if ctx.flags & ContextFlag.FAULTED != 0:
        take_current(vcore, uthread)
        sched.current.reflected_fault(uthread)
        return
    if uthread.attention.load(order=RELAXED) != 0:
        take_current(vcore, uthread)
        run_uthread(vcore, uthread)
        return
    restore_fp(addr_of(uthread.fp))
    pop_context(addr_of(ctx), vcore.vcpd)


def run_current_raw(vcore: Vcore, uthread: Uthread) -> NoReturn:
    """Resume a current uthread that must not migrate, to the point where it disables notifications or can be moved."""
    data = vcore.data
    ctx = data.uthread_ctx
    assert ctx.flags & ContextFlag.FAULTED == 0, "a fault in a thread that cannot migrate"
    # It shall come back by itself when it enables notifications: there may be events that we have not looked at.
    data.notif_pending.store(u32(1))
    restore_fp(addr_of(uthread.fp))
    pop_context_raw(addr_of(ctx), vcore.vcpd)


def take_current(vcore: Vcore, uthread: Uthread) -> None:
    """Save the interrupted uthread of the calling vcore into itself; the caller has it now."""
    assign(uthread.ctx, vcore.data.uthread_ctx)
    uthread.saved = BY_KERNEL
    vcore.current = None


def stop_current_uthread(vcore: Vcore) -> Uthread | None:
    """In vcore context: the thread that was interrupted here, if there is one, is nobody's any more but the caller's, and saved."""
    uthread = vcore.current
    if uthread is not None:
        take_current(vcore, uthread)
    return uthread


def pause_current(vcore: Vcore) -> None:
    """In vcore context: put the interrupted thread, if there is one, back among those that are ready."""
    uthread = stop_current_uthread(vcore)
    if uthread is not None:
        sched.current.paused(uthread)


@noinline                                   # no caller may keep an address that it made of the thread pointer
def highjack_current_uthread(uthread: Uthread) -> Uthread:
    """The calling thread goes on, on its own stack, as `uthread`, a fresh one: with its thread-local block and under its name. The
    thread that it was is returned, and has no context: it must be highjacked again before it ends. Notifications are enabled."""
    before = my_uthread()
    before.dont_migrate.store(u32(1), order=RELAXED)
    compiler_fence()
    vcore = my_vcore()
    vcore.data.notif_disabled.store(u32(1), order=RELAXED)
    compiler_fence()
    uthread.dont_migrate.store(u32(1), order=RELAXED)
    uthread.notif_depth = 1
    uthread.saved = RUNNING
    at(Current, uthread.vars).vcore = addr_of(vcore)
    vcore.current = uthread
    before.dont_migrate.store(u32(0), order=RELAXED)
    set_thread_pointer(uthread.tp)
    enable_notifs()
    return before


# -- a thread's life ----------------------------------------------------------------------------------------------
@export("uthread_main")
def uthread_main() -> None:
    """Where a fresh uthread begins."""
    uthread = my_uthread()
    try:
        uthread.fn(uthread.arg)
    except Cancelled:
        end_thread(CANCELED)
    except Error as error:
        panic(f"error leaves uthread {uthread.id}: {error.errno.name}: {error.message}")
    sched.current.ending()
    uthread_exit()


def uthread_exit() -> NoReturn:
    """End the calling uthread. Its joiner gets `result`. If it is the main one, that ends the process."""
    uthread = my_uthread()
    if uthread is main_thread:
        exit(0)
    vcore = pin(uthread)
    # Nothing is saved, since nobody comes back; from here on this is vcore context, on the wrong stack.
    set_thread_pointer(vcore.tp)
    jump_to_stack(vcore.stack_top, addr_of(uthread_ended), addr_of(uthread))


@entry(stack=STACK_SIZE)
@vcore_context
@export("uthread_ended")
def uthread_ended(address: u64) -> None:
    """In vcore context, after a uthread has left its stack for good. Does not return."""
    vcore = my_vcore()
    vcore.current = None
    uthread = at(Uthread, address)
    uthread.saved = BY_ITSELF
    let_joiner_know(vcore, uthread)
    run_vcore(vcore)


@inline
def let_joiner_know(vcore: Vcore, uthread: Uthread) -> None:
    before = uthread.join.swap(EXITED)      # from here on it is its joiner's, if it has one or ever will
    if before == DETACHED:
        uthread.signals.mask = NOBODY       # a detached one that is gone looks like one that lives
        uthread.join.store(DETACHED)        # who joins it all the same, too late, is refused for as long as its memory is not used again
        sched.current.exited(uthread)
    elif before != JOINABLE:
        kick(vcore, at(JoinKicker, before))


# -- after a fork -------------------------------------------------------------------------------------------------
def forget_others() -> None:
    """In the copy that a fork made, by the calling thread, which is the only one from now on."""
    global main_thread
    main_thread = my_uthread()
    forget(thread0)
    sched.current.forget_others()


def forget(uthread: Uthread) -> None:
    """Unless it is the caller: nobody waits for it, nor finds it among those who wait, nor runs it, if somebody wakes it all the same.
    Its memory is not used again: lists that we do not know may lead through its stack."""
    if uthread is my_uthread():
        return
    waits_in = uthread.waits_in
    if waits_in is not None:
        waits_in.forget(uthread)
    uthread.saved = GONE
    uthread.signals.mask = NOBODY
    uthread.join.store(DETACHED)


@export("missed_notification")
def missed_notification() -> None:
    """Called by a thread that has just been resumed, when an event came before notifications were on."""
    enter_vcore_context()
