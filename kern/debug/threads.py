# SPDX-License-Identifier: GPL-2.0-or-later
"""The threads that sleep in the kernel: what each waits for, for whom, and in which functions.

    kthread of process 7, semaphore 0xffff800003a41c40, system call at 0x3f7ffff0a0
      kern.sync.semaphore.Semaphore.down  kern/sync/semaphore.py:52
      ...
They are looked at for a moment, and shown afterwards: one may have gone on since.
Locks: `all_lock`, while the threads are copied; nothing is printed under it.
"""

from lang import Array, Sink, Span, array, free, i32, new, struct, u64
from kern.debug.backtrace import callers_of, put_pc
from kern.proc.proc import Proc
from kern.sync.kthread import Kthread, KthreadFlag, all_kthreads, all_lock
from kern.sync.rcu import reading

FRAMES: u64 = 12                            # of a thread that are shown
NO_PID: i32 = 0


@struct
class SleepingThread:
    """A copy of what there is to say about one."""

    name: str
    pid: i32
    sysc: u64
    waits_for: str
    object: u64
    frames: Array[u64] = array(FRAMES)      # return addresses, 0 behind the last


def show_sleeping(out: Sink, of: Proc | None) -> None:
    """All threads that sleep, or those of one process. Raises ENOMEM."""
    room = all_kthreads.count + 16          # there may be more by the time we look
    threads = new(array(room, SleepingThread))
    try:
        for thread in threads[: copy_sleeping(threads, of)]:
            show_thread(out, thread)
    finally:
        free(threads)


def copy_sleeping(into: Span[SleepingThread], of: Proc | None) -> u64:
    count: u64 = 0
    # Under RCU, since a thread that goes on takes its reference to the process with it.
    with reading(), all_lock.irqs_off():
        kthread = all_kthreads.first()
        while kthread is not None and count < len(into):
            if KthreadFlag.BLOCKED in kthread.flags and (of is None or is_of(kthread, of)):
                copy_thread(into[count], kthread)
                count += 1
            kthread = all_kthreads.after(kthread)
    return count


def is_of(kthread: Kthread, p: Proc) -> bool:
    owner = kthread.proc
    return owner is not None and owner is p


def copy_thread(into: SleepingThread, kthread: Kthread) -> None:
    p = kthread.proc
    into.name = kthread.name
    into.pid = NO_PID if p is None else p.pid
    into.sysc = u64(kthread.sysc)
    into.waits_for = kthread.waits_for
    into.object = kthread.wait_object
    callers_of(kthread.context.frame_pointer, into.frames[0:FRAMES])


def show_thread(out: Sink, thread: SleepingThread) -> None:
    out.print(f"{thread.name} of ")
    if thread.pid == NO_PID:
        out.put("the kernel")
    else:
        out.print(f"process {thread.pid}")
    out.print(f", {thread.waits_for} {thread.object:#x}")
    if thread.sysc != 0:
        out.print(f", system call at {thread.sysc:#x}")
    out.put("\n")
    for pc in thread.frames:
        if pc != 0:
            put_pc(out, pc)
