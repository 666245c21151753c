# SPDX-License-Identifier: GPL-2.0-or-later
"""Parked calls: system calls that wait without a kernel thread.

A call that has nothing to do but wait is noted (ParkedCall) in the queue of what it waits for, and its thread is free at once. Whoever
takes it out of there, under the queue's lock, has to see to it, once. Who brings what it waits for answers it, in the address space of its
process; or, if that process' memory is not there at the moment, has a thread make the call anew, which may wait, and tells what is wrong.
An abort has it fail with EINTR. What a process has parked is found in a list of all notes that it ever needed, which are used again
and go with it.
Locks: `ParkedCalls.lock`, for who uses the notes; then the queue's, for who is in it, and `aborted`.
"""

from typing import Callable

from lang import Error, Ref, Span, Uaddr, addr_of, at, cold, free, i32, i64, inline, new, noinline, struct, u32, u64, wrap
from arch import cpu
from kern.abi.errno import Errno
from kern.abi.syscall import SyscallFlag
from kern.core.current import enter_address_space, switch_back, switch_to
from kern.core.kmsg import Kmsg, post_routine
from kern.core.percore import core
from kern.lib.list import ListLink
from kern.mm.umem import has_flag
from kern.ns.byte_queue import ByteQueue
from kern.ns.chan import Chan, chan_put, read_chan
from kern.ns.transfer import Transfer
from kern.proc.proc import Proc, proc_get, proc_put
from kern.sync.kthread import BlockedCall, current_kthread
from kern.sync.spinlock import SpinLock
from kern.syscall.dispatch import caller, fail_current_call, finish_at, finish_current_call, finish_failed

SYS_READ: u32 = 100


@struct
class ParkedCall:
    """A read that waits."""

    link: ListLink["ParkedCall"]            # in the queue
    next_free: Ref["ParkedCall"] | None     # also of those that are given up together
    next_of_all: Ref["ParkedCall"] | None
    sysc: Uaddr                             # the user's Syscall; 0: this note is free, and nothing else in it counts
    proc: Ref[Proc]                         # whose it is; counted by who has it in hand, in no queue, in another address space
    chan: Ref[Chan]                         # counted
    queue: Ref[ByteQueue]                   # the channel's
    fd: i32
    io: Transfer
    aborted: bool
    message: Kmsg                           # so that making it anew needs no memory

    @inline
    def answer(self) -> None:
        """It is over, with what it was given. The address space is loaded."""
        finish_at(self.sysc, wrap(u64, self.io.done))
        forget_call(self)

    def fail(self) -> None:
        """It was told to give up."""
        old = switch_to(self.proc)
        finish_failed(self.proc, self.sysc, Errno.EINTR, "the call was aborted")
        switch_back(old)
        forget_call(self)

    def make_anew(self) -> None:
        """Have a thread of its own make the call once more. The address space is loaded."""
        proc_get(self.proc)
        self.message.routine = make_call_anew
        self.message.a0 = addr_of(self)
        post_routine(core.mine.core_id, self.message)


@struct
class ParkedCalls:
    """Those of a process."""

    lock: SpinLock
    free: Ref[ParkedCall] | None
    all: Ref[ParkedCall] | None


@inline
def note_call(io: Transfer, queue: ByteQueue) -> ParkedCall | None:
    """Note the current system call, a read into `io`, to be put into the queue unless it is `aborted`, or `must_give_up`. Aborts find it
    from now on. The caller's reference to the channel is the note's. None if it cannot be parked, or there is no memory."""
    chan = io.chan
    if chan is None:
        return None
    p = caller()
    calls = p.parked
    if calls.free is None:
        add_note(p, chan, queue)            # others may take it: then there is none
    kthread = current_kthread()
    with calls.lock:
        call = calls.free
        if call is None:
            return None
        calls.free = call.next_free
        call.chan = chan
        call.queue = queue
        call.fd = kthread.fd
        call.io.base = io.base
        call.io.length = io.length
        call.io.done = 0
        call.aborted = False
        call.sysc = kthread.sysc
    return call


@inline
def must_give_up(call: ParkedCall) -> bool:
    """Whether the current call, which was just noted, was told so before."""
    return call.proc.gives_calls_up.load() or has_flag(call.sysc, SyscallFlag.ABORT)


@cold
@noinline
def add_note(p: Proc, chan: Chan, queue: ByteQueue) -> None:
    calls = p.parked
    try:
        call = new(ParkedCall, proc=p, chan=chan, queue=queue)
    except Error:
        return
    with calls.lock:
        call.next_of_all = calls.all
        calls.all = call
        call.next_free = calls.free
        calls.free = call


@inline
def leave_call_parked() -> None:
    """The current system call is a note's now, and the thread free."""
    kthread = current_kthread()
    kthread.sysc = Uaddr(0)
    kthread.was_parked = True


@inline
def give_note_back(call: ParkedCall) -> None:
    """The note is not needed any more, but its reference to the channel."""
    calls = call.proc.parked
    with calls.lock:
        call.sysc = Uaddr(0)
        call.next_free = calls.free
        calls.free = call


@inline
def forget_call(call: ParkedCall) -> None:
    """Neither is needed. May close the file."""
    chan = call.chan
    give_note_back(call)
    chan_put(chan)


def free_notes(p: Proc) -> None:
    """Nobody knows the process any more: none of them is in use."""
    call = p.parked.all
    while call is not None:
        following = call.next_of_all
        free(call)
        call = following


def make_call_anew(address: u64, unused1: u64, unused2: u64) -> None:
    """Routine message: this thread makes a parked call, whose note it is given, from the beginning."""
    call = at(ParkedCall, address)
    p = call.proc
    kthread = current_kthread()
    kthread.sysc = call.sysc
    kthread.fd = call.fd
    describe(call, kthread.call.args[:])
    kthread.call.num = SYS_READ
    enter_address_space(p)
    cpu.irqs_on()
    io = Transfer(base=call.io.base, length=call.io.length)
    try:
        if p.gives_calls_up.load():
            raise Error(Errno.EINTR, "its process has ended")
        count = read_chan(call.chan, io)
    except Error:
        fail_current_call()
    else:
        finish_current_call(wrap(i64, count))
    forget_call(call)
    proc_put(p)
    cpu.irqs_off()


def describe(call: ParkedCall, args: Span[u64]) -> None:
    """What was asked for."""
    args[0] = u64(call.fd)
    args[1] = call.io.base
    args[2] = call.io.length


def copy_parked(p: Proc, index: u64, into: BlockedCall) -> bool:
    """The index'th parked call of a process; False past the last."""
    with p.parked.lock:
        call = p.parked.all
        while call is not None:
            if u64(call.sysc) != 0:
                if index == 0:
                    into.sysc = call.sysc
                    into.words.num = SYS_READ
                    describe(call, into.words.args[:])
                    return True
                index -= 1
            call = call.next_of_all
    return False


def abort_parked(p: Proc, chosen: Callable[[ParkedCall], bool], most: u32) -> u32:
    """Have up to `most` of a process' parked calls fail; how many."""
    count: u32 = 0
    call = claim(p, chosen, most)
    while call is not None:
        following = call.next_free
        call.fail()
        call = following
        count += 1
    return count


def claim(p: Proc, chosen: Callable[[ParkedCall], bool], most: u32) -> ParkedCall | None:
    """Take calls out of their queues, in one pass, since there may be very many; linked by `next_free`. One that is on its way into its
    queue is marked: it will see that."""
    claimed: Ref[ParkedCall] | None = None
    count: u32 = 0
    with p.parked.lock:
        call = p.parked.all
        while call is not None and count < most:
            if u64(call.sysc) != 0 and chosen(call) and take_out(call):
                call.next_free = claimed
                claimed = call
                count += 1
            call = call.next_of_all
    return claimed


def take_out(call: ParkedCall) -> bool:
    """Caller holds: the lock of its process' calls."""
    with call.queue.cv.lock.irqs_off():
        call.aborted = True
        if not call.link.linked:
            return False
        call.queue.parked.remove(call)
        return True
