# SPDX-License-Identifier: LGPL-2.1-or-later
"""Recovering what was on a vcore that the kernel took away: its uthread, and the messages that nobody would look at.

A vcore preempted in vcore context, or whose uthread must not migrate, holds locks or half-done work: it is made to run, by giving it our
core; so is one on whose list there are finished calls, which only it may take. Otherwise its uthread is stolen (parlib.stealing): it does
not start meanwhile. No livelock: a vcore changes away "to come back" only while somebody steals from it or while its thread must not
migrate, and both end once the other has run.
"""

from lang import RELAXED, SEQ_CST, fence, u32
from kern.abi.errno import Errno
from kern.abi.event import EventFlag, EventMsg, EventQueue, EventType
from parlib import sched
from parlib.event import handle_mailbox, mailbox_is_empty, register_handler, want_kernel_event
from parlib.stealing import PREEMPTED, Recovery, Stolen, is_being_stolen_from, recover_uthread, settled_flags
from parlib.uthread import take_current
from parlib.yielding import vcore_restart
from parlib.vcore import Vcore, change_vcore, max_vcores, notify_self, vcores

CAN_RCV_MSG: u32 = 4                        # VcoreFlag.CAN_RCV_MSG

preempt_queue = EventQueue()


def init_preemption() -> None:
    """Register for what the kernel tells of taken vcores. Before the process becomes an MCP."""
    register_handler(EventType.VCORE_PREEMPT, handle_vcore_preempt)
    register_handler(EventType.CHECK_MSGS, handle_check_msgs)
    flags = EventFlag.SPAM_PUBLIC | EventFlag.VCORE_APPRO | EventFlag.VCORE_MUST_RUN | EventFlag.IPI | EventFlag.WAKEUP
    preempt_queue.flags = u32(flags)
    want_kernel_event(EventType.VCORE_PREEMPT, preempt_queue)
    want_kernel_event(EventType.CHECK_MSGS, preempt_queue)
    want_kernel_event(EventType.PREEMPT_PENDING, preempt_queue)


def handle_vcore_preempt(vcore: Vcore, msg: EventMsg) -> None:
    """EV_VCORE_PREEMPT: vcore arg2 was taken, or has changed away to come back."""
    rem = msg.arg2
    if rem == vcore.id or rem >= max_vcores():
        return
    theirs = vcores[rem]
    data = theirs.data
    if settled_flags(data) & PREEMPTED == 0:
        return                              # it runs again
    if data.notif_disabled.load() != 0:
        change_to(vcore, rem)
        return
    stolen = Stolen()
    match recover_uthread(theirs, data, stolen):
        case Recovery.BUSY:
            return
        case Recovery.MUST_RUN:
            change_to(vcore, rem)
            return
        case Recovery.DONE:
            uthread = stolen.uthread
            if uthread is not None:
                sched.current.paused(uthread)
    take_messages(vcore, rem)


def change_to(vcore: Vcore, rem: u32) -> None:
    """Let vcore `rem` run on this core. Returns if it runs already, or when we are resumed; mostly it does not return."""
    uthread = vcore.current
    if is_being_stolen_from(vcore.data) or uthread is not None and uthread.dont_migrate.load(order=RELAXED) != 0:
        insist_on_change(vcore, rem, False)
        return
    if uthread is not None:
        take_current(vcore, uthread)
        sched.current.paused(uthread)
    draining = announce_leaving(vcore)
    insist_on_change(vcore, rem, True)
    vcore.draining = draining


def insist_on_change(vcore: Vcore, rem: u32, come_back_fresh: bool) -> None:
    """EAGAIN says that our own core is about to be taken. Who tells of `rem` has told us alone, so we try again once we are resumed."""
    while change_vcore(vcore, rem, come_back_fresh) == u32(Errno.EAGAIN):
        pass                                # our core goes at the latest when it enters the kernel to ask again


# -- messages of others -------------------------------------------------------------------------------------------
def handle_check_msgs(vcore: Vcore, msg: EventMsg) -> None:
    """EV_CHECK_MSGS: look into the public mailbox of vcore arg2."""
    if msg.arg2 != vcore.id and msg.arg2 < max_vcores():
        take_messages(vcore, msg.arg2)


def take_messages(vcore: Vcore, rem: u32) -> None:
    """Handle a preempted vcore's public mailbox. May restart the calling vcore's stack."""
    data = vcores[rem].data
    while True:
        flags = settled_flags(data)
        if flags & PREEMPTED == 0:
            return                          # it runs, and looks itself
        # Senders turn to others from here on; what was sent before, we see.
        if flags & CAN_RCV_MSG == 0 or data.flags.cas(flags, flags ^ CAN_RCV_MSG):
            break
    fence(SEQ_CST)                          # pairs with spam_if_listening of kern/event/send.py
    if data.finished.load(order=RELAXED) != 0:
        change_to(vcore, rem)               # its list is its own: it may have been started since we looked, and be adding to it
        return
    if mailbox_is_empty(data.public_mbox):
        return
    if vcore.draining != 0:
        notify_self(vcore.id, EventMsg(ev_type=EventType.CHECK_MSGS, arg2=rem), False)
        return
    # A handler may not return, so this is done from the top of the stack, with a note of whose messages are half done.
    vcore.draining = rem + 1
    vcore_restart(vcore)


def continue_draining(vcore: Vcore) -> None:
    """At the top of the stack: work through the mailbox that was noted, if any."""
    if vcore.draining != 0:
        handle_mailbox(vcore, vcores[vcore.draining - 1].data.public_mbox)
        vcore.draining = 0


def announce_leaving(vcore: Vcore) -> u32:
    """Before giving up the core for good in a handler: whoever comes next shall finish the mailbox that we were draining.
    What `vcore.draining` was."""
    draining = vcore.draining
    if draining != 0:
        vcore.draining = 0
        if not mailbox_is_empty(vcores[draining - 1].data.public_mbox):
            notify_self(vcore.id, EventMsg(ev_type=EventType.CHECK_MSGS, arg2=draining - 1), False)
    return draining
