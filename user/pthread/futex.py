# SPDX-License-Identifier: LGPL-2.1-or-later
"""Futexes in user land: sleep as long as a word has a value, until somebody who has changed it says so.

Waiters hang in buckets by the word's address. A waiter looks at the word under its bucket's lock, which a waker takes after it has changed
the word: so the wake-up cannot fall in between.
Locks: a bucket's, a leaf.
"""

from typing import Literal

from lang import Atomic, Ref, addr_of, array, struct, u32, u64
from kern.lib.list import IntrusiveList, ListLink
from parlib import sched
from parlib.current import my_uthread
from parlib.pdr import PdrLock
from parlib.timed_wait import TimedWait, end_wait, set_alarm
from parlib.uth_sync import UthSync
from parlib.vcore import pin

BUCKETS: u64 = 64


@struct
class FutexWait:
    """On the waiter's stack. It is in its bucket's list as long as `woken` is false, and it has not given up."""

    word: Ref[Atomic[u32]]
    key: u64                                # its address
    expected: u32
    wait: TimedWait
    waiter: UthSync                         # the thread, alone
    link: ListLink["FutexWait"]


@struct(align=64)
class Bucket:
    lock: PdrLock
    requests: IntrusiveList[FutexWait, Literal["link"]]  # who came first is woken first


buckets = array(BUCKETS, Bucket)


def bucket_of(word: Atomic[u32]) -> Bucket:
    return buckets[(addr_of(word) >> 2) * 0x9E37_79B9_7F4A_7C15 >> 58]


def futex_wait(word: Atomic[u32], expected: u32, deadline_ns: u64 | None = None) -> bool:
    """Sleep if the word has that value. True if somebody woke the caller, or the word has another; False at the deadline (`now_ns`)."""
    bucket = bucket_of(word)
    request = FutexWait(word=word, key=addr_of(word), expected=expected, wait=TimedWait(bucket.lock, no_queue, my_uthread()))
    request.wait.queue = request.waiter
    if deadline_ns is not None:
        set_alarm(request.wait, deadline_ns)
    uthread = my_uthread()
    vcore = pin(uthread)
    bucket.lock.lock_to_park(vcore)
    changed = word.load() != expected
    if not changed and not request.wait.expired:
        bucket.requests.push_back(request)
    request.wait.sleep(vcore, changed)
    woken = not request.wait.expired
    if deadline_ns is not None:
        woken = end_wait(request.wait)
    with bucket.lock:
        if bucket.requests.contains(request):
            bucket.requests.remove(request)  # time was up
    return woken


def futex_wake(word: Atomic[u32], count: u64) -> u64:
    """Wake up to `count` of those who sleep on the word; how many."""
    bucket = bucket_of(word)
    key = addr_of(word)
    woken = UthSync()
    number: u64 = 0
    with bucket.lock:
        request = bucket.requests.first()
        while request is not None and number < count:
            following = bucket.requests.after(request)
            if request.key == key:
                bucket.requests.remove(request)
                uthread = request.waiter.get_next()
                if uthread is not None:     # else its time is up, and it is about to find out
                    woken.enqueue(uthread)
                    number += 1
            request = following
    sched.current.bulk_runnable(woken)
    return number


no_queue = UthSync()
