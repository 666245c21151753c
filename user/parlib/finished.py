# SPDX-License-Identifier: LGPL-2.1-or-later
"""Finished calls: those that threads of this process wait for, and that were finished on a core of its own.

The kernel puts them on the list of the vcore that it runs on, linked through `ev_q`, instead of sending an event. Each is on one list,
once. Only the vcore itself takes its list, and wakes all threads on it, in the order in which their calls were finished: in vcore context,
or at the end of the system call that finished them, on the stack of the thread that made that. If it was preempted it is made to run
(parlib.preempt). No locks: what may come in between is an interruption, whose end may add to the list.
"""

from lang import RELAXED, Uaddr, addr_of, at, export, inline, noinline, u32, u64
from kern.abi.proc import VcorePreemptData
from kern.abi.syscall import Syscall
from parlib import sched
from parlib.current import me, my_uthread
from parlib.machine import syscall_return
from parlib.uthread import Uthread
from parlib.vcore import pin, proc_data, unpin

CALLS: u32 = 2                              # Pending.CALLS


def listen_for_finished_calls() -> None:
    data = proc_data()
    data.call_notified = Uaddr(addr_of(calls_finished))
    data.call_return = Uaddr(addr_of(syscall_return))


@export("calls_finished")
def calls_finished() -> None:
    """Where a thread's system call returns to, and then to its caller, when there is something on its vcore's list. By now the thread may
    be on another vcore, and the list may have been taken."""
    if me.mine.uthread == 0:
        return
    uthread = my_uthread()
    vcore = pin(uthread)
    if vcore.data.notif_pending.cas(CALLS, 0):
        wake_calls(vcore.data.finished.swap(0))
    unpin(uthread, vcore)                   # goes into vcore context if more is pending


@noinline
def turn_round(address: u64) -> u64:
    """Of a list of calls the newest comes first; now it is the last. The oldest."""
    first: u64 = 0
    while address != 0:
        call = at(Syscall, address)
        following = u64(call.ev_q)
        call.ev_q = Uaddr(first)
        first, address = address, following
    return first


def wake_finished(data: VcorePreemptData) -> u64:
    """Make the threads runnable whose calls are on the calling vcore's list; how many. Notifications are disabled."""
    if data.finished.load(order=RELAXED) == 0:
        return 0
    return wake_calls(data.finished.swap(0))


@inline
def wake_calls(first: u64) -> u64:
    """Those of a list that was taken."""
    if first != 0 and u64(at(Syscall, first).ev_q) != 0:
        first = turn_round(first)
    count: u64 = 0
    while first != 0:
        call = at(Syscall, first)
        first = u64(call.ev_q)              # before its thread can run, and the call is gone
        sched.current.runnable(at(Uthread, call.u_data))
        count += 1
    return count
