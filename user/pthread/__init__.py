# SPDX-License-Identifier: LGPL-2.1-or-later
"""Threads over vcores: `from pthread import Thread, Mutex, …`. What POSIX calls pthread_…, in this language:

| POSIX | here |
|---|---|
| pthread_create, _join, _detach, _equal | `Thread`: `start`, `join`, `detach`, `==` |
| pthread_kill, _sigqueue, _cancel | `Thread`: `kill`, `sigqueue`, `cancel` |
| pthread_exit, _self, _yield | `exit_thread`, `self_id`, `yield_now` |
| pthread_attr_… | `Attr`: stack, guard, detached |
| pthread_setcancelstate, _setcanceltype | `set_cancel_enabled`, `set_cancel_type` |
| pthread_testcancel | `test_cancel`, which raises `Cancelled` |
| pthread_cleanup_push, _pop | `cleanup_push`, `cleanup_pop`; or `with` and `finally` |
| pthread_mutex_…, three kinds | `Mutex`, `RecursiveMutex`, `ErrorCheckMutex`: `lock`, `try_lock`, `lock_until`, `unlock` |
| pthread_cond_…, _condattr_setclock | `CondVar`: `wait`, `wait_until`, `signal`, `broadcast`, `clock` |
| … with the other kinds of mutex | `wait_checked`, `wait_recursive`, `wait_checked_until`, `wait_recursive_until` |
| pthread_rwlock_…, _barrier_…, _spin_…, _once | `RwLock`, `Barrier`, `SpinLock`, `Once` |
| pthread_key_…, _getspecific, _setspecific | `Key`: `create`, `delete`, `get`, `set` |
| pthread_sigmask, sigwait, … | parlib.signal |
| sem_… | `Sem` |
| futex | `futex_wait`, `futex_wake` |

Errors are raised, deadlines that passed are False. All zero is the initial state of every object.
"""

from parlib.cancel import CANCELED, Cancelled, CancelType, cleanup_pop, cleanup_push, set_cancel_enabled, set_cancel_type, test_cancel
from parlib.dtls import Key, forget
from parlib.pdr import PdrLock as SpinLock
from parlib.sync import Barrier, Mutex, Once, RecursiveMutex, RwLock, Semaphore
from pthread.attr import Attr
from pthread.clock import Clock
from pthread.condvar import CondVar
from pthread.futex import futex_wait, futex_wake
from pthread.mutex import ErrorCheckMutex
from pthread.ready import yield_now
from pthread.semaphore import Sem, sem_open
from pthread.thread import Thread, exit_thread, self_id
