# SPDX-License-Identifier: LGPL-2.1-or-later
"""Uthreads: what a 2LS schedules. Their structure, leaving one, running one, and how they end.

A uthread leaves its vcore by `uthread_yield(callback, arg)`: notifications off, state saved, and then `callback` runs in vcore
context, where it may hand the thread to others; from that moment it may run elsewhere and must not be touched.
Whoever runs a uthread owns it; a saved one belongs to whoever holds it (a queue, a callback). No locks in here.
Nothing here allocates; memory for threads is the 2LS's business.
"""

from enum import Enum
from typing import Callable, NoReturn

from lang import RELAXED, Atomic, Error, Ptr, Raises, Ref, addr_of, assign, at, blocks, compiler_fence
from lang import entry, export, noinline, panic, struct, u32, u64, vcore_context
from arch import user_abi
from arch.abi import ContextFlag, FpState, UserContext
from kern.abi.syscall import Syscall
from parlib import sched
from parlib.cancel import CANCELED, Cancelled, end_thread
from parlib.current import Current, my_uthread, my_vcore
from parlib.entry import run_vcore
from parlib.join import JoinKicker, kick
from parlib.machine import pop_context, pop_context_raw, restore_fp, set_thread_pointer, switch_in, switch_out
from parlib.signal_delivery import prepare_handlers
from parlib.signal_state import SignalState, begin_signals
from parlib.uth_sync import UthSync
from parlib.vcore import STACK_SIZE, Vcore, enable_notifs, enter_vcore_context

# How a uthread's context was saved, which decides how it is resumed.
RUNNING: u32 = 0                            # not saved: it runs, or its context lies in its vcore's VCPD
BY_ITSELF: u32 = 1                          # a software context in `ctx`, at a call of switch_out
BY_KERNEL: u32 = 2                          # in `ctx` as the kernel left it, extended registers in `fp`

# The word `join` of a uthread: one of these, or the address of the JoinKicker of who waits for it.
JOINABLE: u64 = 0
DETACHED: u64 = 1
EXITED: u64 = 2


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
    fp: FpState

    @property
    def may_switch(self) -> bool:
        """It was saved by itself, and nothing is to be done before it runs: both in one look."""
        return Ptr[u64](addr_of(self.saved))[0] == u64(BY_ITSELF)

    @property
    def is_thread0(self) -> bool:
        return self is thread0

    @property
    def join_state(self) -> JoinState:
        word = self.join.load()
        return JoinState(u32(word)) if word <= EXITED else JoinState.HAS_JOINER


def no_callback(uthread: Uthread, arg: u64) -> None:
    panic(f"uthread {uthread.id} yields without a callback")


def no_function(arg: u64) -> None:
    panic("a uthread without a function")


thread0 = Uthread(yield_fn=no_callback, fn=no_function)


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
    uthread.join.store(JOINABLE, order=RELAXED)
    uthread.yield_fn = no_callback
    uthread.fn = fn
    uthread.arg = arg
    uthread.result = 0
    uthread.stack_top = stack_top
    uthread.tp = tp
    uthread.vars = addr_of(vars)
    vars.uthread = addr_of(uthread)
    uthread.attention.store(u32(0), order=RELAXED)
    begin_signals(uthread.signals, my_uthread().signals)


# -- leaving ------------------------------------------------------------------------------------------------------
@blocks
def uthread_yield(callback: Callable[[Uthread, u64], None], arg: u64) -> None:
    """Save the calling uthread and run `callback` on it in vcore context. Returns when somebody runs it again."""
    uthread = my_uthread()
    assert uthread.notif_depth == 0, "a uthread blocks with notifications disabled"
    uthread.yield_fn = callback
    uthread.yield_arg = arg
    # Relaxed, here and in disable_notifs: it is read by this core, which an interruption stops between two instructions, and by who
    # steals the thread after the kernel has saved it, which orders all of it.
    uthread.dont_migrate.store(u32(1), order=RELAXED)
    compiler_fence()
    vcore = my_vcore()
    vcore.data.notif_disabled.store(u32(1), order=RELAXED)
    switch_out(addr_of(uthread.ctx), vcore.stack_top, vcore.tp, addr_of(uthread_landing), addr_of(uthread))


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
    if uthread.attention.load(order=RELAXED) != 0:
        prepare_handlers(uthread)
    saved = uthread.saved
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
    """End the calling uthread. Its joiner gets `result`."""
    uthread_yield(exit_callback, 0)
    panic("an exited uthread runs")


def exit_callback(uthread: Uthread, arg: u64) -> None:
    before = uthread.join.swap(EXITED)      # from here on it is its joiner's, if it has one or ever will
    if before == DETACHED:
        uthread.join.store(DETACHED)        # who joins it all the same, too late, is refused for as long as its memory is not used again
        sched.current.exited(uthread)
    elif before != JOINABLE:
        kick(at(JoinKicker, before))


@export("missed_notification")
def missed_notification() -> None:
    """Called by a thread that has just been resumed, when an event came before notifications were on."""
    enter_vcore_context()
