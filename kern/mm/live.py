# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the kernel's memory is in use, exactly: for whoever wants to know whether something was left behind.

Caches, quarantines and pools keep what was freed, to be faster or to find bugs; so a count is exact only when all of them have been
emptied. `settle` does that, on every core; `count_live` then counts.
Locks: what those take; none is held over another.
"""

from typing import Callable

from lang import CHECKED, Array, addr_of, array, at, i64, struct, u64
from arch import mmu, smp
from kern.core.kmsg import pools, send_routine
from kern.mm.arena import own_pages
from kern.mm.heap import CLASSES, caches, empty_quarantine, large_bytes
from kern.mm.pages import free_pages_count, reclaim, total_pages
from kern.mm.slab import caches as all_caches
from kern.mm.slab import caches_lock, drain_this_core
from kern.mm.kmap import drop_free_stacks, vmap
from kern.sync.completion import Completion
from kern.sync.kthread import drop_pool, drop_spare, prepare_to_block
from kern.sync.rcu import rcu_barrier


@struct
class LiveView:
    objects: Array[u64] = array(CLASSES)    # of each class of the heap
    bytes: u64                              # of those, guards included
    large: u64                              # bytes in big blocks
    pages: u64                              # neither free, nor of caches, nor of what only grows (`count_live`)
    places: u64                             # bytes of the kernel map that are given out


def settle() -> None:
    """Nobody keeps what was freed. Interrupts are on, no spinlock is held. May block; raises ENOMEM."""
    rcu_barrier()
    on_all_cores(drop_spare_here)
    drop_pool()
    drop_free_stacks()
    on_all_cores(drain_here)
    reclaim()


def on_all_cores(message: Callable[[u64, u64, u64], None]) -> None:
    """Send it to every core with the address of a Completion, and sleep until all have reported."""
    done = Completion()
    prepare_to_block()                      # raises here, not in the wait: by then other cores have `done`
    done.expect(i64(smp.core_count()))
    for id in range(smp.core_count()):
        send_routine(id, message, addr_of(done), 0, 0)
    done.wait()


def drop_spare_here(done: u64, unused1: u64, unused2: u64) -> None:
    drop_spare()
    at(Completion, done).done()


def drain_here(done: u64, unused1: u64, unused2: u64) -> None:
    """Giving blocks back may take memory, so that no handler of interrupts does it."""
    if CHECKED:
        empty_quarantine()
    drain_this_core()
    at(Completion, done).done()


def count_live(into: LiveView) -> None:
    """What is in use just now."""
    into.bytes = 0
    for index in range(CLASSES):
        with caches[index].lock.irqs_off():
            into.objects[index] = caches[index].in_use
            into.bytes += caches[index].in_use * caches[index].stride
    into.large = large_bytes.load()
    into.places = vmap.segments.used
    slab_pages: u64 = 0
    with caches_lock.irqs_off():
        cache = all_caches.first()
        while cache is not None:
            slab_pages += cache.pages
            cache = all_caches.after(cache)
    # What follows is never given back: each grows to what there was at once.
    message_pages = sum(pools[id].pages for id in range(smp.core_count()))
    into.pages = total_pages - free_pages_count() - slab_pages - message_pages - own_pages.load() - mmu.kernel_table_pages()
