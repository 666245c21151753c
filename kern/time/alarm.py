# SPDX-License-Identifier: GPL-2.0-or-later
"""Alarms: call a function at a time. Each core has a chain of them, sorted by time, behind its own one-shot timer.

A handler runs on the chain's core as a routine message, not in the interrupt: it may block. It gets the alarm, which
is no longer set, so that it may set it again; it must not free it. No timer runs on a core without alarms; `move_alarms_away`
hands a core's over to core 0.
`unset_alarm` returns when the handler neither runs nor will: never call it holding what the handler waits for.
The storage is the caller's, who unsets the alarm before it goes; set and unset of one alarm are the caller's to order.
Locks: a chain's lock is a leaf, taken with interrupts off. Handlers run without it.
"""

from typing import Callable, Literal

from lang import ACQUIRE, RELEASE, Error, fence, interrupt_context, struct, u32, u64
from arch import timer
from kern.core.kmsg import Kmsg, post_routine, send_immediate
from kern.core.percore import core
from kern.lib.list import IntrusiveList, ListLink
from kern.mm.shootdown import relax
from kern.sync.condvar import CondVar
from kern.sync.spinlock import IrqsOffLock, SpinLock

NO_CHAIN: u32 = 0xFFFF_FFFF


@struct
class Alarm:
    handler: Callable[["Alarm"], None]
    arg: u64                                # the caller's own
    when_ns: u64
    link: ListLink["Alarm"]
    running: bool                           # its handler runs now
    moving: bool                            # on its way to core 0: set under its old chain's lock, cleared under the new one's
    stays: bool                             # does not move: it is about its core
    chain: u32 = NO_CHAIN                   # the core whose chain it is in, or was last

    @property
    def is_set(self) -> bool:
        return self.link.linked


@struct
class TimerChain:
    lock: SpinLock
    alarms: IntrusiveList[Alarm, Literal["link"]]
    finished: CondVar                       # under `lock`: a handler has returned
    kick: Kmsg                              # runs the chain
    kicked: bool                            # `kick` is queued, or runs
    armed: bool                             # the core's timer will go off. Its core's alone


def set_alarm(alarm: Alarm, when_ns: u64) -> None:
    """Have `alarm.handler` called on this core at `when_ns` (since boot), at once if that is past."""
    set_alarm_on(core.mine.core_id, alarm, when_ns)


def set_alarm_in(alarm: Alarm, delay_ns: u64) -> None:
    """The same, so long from now."""
    set_alarm(alarm, timer.now_ns() + delay_ns)


def set_alarm_again(alarm: Alarm, period_ns: u64) -> None:
    """The same, so long after it was last due: in its handler, for a period without drift. What was missed is not made up for."""
    set_alarm(alarm, max(alarm.when_ns + period_ns, timer.now_ns()))


def set_alarm_on(target: u32, alarm: Alarm, when_ns: u64) -> None:
    """The same, on another core's chain. Never fails."""
    chain = core[target].alarms
    with chain.lock.irqs_off():
        insert(chain, alarm, target, when_ns)
        is_first = chain.alarms.first() is alarm
    if not is_first:
        return
    if target == core.mine.core_id:
        program_timer(0, 0, 0)
    else:
        send_immediate(target, program_timer, 0, 0, 0)


def insert(chain: TimerChain, alarm: Alarm, target: u32, when_ns: u64) -> None:
    assert not alarm.link.linked, "the alarm is set already"
    alarm.when_ns = when_ns
    alarm.chain = target
    place = chain.alarms.first()
    while place is not None and place.when_ns <= when_ns:
        place = chain.alarms.after(place)
    if place is None:
        chain.alarms.push_back(alarm)
    else:
        chain.alarms.insert_before(place, alarm)


def unset_alarm(alarm: Alarm) -> bool:
    """Make sure that the handler neither runs nor will. Returns whether it was set. May block, if the handler runs now.

    Not for the handler itself: its alarm is no longer set, and it would wait for itself.
    """
    if alarm.chain == NO_CHAIN:
        return False
    was_set = False
    id = alarm.chain
    # Again if it was moved to another core before we had the lock, or while we waited.
    while True:
        was_set = unset_in(id, alarm) or was_set
        if alarm.chain == id:
            return was_set
        id = alarm.chain


def unset_in(id: u32, alarm: Alarm) -> bool:
    """The same for an alarm in that core's chain; nothing once it is in another's."""
    chain = core[id].alarms
    was_set = False
    with chain.lock.irqs_off() as held:
        # In a loop: a running handler may set it again.
        while True:
            if alarm.moving:
                await_handler(chain, held)
                continue
            fence(ACQUIRE)                  # pairs with the fence in insert_moving
            if alarm.chain != id:
                return was_set
            if alarm.link.linked:
                chain.alarms.remove(alarm)
                was_set = True
            elif alarm.running:
                await_handler(chain, held)
            else:
                return was_set


def await_handler(chain: TimerChain, held: IrqsOffLock) -> None:
    try:
        chain.finished.wait(held)
    except Error:
        # No memory to sleep with: spin instead. The handler is on another core, or has what it needs to go on.
        held.drop()
        relax()
        held.retake()


def reset_alarm(alarm: Alarm, when_ns: u64) -> bool:
    """Move the alarm to another time, on this core, set or not. Returns whether it was still set before."""
    was_set = unset_alarm(alarm)
    set_alarm(alarm, when_ns)
    return was_set


@interrupt_context
def timer_interrupt() -> None:
    """The core's timer went off. The architecture calls it from the handler, interrupts off."""
    core.mine.timer_irqs += 1
    chain = core.mine.alarms
    chain.armed = False
    with chain.lock.irqs_off():
        kick = not chain.kicked
        chain.kicked = True
    if kick:
        chain.kick.routine = run_chain
        post_routine(core.mine.core_id, chain.kick)


def program_timer(a0: u64, a1: u64, a2: u64) -> None:
    """Set this core's timer for the earliest alarm, if any. Also an immediate message."""
    chain = core.mine.alarms
    with chain.lock.irqs_off():
        first = chain.alarms.first()
        if first is not None:
            chain.armed = True
            timer.set_core_timer(first.when_ns)


def move_alarms_away() -> None:
    """This core is granted: what others wait for on it rings on core 0, its timer is still but for what stays. Interrupts are off."""
    mine = core.mine
    chain = mine.alarms
    if mine.core_id == 0:
        return
    moved = False
    while (alarm := take_moving(chain)) is not None:
        insert_moving(core[0].alarms, alarm)
        moved = True
    if moved:
        with chain.lock.irqs_off():
            chain.finished.broadcast()      # to those who found one on its way
        send_immediate(0, program_timer, 0, 0, 0)
    if chain.armed:
        chain.armed = False
        timer.set_core_timer(0)
    program_timer(0, 0, 0)                  # for what stays


def take_moving(chain: TimerChain) -> Alarm | None:
    """The next alarm out of a chain; it is on its way until `insert_moving`. Not one whose handler has set it again, and still runs."""
    with chain.lock.irqs_off():
        alarm = chain.alarms.first()
        while alarm is not None and (alarm.running or alarm.stays):
            alarm = chain.alarms.after(alarm)
        if alarm is not None:
            alarm.moving = True
            chain.alarms.remove(alarm)
        return alarm


def insert_moving(chain_0: TimerChain, alarm: Alarm) -> None:
    with chain_0.lock.irqs_off():
        insert(chain_0, alarm, 0, alarm.when_ns)
        # Who unsets it holds its old chain's lock: pairs with the fence in unset_in. After this it may be gone.
        fence(RELEASE)
        alarm.moving = False


def run_chain(a0: u64, a1: u64, a2: u64) -> None:
    """Routine message: run what is due on this core."""
    chain = core.mine.alarms
    with chain.lock.irqs_off():
        chain.kicked = False
    while (alarm := take_due(chain)) is not None:
        # The timer is set anew first: should this handler block, the rest of the chain goes on without it.
        program_timer(0, 0, 0)
        alarm.handler(alarm)
        with chain.lock.irqs_off():
            alarm.running = False
            chain.finished.broadcast()
        if core.mine.alarms is not chain:
            return                          # the handler blocked, and came back on another core
    program_timer(0, 0, 0)


def take_due(chain: TimerChain) -> Alarm | None:
    now = timer.now_ns()
    with chain.lock.irqs_off():
        alarm = chain.alarms.first()
        if alarm is None or alarm.when_ns > now:
            return None
        chain.alarms.remove(alarm)
        alarm.running = True
        return alarm
