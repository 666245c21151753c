# SPDX-License-Identifier: LGPL-2.1-or-later
"""User alarms: call a function, in vcore context, at a time.

    alarm = Alarm(handler=ring, arg=7)
    alarm.set_after(10 * NS_PER_MS)
    …
    alarm.unset()

All alarms of the process are in one chain, sorted by time; an asynchronous `block` call ends when the first is due, and its event has them
looked at. Handlers run one after the other, without the lock: they may set their alarm again. When `unset` returns, the handler
neither runs nor will, so the alarm's memory is the caller's again; a handler does not unset its own alarm, nor wait for who does.
Set, reset and unset of one alarm are the caller's to order. From any context.
Lock: `chain.lock`, a PdrLock and a leaf.
"""

from typing import Callable, Literal

from lang import ACQUIRE, RELEASE, Array, Atomic, Ref, Uaddr, addr_of, array, container_of, struct, u32, u64
from kern.abi.event import EventFlag, EventMsg, EventType
from kern.abi.syscall import Syscall
from kern.abi.time import NS_PER_USEC
from kern.lib.list import IntrusiveList, ListLink
from parlib.completion import Completion
from parlib.current import in_vcore_context, my_vcore
from parlib.event import OwnedQueue, QueuePages, init_static_queue, register_handler, reopen_queue
from parlib.pdr import PdrLock
from parlib.vcore import Vcore, disable_notifs, enable_notifs, notify_self, relax_for, wait_spinning
from rt.time import now_ns
from syscalls import submit_abort_sysc, submit_block

NEVER: u64 = 0xFFFF_FFFF_FFFF_FFFF
WAKE_UPS: u64 = 4
FREE: u32 = 0
IN_FLIGHT: u32 = 1


@struct
class Alarm:
    handler: Callable[["Alarm"], None]
    arg: u64                                # the caller's own
    when_ns: u64
    link: ListLink["Alarm"]

    @property
    def is_set(self) -> bool:
        return self.link.linked

    def set_at(self, when_ns: u64) -> None:
        """Ring at that time of `now_ns`, at once if it is past. The alarm is not set."""
        start_service()
        with chain.lock:
            assert not self.is_set, "an alarm is set twice"
            self.when_ns = when_ns
            insert(self)
        arm()

    def set_after(self, ns: u64) -> None:
        self.set_at(now_ns() + ns)

    def set_later(self, ns: u64) -> None:
        """Ring so much after the last time: a period that does not drift."""
        self.set_at(self.when_ns + ns)

    def unset(self) -> bool:
        """Whether it was set, and so will not ring now. If it rings, wait until its handler, unless that calls this, has returned."""
        was_set = False
        while True:
            with chain.lock:
                # Both under the lock: a handler may set its alarm again and return as we look.
                if self.is_set:
                    chain.alarms.remove(self)
                    was_set = True
                if chain.ringing.load() != addr_of(self) or in_vcore_context() and chain.runner.load() == my_vcore().id + 1:
                    return was_set
            relax_for(chain.runner.load() - 1)

    def reset_at(self, when_ns: u64) -> bool:
        """Set it to another time, whether it is set or not; whether it was."""
        was_set = self.unset()
        self.set_at(when_ns)
        return was_set

    def reset_after(self, ns: u64) -> bool:
        return self.reset_at(now_ns() + ns)


@struct
class WakeUp:
    """A `block` call that ends at `when_ns`, if `state` is IN_FLIGHT."""

    completion: Completion
    when_ns: u64
    state: u32


@struct
class TimerChain:
    lock: PdrLock
    alarms: IntrusiveList[Alarm, Literal["link"]]
    armed_ns: u64 = NEVER                   # when `armed` ends
    armed: Ref[WakeUp] | None
    ringing: Atomic[u64]                    # address of the alarm whose handler runs
    runner: Atomic[u32]                     # 1 + id of the vcore that runs handlers, 0: nobody
    wake_ups: Array[WakeUp] = array(4)


chain = TimerChain()
queue = OwnedQueue()
queue_pages = QueuePages()
ready = Atomic[u32](0)


def start_service() -> None:
    """Open the queue, on first use."""
    if ready.load(order=ACQUIRE) == 0:      # pairs with the store below
        with chain.lock:
            if ready.load() == 0:
                open_queue()
                ready.store(u32(1), order=RELEASE)


def open_queue() -> None:
    """Caller holds: `lock`."""
    flags = EventFlag.INDIR | EventFlag.SPAM_INDIR | EventFlag.IPI | EventFlag.WAKEUP
    init_static_queue(queue, queue_pages, flags)
    register_handler(EventType.ALARM, handle_alarm)
    for wake_up in chain.wake_ups:
        wake_up.completion.done = wake_up_ended


def forget_alarms() -> None:
    """In the copy that a fork made: no alarm is set, and no call of ours is under way."""
    while chain.alarms.pop_front() is not None:
        pass
    chain.armed = None
    chain.armed_ns = NEVER
    chain.ringing.store(0)
    chain.runner.store(u32(0))
    for wake_up in chain.wake_ups:
        wake_up.state = FREE
    if ready.load() != 0:
        reopen_queue(queue, queue_pages)


def insert(alarm: Alarm) -> None:
    """Behind those that ring earlier, or at the same time. Caller holds: `lock`."""
    after: Alarm | None = None
    before = chain.alarms.last()
    while before is not None and before.when_ns > alarm.when_ns:
        after = before
        before = chain.alarms.before(before)
    if after is None:
        chain.alarms.push_back(alarm)
    else:
        chain.alarms.insert_before(after, alarm)


# -- being woken in time ------------------------------------------------------------------------------------------
def arm() -> None:
    """See to it that a call ends when the first alarm is due."""
    disable_notifs()                        # whoever said that a call will be in flight submits it before anything else happens here
    while (wake_up := take_wake_up()) is not None and submit(wake_up):
        pass
    enable_notifs()


def take_wake_up() -> WakeUp | None:
    """The one to submit, if the calls in flight end too late for the first alarm."""
    with chain.lock:
        first = chain.alarms.first()
        if first is None or first.when_ns >= chain.armed_ns:
            return None
        for wake_up in chain.wake_ups:
            if wake_up.state == FREE:
                wake_up.state = IN_FLIGHT
                wake_up.when_ns = first.when_ns
                chain.armed = wake_up
                chain.armed_ns = first.when_ns
                return wake_up
    abort_wake_ups()
    return None


def submit(wake_up: WakeUp) -> bool:
    """Whether it is in flight. If it is over already, a message to this vcore has the alarms looked at."""
    completion = wake_up.completion
    call = completion.call
    call.err = 0
    call.flags.store(u32(0))
    now = now_ns()
    left = wake_up.when_ns - now if wake_up.when_ns > now else u64(0)
    submit_block(call, (left + NS_PER_USEC - 1) // NS_PER_USEC)
    if completion.expect(queue.queue):
        return True
    release_wake_up(wake_up)
    notify_self(my_vcore().id, EventMsg(ev_type=EventType.ALARM), False)
    return False


def abort_wake_ups() -> None:
    """All calls in flight are for later than what is needed: have them end. What is not found has ended, or is being submitted by
    who looks here again afterwards."""
    for wake_up in chain.wake_ups:
        call = Syscall()
        submit_abort_sysc(call, Uaddr(addr_of(wake_up.completion.call)))
        wait_spinning(call)


def release_wake_up(wake_up: WakeUp) -> None:
    with chain.lock:
        wake_up.state = FREE
        if chain.armed is wake_up:
            chain.armed = None
            chain.armed_ns = NEVER


# -- ringing ------------------------------------------------------------------------------------------------------
def wake_up_ended(vcore: Vcore, completion: Completion) -> None:
    """In vcore context."""
    release_wake_up(container_of(WakeUp, "completion", completion))
    ring_due(vcore)


def handle_alarm(vcore: Vcore, msg: EventMsg) -> None:
    """EV_ALARM: some alarm may be due."""
    ring_due(vcore)


def ring_due(vcore: Vcore) -> None:
    """Call the handlers of all alarms that are due, unless another vcore does."""
    if chain.runner.cas(u32(0), vcore.id + 1):
        while (alarm := take_due()) is not None:
            alarm.handler(alarm)
    arm()


def take_due() -> Alarm | None:
    """The first alarm if it is due; otherwise the caller is the runner no more. What comes due later is seen by who comes then."""
    with chain.lock:
        alarm = chain.alarms.first()
        if alarm is None or alarm.when_ns > now_ns():
            chain.ringing.store(0)
            chain.runner.store(u32(0))
            return None
        chain.alarms.remove(alarm)
        chain.ringing.store(addr_of(alarm))
        return alarm
