# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a signal gets to a thread, and a handler to run in it.

Who sends sets a bit and the thread's `attention`, which lies beside the word that says how the thread is saved: whoever is about to run it
sees both in one load (uthread.run_uthread), and then puts a frame onto the thread's stack: its context as it was, below which it begins
anew, in `signal_main`. That runs the handlers, in the thread's own context, and yields to have the old context put back. A thread that runs
somewhere is not known to its sender by vcore, so all vcores are notified: the right one comes through vcore context, and finds it.

A frame is written by vcore context, to a stack that may not be there yet so far down: the kernel brings such pages in without a
reflection; if there is none (an overflow), the process dies.
Lock: `table.lock`, a leaf."""

from lang import Error, addr_of, assign, at, copy, ctz, export, i32, panic, sizeof, struct, u32, u64
from arch import user_abi
from arch.abi import ContextFlag, FpState, UserContext
from kern.abi.event import EventFlag, EventMsg, EventQueue, EventType
from parlib import sched
from parlib import uthread as uthreads
from parlib.blockon import abort_call
from parlib.cancel import break_listening
from parlib.current import in_vcore_context, my_uthread, my_vcore
from parlib.event import OwnedQueue, QueuePages, init_static_queue, register_handler, reopen_queue, want_kernel_event
from parlib.machine import signal_start
from parlib.sched import Blocked
from parlib.signal_state import Action, ActionFlag, Disposition, SignalCode, SignalInfo, SignalState, bit, is_ignored, table
from parlib.timed_wait import TimedWait, begin_wait, end_wait
from parlib.uth_sync import UthSync
from parlib.uthread import BY_ITSELF, BY_KERNEL, Uthread, uthread_yield
from parlib.vcore import Vcore, is_mcp, max_vcores, notify_self, pin, unpin, vcores
from rt.exit import exit_now
from rt.hooks import error_slot

RED_ZONE: u64 = 128                         # below a stack pointer, where leaf functions keep things
FRAME_ALIGN: u64 = 64
QUEUED_MARK: u64 = 1                        # arg4 of an event: arg3 is a value
EXIT_BASE: i32 = 128                        # status of a process that a signal ended, less the signal

default_queue = EventQueue()
queue = OwnedQueue()
queue_pages = QueuePages()


@struct(align=64)
class SignalFrame:
    """On the stack of a thread that runs handlers: what it was doing."""

    ctx: UserContext
    fp: FpState                             # if it was saved BY_KERNEL
    saved: u32
    outer: u64                              # the frame that this one interrupts, or 0


# -- hearing of signals -------------------------------------------------------------------------------------------
def init_signals() -> None:
    """At the process' start: signals have their default effect. They come through a vcore's mailbox, where one may be told twice."""
    register_handler(EventType.POSIX_SIGNAL, handle_signal_event)
    default_queue.flags = u32(EventFlag.SPAM_PUBLIC | EventFlag.IPI | EventFlag.WAKEUP)
    want_kernel_event(EventType.POSIX_SIGNAL, default_queue)


def listen_closely() -> None:
    """The program handles signals, or waits for them: from now on each is told exactly once."""
    if proc_listens():
        return
    with table.lock:
        if not proc_listens():
            init_static_queue(queue, queue_pages, EventFlag.INDIR | EventFlag.SPAM_INDIR | EventFlag.IPI | EventFlag.WAKEUP)
    want_kernel_event(EventType.POSIX_SIGNAL, queue.queue)


def proc_listens() -> bool:
    return u64(queue.queue.mbox) != 0


def forget_signals() -> None:
    """In the copy that a fork made: what was sent was for the original. Actions and masks stay."""
    table.pending.store(0)
    my_uthread().signals.pending = 0
    if proc_listens():
        reopen_queue(queue, queue_pages)


def handle_signal_event(vcore: Vcore, msg: EventMsg) -> None:
    """EV_POSIX_SIGNAL: signal arg1, maybe with a value. What to do is the 2LS's decision."""
    if not 0 < msg.arg1 <= 64:
        return
    code = SignalCode.QUEUE if msg.arg4 & QUEUED_MARK != 0 else SignalCode.USER
    sched.current.got_posix_signal(vcore, SignalInfo(signal=u32(msg.arg1), code=code, pid=i32(msg.arg2 & 0xFFFF), value=msg.arg3))


# -- sending ------------------------------------------------------------------------------------------------------
def post_to_process(vcore: Vcore, info: SignalInfo) -> None:
    """In vcore context: to a thread that waits, else to one that does not block it."""
    woken = UthSync()
    main = uthreads.main_thread
    with table.lock:
        if is_ignored(info.signal) and table.waiters.is_empty() and main.signals.mask & bit(info.signal) == 0:
            return                          # blocked it stays, for who waits for it later: CHLD, say
        assign(table.infos[info.signal], info)
        table.pending.or_(bit(info.signal))
        table.waiters.swap(woken)           # each looks whether it is for it, and goes back to sleep if not
    sched.current.bulk_runnable(woken)
    uthread = choose_willing(vcore, bit(info.signal))
    if uthread is not None:
        draw_attention(uthread)
        end_if_default(info.signal)
        break_call(uthread, info.signal)


def choose_willing(vcore: Vcore, signal: u64) -> Uthread | None:
    """Who does not block that signal: the thread that this vcore was running, else the main one, unless it waits for other
    threads, which would keep the handler waiting, else any."""
    uthread = vcore.current
    if uthread is not None and uthread.signals.mask & signal == 0:
        return uthread
    main = uthreads.main_thread
    if main.signals.mask & signal != 0:
        return sched.current.find_willing(signal)
    other = sched.current.find_willing(signal) if main.waits_for_threads else None
    return main if other is None or other.waits_for_threads else other


def post_to_thread(uthread: Uthread, info: SignalInfo) -> None:
    """To this thread and no other. Any context; a thread that sends to itself runs its handlers afterwards."""
    woken = UthSync()
    with table.lock:
        if is_ignored(info.signal) and table.waiters.is_empty() and uthread.signals.mask & bit(info.signal) == 0:
            return
        assign(uthread.signals.info, info)
        uthread.signals.pending |= bit(info.signal)
        if table.waiters.get_uth(uthread):
            woken.enqueue(uthread)
    sched.current.bulk_runnable(woken)
    if not in_vcore_context() and my_uthread() is uthread:
        return
    draw_attention(uthread)
    if uthread.signals.mask & bit(info.signal) == 0:
        end_if_default(info.signal)
        break_call(uthread, info.signal)


def end_if_default(signal: u32) -> None:
    """End the process, if that is what becomes of it by this signal: not when its thread runs the next time, which may wait for ever."""
    if table.actions[signal].disposition == Disposition.DEFAULT and not is_ignored(signal):
        exit_now(EXIT_BASE + i32(signal))


def draw_attention(uthread: Uthread) -> None:
    """Have it looked after before it runs on. In vcore context its own vcore looks by itself, and an SCP has no other."""
    uthread.attention.store(u32(1))
    if not is_mcp() or in_vcore_context() and my_vcore().current is uthread:
        return
    # Whether it runs, and where, may change as we look. Sequentially consistent: who resumes it lowers notif_disabled and then looks at
    # notif_pending, which is set here after `attention`. One that has no core now may have been preempted between the two.
    mine = my_vcore().id if in_vcore_context() else max_vcores()
    for vcoreid in range(max_vcores()):
        if vcoreid != mine and vcores[vcoreid].entries != 0:
            notify_self(vcoreid, EventMsg(ev_type=EventType.NONE), False)


def break_call(uthread: Uthread, signal: u32) -> None:
    """The call that it is blocked in gives up, with EINTR, and so does a wait for event queues. A call may be over by now: its address is
    only compared."""
    break_listening(uthread)
    blocked_in = uthread.sysc
    if blocked_in is None or table.actions[signal].flags & ActionFlag.RESTART:
        return
    abort_call(blocked_in)


# -- into the thread ----------------------------------------------------------------------------------------------
def deliverable(state: SignalState) -> u64:
    return (state.pending | table.pending.load()) & ~state.mask


def prepare_handlers(uthread: Uthread) -> None:
    """In vcore context, of a saved thread that is about to run: if there is something to handle, that comes first."""
    uthread.attention.store(u32(0))         # before the sets are read: what comes in between raises it again
    signals = deliverable(uthread.signals)
    if signals != 0:                        # another thread may take them before this one does
        push_frame(uthread, signals)


def prepare_fault(uthread: Uthread, signal: u32, address: u64) -> bool:
    """A saved thread has faulted: have it handle that, and then repeat the instruction. False if it does not want to."""
    state = uthread.signals
    if table.actions[signal].disposition != Disposition.HANDLE or state.mask & bit(signal) != 0:
        return False
    state.info.signal = signal
    state.info.code = SignalCode.FAULT
    state.info.address = address
    with table.lock:
        state.pending |= bit(signal)
    uthread.ctx.flags &= ~u32(ContextFlag.FAULTED)
    push_frame(uthread, bit(signal))
    return True


def push_frame(uthread: Uthread, signals: u64) -> None:
    """Make it begin anew in `signal_main`, for those at least, below what it was doing."""
    state = uthread.signals
    place = (stack_for(uthread, signals) - sizeof(SignalFrame)) // FRAME_ALIGN * FRAME_ALIGN
    frame = at(SignalFrame, place)
    assign(frame.ctx, uthread.ctx)
    frame.saved = uthread.saved
    if uthread.saved == BY_KERNEL:
        assign(frame.fp, uthread.fp)
    frame.outer = state.frame
    state.frame = place
    user_abi.start_context(uthread.ctx, place, uthread.ctx.thread_pointer)
    uthread.ctx.pc = addr_of(signal_start)
    uthread.saved = BY_ITSELF


def stack_for(uthread: Uthread, signals: u64) -> u64:
    """Where the frame goes: below the thread's stack pointer, or at the top of its alternate stack if one of the handlers wants that."""
    state = uthread.signals
    sp = uthread.ctx.sp
    on_it = state.alternate_base <= sp < state.alternate_base + state.alternate_size
    if state.alternate_size != 0 and not on_it:
        while signals != 0:
            if table.actions[u32(ctz(signals)) + 1].flags & ActionFlag.ON_STACK:
                return state.alternate_base + state.alternate_size
            signals &= signals - 1
    return sp - RED_ZONE


@export("signal_main")
def signal_main() -> None:
    """Where a thread begins that has something to handle. Does not return: the frame says where it goes on."""
    slot = copy(error_slot())               # the thread may have been on its way with an error
    run_handlers()
    assign(error_slot(), slot)
    uthread_yield(leave_handlers, my_uthread().signals.frame)
    panic("a thread runs on behind its handlers")


def leave_handlers(uthread: Uthread, address: u64) -> None:
    """In vcore context: back to what it was doing."""
    frame = at(SignalFrame, address)
    assign(uthread.ctx, frame.ctx)
    if frame.saved == BY_KERNEL:
        assign(uthread.fp, frame.fp)
    uthread.saved = frame.saved
    uthread.signals.frame = frame.outer
    sched.current.paused(uthread)


def run_handlers() -> None:
    """In the calling uthread: all that is pending and not blocked."""
    state = my_uthread().signals
    info = SignalInfo()
    while take(state, ~state.mask, info):
        act(state, info)


def take(state: SignalState, wanted: u64, into: SignalInfo) -> bool:
    """The lowest pending signal of a set, the thread's own first; false if there is none."""
    with table.lock:
        own = state.pending & wanted
        ready = own if own != 0 else table.pending.load() & wanted
        if ready == 0:
            return False
        signal = u32(ctz(ready)) + 1
        if own != 0:
            state.pending &= ~bit(signal)
            if state.info.signal == signal:
                assign(into, state.info)
            else:
                assign(into, SignalInfo(signal=signal))
        else:
            table.pending.and_(~bit(signal))
            assign(into, table.infos[signal])
        return True


def act(state: SignalState, info: SignalInfo) -> None:
    signal = info.signal
    action = Action(handler=table.actions[signal].handler)
    with table.lock:
        assign(action, table.actions[signal])
        if action.flags & ActionFlag.RESET:
            table.actions[signal].disposition = Disposition.DEFAULT
    if action.disposition == Disposition.HANDLE:
        before = state.mask
        state.mask |= action.mask | (u64(0) if action.flags & ActionFlag.NODEFER else bit(signal))
        call_handler(action, info)
        state.mask = before
        state.handled += 1
    elif not is_ignored(signal):
        exit_now(EXIT_BASE + i32(signal))


def call_handler(action: Action, info: SignalInfo) -> None:
    try:
        action.handler(info.signal, info)
    except Error as error:
        panic(f"error leaves the handler of signal {info.signal}: {error.errno.name}: {error.message}")


# -- waiting ------------------------------------------------------------------------------------------------------
def something_came(uthread: Uthread, wanted: u64) -> bool:
    """One of `wanted`, or any signal that has a handler to run. Caller holds: `lock`."""
    state = uthread.signals
    return (state.pending | table.pending.load()) & (wanted | ~state.mask) != 0


def wait_for_any(wanted: u64) -> None:
    """Sleep until something may have come."""
    uthread = my_uthread()
    vcore = pin(uthread)
    table.lock.lock_to_park(vcore)
    if something_came(uthread, wanted):
        table.lock.unlock_on()
        unpin(uthread, vcore)
        return
    table.waiters.enqueue(uthread)
    table.lock.park(vcore, uthread, Blocked.MISC)


def wait_for_any_until(wanted: u64, deadline_ns: u64) -> bool:
    """The same; false if it is past the deadline."""
    wait = TimedWait(guard=table.lock, queue=table.waiters, uthread=my_uthread())
    vcore = begin_wait(wait, deadline_ns)
    wait.sleep(vcore, something_came(wait.uthread, wanted))
    return end_wait(wait)
