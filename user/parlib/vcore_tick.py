# SPDX-License-Identifier: LGPL-2.1-or-later
"""A timer for each vcore that interrupts whatever thread runs there, for preemptive 2LSs.

`vcore_tick_enable` on each vcore that is to have one; from then on it enters vcore context at least once each period, and there
`vcore_tick_poll` tells how many periods have passed since it was last asked. A vcore that is not there is not waited for.
The kernel's part is a call that sleeps: when it is over its queue notifies the vcore, and the poll submits it anew.
All in vcore context. Nothing is locked: each vcore has its own.
"""

from lang import RELAXED, Uaddr, addr_of, array, struct, u32, u64
from kern.abi.event import EventFlag, MailboxKind
from kern.abi.syscall import Syscall
from parlib.event import OwnedQueue
from parlib.vcore import Vcore
from rt.syscall import is_done
from rt.time import now_ns
from syscalls import submit_block

NS_PER_USEC: u64 = 1000
UEVENT: u32 = 4                             # SyscallFlag.UEVENT


@struct(align=64)
class Tick:
    period_usec: u64                        # 0: none
    last_ns: u64                            # end of the last period that was told of
    asleep: bool                            # the call was submitted, and may be over
    call: Syscall
    queue: OwnedQueue                       # nobody reads its messages: being notified says it all


ticks = array(256, Tick)                    # by vcore


def vcore_tick_enable(vcore: Vcore, period_usec: u64) -> None:
    """Tick on this vcore, with periods of so many microseconds from now on."""
    tick = ticks[vcore.id]
    tick.period_usec = period_usec
    tick.last_ns = now_ns()
    fall_asleep(vcore, tick)


def vcore_tick_disable(vcore: Vcore) -> None:
    """No more ticks on this vcore; one may still come."""
    ticks[vcore.id].period_usec = 0


def vcore_tick_poll(vcore: Vcore) -> u64:
    """Whole periods that have passed since the last time; begins the next one."""
    tick = ticks[vcore.id]
    if tick.period_usec == 0:
        return 0
    period_ns = tick.period_usec * NS_PER_USEC
    passed = (now_ns() - tick.last_ns) // period_ns
    tick.last_ns += passed * period_ns
    fall_asleep(vcore, tick)
    return passed


def fall_asleep(vcore: Vcore, tick: Tick) -> None:
    """Until the end of the period that began at `last_ns`, unless the last call is under way still."""
    if tick.asleep and not is_done(tick.call):
        return
    passed_usec = min((now_ns() - tick.last_ns) // NS_PER_USEC, tick.period_usec - 1)
    tick.queue.mailbox.kind = u32(MailboxKind.BITMAP)
    queue = tick.queue.queue
    queue.mbox = Uaddr(addr_of(tick.queue.mailbox))
    queue.flags = u32(EventFlag.IPI)
    queue.vcore = vcore.id
    call = tick.call
    call.err = 0
    call.ev_q = Uaddr(addr_of(queue))
    # Nobody else has the structure before it is submitted, so the flag needs no handshake.
    call.flags.store(UEVENT, order=RELAXED)
    tick.asleep = True
    submit_block(call, tick.period_usec - passed_usec)
