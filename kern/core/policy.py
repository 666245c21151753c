# SPDX-License-Identifier: GPL-2.0-or-later
"""Which core a process gets: the policies of allocation. Boot option `cores_policy=first|packed` chooses one.

`first`: the core that has been idle longest. `packed`: a process begins where least goes on, and then gets cores as near as possible to
those that it has. Under both, cores that are guaranteed to the process come before others, whoever uses them.
A policy only chooses, and orders the idle cores; kern/core/alloc.py keeps the books. Called with `alloc.lock` held.
"""

from abc import ABC, abstractmethod
from typing import Callable

from lang import Ref, Registry, array, u32
from kern.abi.proc import MAX_CORES
from kern.boot.cmdline import option_or
from kern.core.alloc import CoreSlot, idle, slots
from kern.core.topology import distance, places
from kern.debug import log
from kern.proc.proc import Proc


class Policy(ABC):
    name: str = ""

    @abstractmethod
    def find_best(self, p: Proc) -> CoreSlot | None:
        """The core that `p` should get next, among its own unused ones and the idle ones; None if there is none."""

    @abstractmethod
    def freed(self, slot: CoreSlot) -> None:
        """Nobody uses the core any more: put it into the list of idle ones."""


policies = Registry[Policy]()


@policies
class FirstCome(Policy):
    name: str = "first"

    def find_best(self, p: Proc) -> CoreSlot | None:
        own = p.prov.unused.first()
        return own if own is not None else idle.first()

    def freed(self, slot: CoreSlot) -> None:
        idle.push_back(slot)


@policies
class Packed(Policy):
    name: str = "packed"

    def find_best(self, p: Proc) -> CoreSlot | None:
        if p.prov.unused.is_empty():
            return nearest(p, idle.first(), idle_after) if has_cores(p) else most_lonely()
        return nearest(p, p.prov.unused.first(), lambda slot: p.prov.unused.after(slot))

    def freed(self, slot: CoreSlot) -> None:
        idle.push_front(slot)


def idle_after(slot: CoreSlot) -> CoreSlot | None:
    return idle.after(slot)


def has_cores(p: Proc) -> bool:
    return any(slots[id].alloc is p for id in range(MAX_CORES))


def nearest(p: Proc, first: CoreSlot | None, after: Callable[[CoreSlot], CoreSlot | None]) -> CoreSlot | None:
    """Of the cores in a list, the one with the least sum of distances to those that `p` has."""
    best = first
    least: u32 = 0xFFFF_FFFF
    slot = first
    while slot is not None:
        sum = distance_to_cores(p, slot.id)
        if sum < least:
            least = sum
            best = slot
        slot = after(slot)
    return best


def distance_to_cores(p: Proc, id: u32) -> u32:
    total: u32 = 0
    for other in range(MAX_CORES):
        if slots[other].alloc is p:
            total += distance(id, other)
    return total


def most_lonely() -> CoreSlot | None:
    """An idle core in the node with the fewest cores in use, there in such a socket, and there in such a processor."""
    nodes = array(MAX_CORES, u32)
    sockets = array(MAX_CORES, u32)
    processors = array(MAX_CORES, u32)
    for id in range(MAX_CORES):
        if slots[id].known and not slots[id].idle_link.linked:
            place = places[id]
            nodes[place.node] += 1
            sockets[place.socket] += 1
            processors[place.processor] += 1
    best = idle.first()
    slot = best
    while slot is not None and best is not None:
        mine = places[slot.id]
        theirs = places[best.id]
        one = (nodes[mine.node], sockets[mine.socket], processors[mine.processor])
        if one < (nodes[theirs.node], sockets[theirs.socket], processors[theirs.processor]):
            best = slot
        slot = idle.after(slot)
    return best


chosen: Ref[Policy] | None = None


def policy() -> Policy:
    """The policy in force. The first call chooses it."""
    global chosen
    if chosen is not None:
        return chosen
    wanted = option_or("cores_policy", "first")
    found: Ref[Policy] = policies[0]
    known = False
    for one in policies:
        if one.name == wanted:
            found = one
            known = True
    if not known:
        log.warn(f"there is no policy for cores called {wanted}; {found.name} is used")
    chosen = found
    return found
