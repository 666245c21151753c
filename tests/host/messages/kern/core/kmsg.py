# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: messages between cores are only counted; who tests decides when one has been acted upon."""

from typing import Callable

from lang import Ref, struct, u32, u64
from kern.lib.queue import Queue
from kern.sync.spinlock import SpinLock

sent: u64 = 0


@struct
class Kmsg:
    next: Ref["Kmsg"] | None
    routine: Callable[[u64, u64, u64], None] | None
    immediate: Callable[[u64, u64, u64], None] | None
    a0: u64
    a1: u64
    a2: u64


@struct
class KmsgQueue:
    lock: SpinLock
    messages: Queue[Kmsg]
    taken: u64


def send_routine(target: u32, handler: Callable[[u64, u64, u64], None], a0: u64, a1: u64, a2: u64) -> None:
    global sent
    sent += 1


def queue_routine(target: u32, handler: Callable[[u64, u64, u64], None], a0: u64, a1: u64, a2: u64) -> None:
    global sent
    sent += 1


def interrupt(target: u32) -> None:
    pass


def send_immediate(target: u32, handler: Callable[[u64, u64, u64], None], a0: u64, a1: u64, a2: u64) -> None:
    global sent
    sent += 1


def post_routine(target: u32, message: Kmsg) -> None:
    global sent
    sent += 1


def leave_routine(target: u32, message: Kmsg) -> None:
    global sent
    sent += 1


def handle_ipi() -> None:
    pass


def routine_pending() -> bool:
    return False


def run_one_routine() -> bool:
    return False
