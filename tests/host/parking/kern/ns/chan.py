# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a channel is the reading end of a pipe."""

from lang import Ref, struct, u64
from kern.ns.byte_queue import ByteQueue
from kern.ns.transfer import Transfer
from kern.sync.kref import Kref


@struct
class Chan:
    refs: Kref
    queue: Ref[ByteQueue]


def chan_get(chan: Chan) -> None:
    chan.refs.get()


def chan_put(chan: Chan) -> None:
    if chan.refs.put():
        chan.queue.end_closed(False)


def read_chan(chan: Chan, io: Transfer) -> u64:
    return chan.queue.read(io, True)
