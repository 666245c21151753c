# SPDX-License-Identifier: GPL-2.0-or-later
"""Taps on files: whom to tell when something happens to one (kern/abi/tap.py).

A device that supports them keeps a TapList with what the taps are about, and fires into it at each change, with no spinlock held: sending
an event touches user memory. It says only what changes; who adds a tap looks afterwards at what holds already.
A tap is referenced by its slot in the descriptor table (kern/ns/fd.py), and by who adds or fires it. It stays in the list as long as
anybody refers to it, so who fires goes on from where it stood; the last reference takes it out. One on its way comes after the removal.
It keeps the file's node, not its channel: a channel is closed with its last descriptor, whoever is still being told of it.
Locks: `TapList.lock`, a leaf.
"""

from typing import Literal

from lang import Ref, Uaddr, free, struct, u16, u32, u64, wrap
from kern.abi.event import EventMsg
from kern.abi.tap import TapFilter
from kern.event.send import send_event
from kern.lib.list import IntrusiveList, ListLink
from kern.ns.node import Node
from kern.proc.proc import Proc, proc_put
from kern.sync.kref import Kref
from kern.sync.spinlock import SpinLock


@struct
class Tap:
    refs: Kref
    proc: Ref[Proc]                         # counted
    node: Ref[Node]                         # counted
    list: Ref["TapList"]                    # the node's
    filter: TapFilter
    ev_id: u32
    queue: Uaddr
    data: u64
    link: ListLink["Tap"]


@struct
class TapList:
    lock: SpinLock
    taps: IntrusiveList[Tap, Literal["link"]]

    def add(self, tap: Tap) -> None:
        with self.lock:
            self.taps.push_back(tap)

    def is_empty(self) -> bool:
        """Without the lock: for who would fire, and holds the lock under which one looks at the file after adding a tap."""
        return self.taps.is_empty()

    def fire(self, what: TapFilter) -> None:
        """Tell of it. May block: no spinlock is held."""
        tap = self.next_live(None)
        while tap is not None:
            bits = tap.filter & what
            if bits != TapFilter(0):
                send_event(tap.proc, tap.queue, EventMsg(ev_type=wrap(u16, tap.ev_id), arg2=u32(bits), arg3=tap.data), 0)
            following = self.next_live(tap)
            tap_put(tap)
            tap = following

    def next_live(self, before: Tap | None) -> Tap | None:
        """The first tap, or the next behind one that the caller refers to, with a reference. One that is just going away is passed over."""
        with self.lock:
            tap = self.taps.first() if before is None else self.taps.after(before)
            while tap is not None and not tap.refs.get_not_zero():
                tap = self.taps.after(tap)
            return tap


def tap_put(tap: Tap) -> None:
    """Give a reference back; the last one takes the tap off its file. May block."""
    if not tap.refs.put():
        return
    with tap.list.lock:
        if tap.link.linked:
            tap.list.taps.remove(tap)
    tap.node.put()
    proc_put(tap.proc)
    free(tap)
