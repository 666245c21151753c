# SPDX-License-Identifier: LGPL-2.1-or-later
"""The mailboxes of a vcore that is taken (suite `lab`): who finds what lies in them."""

from lang import Atomic, Uaddr, addr_of, u16, u32, u64
from kern.abi.event import EventFlag, EventMsg, EventQueue
from parlib.event import register_handler
from parlib.queues import get_vcpd_queue, put_queue
from parlib.request import wanted_cores
from parlib.vcore import Vcore
from syscalls import sys_send_event
from utest.harness import check, equal
from utest.lab import has, is_mapped, order_kernel, until

PUBLIC_TYPE: u32 = 25
PRIVATE_TYPE: u32 = 26
ROUNDS: u32 = 10

public_heard = Atomic[u32](0)               # times, this round
private_heard = Atomic[u32](0)
private_heard_by = Atomic[u32](0)           # which vcore


def hear_public(vcore: Vcore, msg: EventMsg) -> None:
    public_heard.add(1)


def hear_private(vcore: Vcore, msg: EventMsg) -> None:
    private_heard_by.store(vcore.id)
    private_heard.add(1)


def leave_in(queue: EventQueue, kind: u32) -> None:
    """A message that its vcore is not told of."""
    sys_send_event(Uaddr(addr_of(queue)), EventMsg(ev_type=u16(kind)), 0)


def test_mailboxes() -> None:
    """When a vcore is taken, another finds what is in its public mailbox; what is in the private one waits until it is back."""
    register_handler(PUBLIC_TYPE, hear_public)
    register_handler(PRIVATE_TYPE, hear_private)
    public = get_vcpd_queue(EventFlag(0), 0)
    private = get_vcpd_queue(EventFlag.VCORE_PRIVATE, 0)
    rescued: u32 = 0
    for _ in range(ROUNDS):
        has(3)
        public_heard.store(0)
        private_heard.store(0)
        leave_in(private, PRIVATE_TYPE)
        leave_in(public, PUBLIC_TYPE)
        wanted_cores().store(2)             # so that its core does not come back at once
        order_kernel("preempt 0")
        until(lambda: public_heard.load() == 1, "nobody looks into the public mailbox")
        heard = private_heard.load()
        if not is_mapped(0):
            equal(u64(heard), 0, "messages that another took from the private mailbox")
            rescued += 1
        has(3)
        until(lambda: private_heard.load() == 1, "the private mailbox is forgotten")
        equal(u64(private_heard_by.load()), 0, "who looked into it")
        equal(u64(public_heard.load()), 1, "times that the public message was heard")
    check(rescued > 0, "it was never looked into by another")
    put_queue(public)
    put_queue(private)
