# SPDX-License-Identifier: LGPL-2.1-or-later
"""Threads over vcores: `from pthread import Thread, Mutex, …`."""

from parlib.sync import Barrier, CondVar, Mutex, Once, Semaphore
from pthread.keys import Key
from pthread.ready import yield_now
from pthread.thread import Thread, exit_thread, self_id
