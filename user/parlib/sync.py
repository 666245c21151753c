# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sync objects of uthreads: they block the thread, never its vcore. One file each.

Each has a PdrLock, a leaf, under which its waiters are kept; a thread is put there by its yield callback, when it is saved, so that a waker
may run it at once. The 2LS decides who is woken first (parlib.uth_sync): the longest waiter, if it does not say. Waking works from any
context; blocking from uthreads with notifications enabled only. Waits that end at a deadline: parlib.timed_wait.
"""

from parlib.barrier import Barrier, Once    # noqa: F401
from parlib.condvar import CondVar          # noqa: F401
from parlib.mutex import Mutex, RecursiveMutex  # noqa: F401
from parlib.rwlock import RwLock            # noqa: F401
from parlib.semaphore import Semaphore      # noqa: F401
