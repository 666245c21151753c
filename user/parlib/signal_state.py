# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is known of signals: each thread's mask and pending set, the process' pending set, and the actions.

A set of signals is a word, signal n is bit n - 1.
Lock: `lock`, a PdrLock and a leaf, for all of it but a thread's own mask and frame, which are that thread's.
"""

from enum import IntEnum, IntFlag
from typing import Callable

from lang import Array, Atomic, Raises, array, i32, struct, u32, u64
from kern.abi.signal import Signal
from parlib.pdr import PdrLock
from parlib.uth_sync import UthSync

NR_SIGNALS: u64 = 65                        # numbers 1 to 64


class Disposition(u32, IntEnum):
    DEFAULT = 0                             # end the process, or nothing, as the signal's default is
    IGNORE = 1
    HANDLE = 2


class ActionFlag(u32, IntFlag):
    RESTART = 1                             # a blocked call goes on after the handler
    ON_STACK = 2                            # the handler runs on the thread's alternate stack, if it has one
    RESET = 4                               # back to the default when the handler is called
    NODEFER = 8                             # the signal itself is not blocked while the handler runs


class SignalCode(i32, IntEnum):
    USER = 0                                # sent by kill, from a process or thread
    FAULT = 1                               # by what the thread did: `address` tells where
    QUEUE = 2                               # sent with a value


@struct
class SignalInfo:
    signal: u32
    code: SignalCode
    pid: i32                                # the sender, 0 if not known
    value: u64
    address: u64


@struct
class Action:
    """`mask`: blocked while the handler runs, besides the signal itself."""

    handler: Callable[[u32, SignalInfo], Raises[None]]
    disposition: Disposition
    flags: ActionFlag
    mask: u64


@struct
class SignalState:
    """A thread's own."""

    mask: u64
    pending: u64                            # sent to this thread
    frame: u64                              # address of the innermost SignalFrame, 0: it runs no handler
    alternate_base: u64                     # the alternate stack; `alternate_size` 0: none
    alternate_size: u64
    handled: u64                            # handlers run so far
    info: SignalInfo                        # of the last signal sent to this thread


def begin_signals(state: SignalState, parent: SignalState) -> None:
    """Of a new thread."""
    state.mask = parent.mask
    state.pending = 0
    state.frame = 0
    state.alternate_size = 0
    state.handled = 0


@struct
class SignalTable:
    lock: PdrLock
    pending: Atomic[u64]                    # sent to the process, and not taken by a thread yet
    waiters: UthSync                        # threads that wait for any signal to come
    actions: Array[Action] = array(65)
    infos: Array[SignalInfo] = array(65)    # of signals sent to the process


def no_handler(signal: u32, info: SignalInfo) -> None:
    """For actions without one."""


table = SignalTable()


def bit(signal: u32) -> u64:
    """The set that holds just this signal."""
    return u64(1) << u64(signal - 1)


IGNORED_BY_DEFAULT: u64 = (
    bit(Signal.CHLD)
    | bit(Signal.URG)
    | bit(Signal.WINCH)
    | bit(Signal.CONT)
    | bit(Signal.STOP)
    | (bit(Signal.TSTP) | bit(Signal.TTIN) | bit(Signal.TTOU))
)


def is_ignored(signal: u32) -> bool:
    disposition = table.actions[signal].disposition
    if disposition == Disposition.DEFAULT:
        return IGNORED_BY_DEFAULT & bit(signal) != 0
    return disposition == Disposition.IGNORE
