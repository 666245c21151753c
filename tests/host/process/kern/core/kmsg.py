# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: routine messages wait until their core says that it is on its way out of the kernel (`run_routines`)."""

from typing import Callable

from lang import Array, array, struct, u32, u64
from kern.sync.spinlock import SpinLock

ROOM: u64 = 8


@struct
class Message:
    handler: Callable[[u64, u64, u64], None] | None
    a0: u64
    a1: u64
    a2: u64


@struct
class Mail:
    lock: SpinLock
    sent: u64
    taken: u64
    messages: Array[Message] = array(ROOM)


mail = array(8, Mail)  # by core


def send_routine(target: u32, handler: Callable[[u64, u64, u64], None], a0: u64, a1: u64, a2: u64) -> None:
    box = mail[target]
    with box.lock:
        assert box.sent - box.taken < ROOM, "more messages than the stand-in has room for"
        message = box.messages[box.sent % ROOM]
        message.handler = handler
        message.a0 = a0
        message.a1 = a1
        message.a2 = a2
        box.sent += 1


@struct
class Kmsg:
    """What its sender has, and may send again once it runs."""

    routine: Callable[[u64, u64, u64], None] | None
    a0: u64


def post_routine(target: u32, message: Kmsg) -> None:
    handler = message.routine
    assert handler is not None
    send_routine(target, handler, message.a0, 0, 0)


def leave_routine(target: u32, message: Kmsg) -> None:
    post_routine(target, message)


def queue_routine(target: u32, handler: Callable[[u64, u64, u64], None], a0: u64, a1: u64, a2: u64) -> None:
    send_routine(target, handler, a0, a1, a2)


def interrupt(target: u32) -> None:
    """Each core looks by itself."""


def routine_pending() -> bool:
    return False


def run_routines(target: u32) -> None:
    """What core `target`, which calls this, does before it goes back to its process."""
    box = mail[target]
    while True:
        with box.lock:
            if box.sent == box.taken:
                return
            message = box.messages[box.taken % ROOM]
            handler = message.handler
            a0 = message.a0
            a1 = message.a1
            a2 = message.a2
            box.taken += 1
        if handler is not None:
            handler(a0, a1, a2)
