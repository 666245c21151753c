# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a message waits until its core says that it is on its way out of the kernel (`run_posted`)."""

from typing import Callable

from lang import PerCore, Ref, struct, u32, u64
from compiler.runtime.hosted import host_thread


@struct
class Kmsg:
    routine: Callable[[u64, u64, u64], None] | None
    a0: u64


@struct
class Box:
    message: Ref[Kmsg] | None


boxes = PerCore[Box]()


def post_routine(target: u32, message: Kmsg) -> None:
    assert target == u32(host_thread()) and boxes.mine.message is None, "more than the stand-in has room for"
    boxes.mine.message = message


def run_posted() -> None:
    message = boxes.mine.message
    if message is None:
        return
    boxes.mine.message = None
    routine = message.routine
    if routine is not None:
        routine(message.a0, 0, 0)


def routine_pending() -> bool:
    return False
