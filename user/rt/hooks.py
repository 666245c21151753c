# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the language calls when something goes wrong, and where a thread keeps its error.

A panic or failed check prints what happened, on which vcore, and the call chain with the functions' names, and ends the process. Works in
vcore context too, without names there.
"""

from typing import NoReturn

from lang import CheckSite, ErrorSlot, FailedCheck, Format, Ptr
from lang import at, export, frame_address, hook, i32, i64, return_address, text, u32, u64
from arch.abi import FRAME_RECORD
from parlib.current import current_vcoreid, in_vcore_context, me
from rt.exit import exit_now
from rt.io import STDERR, flush_stdout, print_to
from rt.symbols import write_symbol

PANIC_STATUS: i32 = 134
MAX_FRAMES = 24
LONGEST_MESSAGE = 500
LOWEST_STACK: u64 = 0x10000

panicking: u32 = 0


@hook
def error_slot() -> ErrorSlot:
    return at(ErrorSlot, me.mine.error)


@hook
def panic_with(message: Format) -> NoReturn:
    line = text(LONGEST_MESSAGE)
    line.append("panic: ")
    line.write(message)
    end_with_trace(line.view, frame_address())


@hook
def check_failed(site: CheckSite, a: u64, b: u64) -> NoReturn:
    message = text(LONGEST_MESSAGE)
    message.write(f"{FailedCheck(site=site, a=a, b=b)}")
    end_with_trace(message.view, frame_address())


@hook
@export("__stack_chk_fail")
def frame_overrun() -> NoReturn:
    """A function of a checked build found its canary changed as it was about to return: something wrote past an object in its frame."""
    message = text(LONGEST_MESSAGE)
    message.write(f"stack frame overrun, found at {return_address():#x}")
    end_with_trace(message.view, frame_address())


def end_with_trace(message: str, frame: u64) -> NoReturn:
    global panicking
    if panicking == 0:
        panicking = 1
        if not in_vcore_context():
            flush_stdout()
        where = " in vcore context" if in_vcore_context() else ""
        print_to(STDERR, f"{message} (vcore {current_vcoreid()}{where})\n")
        print_frames(frame)
    exit_now(PANIC_STATUS)


def print_frames(frame: u64) -> None:
    """Return addresses along the chain of frame pointers: the architecture says where in a frame they are."""
    at = frame
    for depth in range(MAX_FRAMES):
        if at < LOWEST_STACK or at % 8 != 0:
            return
        words = Ptr[u64](at - FRAME_RECORD)
        if words[1] == 0:
            return
        print_frame(depth, words[1])
        if words[0] <= at:
            return                          # a chain that does not climb is broken, or on another stack
        at = words[0]


def print_frame(depth: i64, address: u64) -> None:
    """With the function's name, where the program's file may be read: vcore context cannot wait for it."""
    line = text(160)
    if not in_vcore_context():
        write_symbol(address - 1, line)
    print_to(STDERR, f"  #{depth:<2} {address:#x}{line}\n")
