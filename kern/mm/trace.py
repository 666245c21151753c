# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces: who allocates from a cache. While a cache is traced, each of its objects is remembered with the calls that led to its
allocation; equal ones are one site, which counts its allocations and those still in use.

Tables are of fixed size, so that noting takes no memory; what does not fit is counted.
Locks: `lock`, with interrupts off, a leaf.
"""

from lang import Array, Ref, Span, array, frame_address, struct, u32, u64
from kern.debug.backtrace import callers_of
from kern.sync.spinlock import SpinLock

SITES: u64 = 256
OBJECTS: u64 = 4096                         # slots, a power of two, of which most are used at once: half
DEPTH: u64 = 8
GONE: u64 = 1                               # a slot whose object was freed: a search goes on behind it


@struct
class Site:
    pcs: Array[u64] = array(DEPTH)          # return addresses, the innermost first; 0 past the last
    allocs: u64
    live: u64


@struct
class Slot:
    object: u64                             # 0: never used
    site: u32


@struct
class Trace:
    lock: SpinLock
    sites: Array[Site] = array(SITES)
    site_count: u64
    slots: Array[Slot] = array(OBJECTS)
    used: u64                               # slots that are not as they were at first
    lost: u64                               # allocations that did not fit
    earlier: u64                            # frees of what was allocated before the trace, or did not fit

    def reset(self) -> None:
        """Forget everything."""
        with self.lock.irqs_off():
            for slot in self.slots:
                slot.object = 0
            for site in self.sites:
                site.allocs = 0
                site.live = 0
            self.site_count = 0
            self.used = 0
            self.lost = 0
            self.earlier = 0

    def note_alloc(self, object: u64) -> None:
        pcs = array(DEPTH, u64)
        callers_of(frame_address(), pcs[:DEPTH])
        with self.lock.irqs_off():
            site = self.find_site(pcs[:DEPTH])
            slot = self.find_slot(object, True)
            if site == SITES or slot is None:
                self.lost += 1
                return
            slot.object = object
            slot.site = u32(site)
            self.sites[site].allocs += 1
            self.sites[site].live += 1

    def note_free(self, object: u64) -> None:
        with self.lock.irqs_off():
            slot = self.find_slot(object, False)
            if slot is None:
                self.earlier += 1
                return
            slot.object = GONE
            self.sites[u64(slot.site)].live -= 1

    def find_site(self, pcs: Span[u64]) -> u64:
        """The number of a site, a new one if need be; SITES if there is no room. Caller holds: lock."""
        for i in range(self.site_count):
            if self.sites[i].pcs[:DEPTH] == pcs:
                return i
        if self.site_count == SITES:
            return SITES
        site = self.sites[self.site_count]
        for i in range(DEPTH):
            site.pcs[i] = pcs[i]
        self.site_count += 1
        return self.site_count - 1

    def find_slot(self, object: u64, make: bool) -> "Slot | None":
        """An object's slot, or a free one. Caller holds: lock."""
        at = (object >> 3) * 0x9E37_79B9_7F4A_7C15 >> 32
        reuse: Ref[Slot] | None = None
        for _ in range(OBJECTS):
            slot = self.slots[at % OBJECTS]
            if slot.object == object:
                return slot
            if slot.object == GONE and reuse is None:
                reuse = slot
            if slot.object == 0:
                if not make or reuse is not None:
                    return reuse if make else None
                if self.used >= OBJECTS // 2:
                    return None
                self.used += 1
                return slot
            at += 1
        return reuse if make else None
