# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shouting, as a shared library that programs open as they run: `plugins` does."""

from lang import Errno, Error, Span, array, new, u8, u64
from parlib.current import current_vcoreid
from parlib.sync import Mutex

lock = Mutex()
shouts: u64 = 0
used_by = array(64, bool)                   # vcores


def shout(what: str) -> Span[u8]:
    """Capital letters, on the heap of the program, which frees them. Raises EINVAL for nothing."""
    global shouts
    if not what:
        raise Error(Errno.EINVAL, "there is nothing to shout")
    loud = new(array(len(what), u8))
    for i in range(len(what)):
        small = what[i] in range(ord("a"), ord("z") + 1)
        loud[i] = what[i] - 32 if small else what[i]
    with lock:                              # a thread that has to wait blocks in the program's scheduler
        shouts += 1
        used_by[current_vcoreid() % 64] = True
    return loud
