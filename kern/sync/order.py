# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of the kernel's locks: whoever holds one may only take those that come after it. The compiler proves it.

A name is the class and field that hold the lock, whichever object's, or the module and name of a global one. A lock that is never
taken together with another need not be here.
"""

from lang import lock_order

ORDER = lock_order(
    # Sleeping locks: held across whole operations of a file, or of a process' memory.
    "Chan.lock",
    "cons.output",
    "Proc.cwd_lock",
    "tmpfs.tree",
    "Proc.ucq_lock",
    "PageCache.syncing",
    # Whole subsystems.
    "FdTable.lock",
    "alloc.lock",
    "Proc.lock",
    "VmSpace.lock",
    "PageCache.lock",
    # Waiting and waking. What wakes a thread sends a message.
    "Bucket.lock",
    "ParkedCalls.lock",
    "CondVar.lock",
    "Semaphore.lock",
    "QLock.lock",
    "TimerChain.lock",
    "KmsgQueue.lock",
    # Memory.
    "kmap.lock",
    "slab.caches_lock",
    "Depot.lock",
    "ResourceCache.lock",
    "SlabCache.lock",
    "Trace.lock",
    "Arena.lock",
    "page_stock.lock",
    # Leaves, and what may be said with any of these held.
    "inject.lock",
    "proc.table_lock",
    "kthread.all_lock",
    "log.lock",
    "serial.lock",
)
