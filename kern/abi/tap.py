# SPDX-License-Identifier: GPL-2.0-or-later
"""Taps: a process has itself told, by an event, when something happens to a file that it has open (sys_tap_fds)."""

from enum import IntEnum, IntFlag

from lang import Uaddr, i32, struct, u32, u64


class TapFilter(u32, IntFlag):
    """What may happen. `Stat.ready` says in the same bits what holds now."""

    READABLE = 1                            # a read would not wait: there are bytes, or the end
    WRITABLE = 2                            # a write would not wait: there is room, or nobody reads any more
    WRITTEN = 4
    DELETED = 8
    ERROR = 16                              # a write would fail
    RENAME = 32
    TRUNCATE = 64
    ATTRIB = 128
    PRIORITY = 256
    HANGUP = 512                            # the other end is gone
    RDHUP = 1024


class TapCommand(u32, IntEnum):
    ADD = 1
    REMOVE = 2
    MODIFY = 3                              # not supported: REMOVE, then ADD


@struct(size=32)
class TapRequest:
    """Each time one of `filter` happens to `fd`, an event goes to `queue`: ev_type = `ev_id`, arg2 = what happened, arg3 = `data`."""

    fd: i32
    command: u32                            # TapCommand
    filter: u32                             # TapFilter
    ev_id: u32                              # below 65536: an EventMsg has 16 bits for it
    queue: Uaddr                            # of an EventQueue. REMOVE: only a tap into this queue is meant
    data: u64
