# SPDX-License-Identifier: GPL-2.0-or-later
"""From dirty pages to files: on request (fsync), and by a kernel task when the last shared mapping of a file is gone.

What was written through mappings is in the dirty bits of page tables. To collect them every process is asked which of its regions map
the file: no list of mappings is kept for that, since syncs are rare and processes few. Before a page is written every core of the
process has flushed, or it would note no further write to it.
Locks: the file's `syncing`, a sleeping lock: nobody else writes a page between our taking its bit and the flush; then each process'
`vm.lock`, one after the other. `queue_lock` is a leaf, taken with interrupts off.
"""

from typing import Literal

from lang import Error, Uaddr, panic, u64
from arch import mmu
from kern.abi.proc import USER_TOP
from kern.boot.main import inits
from kern.debug import log
from kern.lib.list import IntrusiveList
from kern.mm.pagecache import PageCache
from kern.mm.pages import PAGE_SIZE
from kern.mm.regions import VmRegion, first_beyond
from kern.mm.shootdown import flush_space
from kern.proc.proc import Proc, next_proc, proc_put
from kern.sync.kthread import spawn_ktask
from kern.sync.semaphore import Semaphore
from kern.sync.spinlock import SpinLock

queue = IntrusiveList[PageCache, Literal["link"]]()
queue_lock = SpinLock()
work = Semaphore()


def sync_file(cache: PageCache) -> None:
    """Have the file hold what its pages do. May block. Raises what writing it raises."""
    with cache.syncing:
        if cache.mappings.load() > 0:
            p = next_proc(0)
            while p is not None:
                pid = p.pid
                collect_dirty(p, cache)
                proc_put(p)
                p = next_proc(pid)
        cache.write_back()


def collect_dirty(p: Proc, cache: PageCache) -> None:
    """Mark the pages of the file that `p` has written through its mappings."""
    dirty = False
    at: u64 = 0
    while at < USER_TOP:
        with p.vm.lock:
            region = next_mapping(p, at, cache)
            if region is None:
                break
            dirty = collect_region(p, region, cache) or dirty
            at = region.end
    if dirty:
        flush_space(p)


def next_mapping(p: Proc, at: u64, cache: PageCache) -> VmRegion | None:
    """The first shared mapping of the file that ends beyond `at`. Caller holds: vm.lock."""
    region = first_beyond(p.vm, at)
    while region is not None and not (region.shared and region.cache is cache):
        region = p.vm.regions.after(region)
    return region


def collect_region(p: Proc, region: VmRegion, cache: PageCache) -> bool:
    found = False
    address = mmu.next_page(p.space, region.base, region.end)
    while address < region.end:
        if mmu.take_dirty(p.space, Uaddr(address)):
            cache.mark_dirty((region.offset + (address - region.base)) // PAGE_SIZE)
            found = True
        address = mmu.next_page(p.space, address + PAGE_SIZE, region.end)
    return found


def request_writeback(cache: PageCache) -> None:
    """Have the file synced soon. The caller has a reference to it. Never blocks."""
    with queue_lock.irqs_off():
        if cache.link.linked:
            return
        cache.file.get()
        queue.push_back(cache)
    work.up()


def writeback_task(unused: u64) -> None:
    while True:
        try:
            work.down()
        except Error:
            continue                        # no memory for a stack to leave to: try again
        with queue_lock.irqs_off():
            cache = queue.pop_front()
        if cache is None:
            continue
        try:
            sync_file(cache)
        except Error as e:
            log.warn(f"a file that was mapped could not be written: {e.message}")
        cache.file.put()


@inits
def start_writeback() -> None:
    try:
        spawn_ktask("writeback", writeback_task, 0)
    except Error as e:
        panic(f"no writeback task: {e.message}")
