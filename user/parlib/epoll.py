# SPDX-License-Identifier: LGPL-2.1-or-later
"""epoll: a thread waits until something happens to one of many files (Akaros: user/iplib/epoll.c; the system call: kern/abi/tap.py).

A set is one coalescing event queue with the descriptor as the id of its events, and a tap into it for each descriptor: whatever happens,
there is one message a descriptor, and a full ring loses none. It is edge-triggered: a message says what changed since the last one, so read
or write until EAGAIN. What holds when a descriptor is added counts as a change. A descriptor is in one set at most; a set is in none.
To change what is waited for, remove and add. Remove a descriptor before it is closed: what was told of it before is else still reported.
A message that was on its way when its descriptor was removed and added again may say what no longer holds.
Lock: `Epoll.lock`, a Mutex, over adding and removing. Any number of threads may wait.
"""

from lang import Errno, Error, Ref, Span, Uaddr, addr_of, array, free, i32, new, struct, u16, u32, u64
from kern.abi.event import CeqOperation, EventMsg, EventQueue
from kern.abi.file import MAX_FDS, Stat
from kern.abi.tap import TapCommand, TapFilter, TapRequest
from parlib.ceq import event_of
from parlib.queues import FOREVER, RELIABLE, attach_wakeup, block_on_queues, check_queues, get_ceq_queue, mailbox_of, put_queue
from parlib.sync import Mutex
from rt.time import now_ns
from syscalls import sys_fstat, sys_send_event, sys_tap_fds

USUAL_FDS: u32 = 4096


@struct
class EpollEvent:
    fd: i32
    events: TapFilter                       # what happened
    data: u64                               # what was given when the descriptor was added


@struct
class Member:
    """What a set knows of one descriptor."""

    filter: TapFilter                       # empty: it is not in the set
    data: u64


@struct
class Epoll:
    lock: Mutex
    queue: Ref[EventQueue]
    members: Span[Member]                   # by descriptor


def epoll_create(ring_size: u32 = 128, fds: u32 = USUAL_FDS) -> Epoll:
    """An empty set, of descriptors below `fds`, each of which costs 48 bytes of memory. `ring_size`, a power of two: when more descriptors
    have news at once, they are found by a walk over all.

    Raises ENOMEM, EINVAL.
    """
    queue = get_ceq_queue(fds, ring_size, CeqOperation.OR, RELIABLE, 0)
    try:
        members = new(array(u64(fds), Member))
        try:
            epoll = new(Epoll, queue=queue, members=members)
        except Error:
            free(members)
            raise
    except Error:
        put_queue(queue)
        raise
    attach_wakeup(queue)
    return epoll


def epoll_close(epoll: Epoll) -> None:
    """Remove all descriptors, and give the set back. Nobody waits for it."""
    for fd in range(len(epoll.members)):
        if epoll.members[fd].filter != TapFilter(0):
            epoll_remove(epoll, i32(fd))
    put_queue(epoll.queue)
    free(epoll.members)
    free(epoll)


def epoll_add(epoll: Epoll, fd: i32, filter: TapFilter, data: u64) -> None:
    """Wait for `filter` of a descriptor, too.

    Raises EBADF; EEXIST, EBUSY: it is in this set, in another; ENOSYS: it has no such taps; EINVAL, also if the set is too small for it.
    """
    if fd < 0 or fd >= i32(MAX_FDS):
        raise Error(Errno.EBADF, f"no open file has descriptor {fd}")
    if u64(fd) >= len(epoll.members):
        raise Error(Errno.EINVAL, f"the set is for descriptors below {len(epoll.members)}, not for {fd}")
    with epoll.lock:
        member = epoll.members[fd]
        try:
            request_tap(epoll, TapCommand.ADD, fd, filter)
        except Error as e:
            if e.errno == Errno.EBUSY and member.filter != TapFilter(0):
                raise Error(Errno.EEXIST, f"descriptor {fd} is in the set already")
            raise
        member.data = data
        member.filter = filter
        post_ready(epoll, fd, filter)


def post_ready(epoll: Epoll, fd: i32, filter: TapFilter) -> None:
    """The tap tells what happens from now on, so look after it was added."""
    found = Stat()
    sys_fstat(fd, found)
    ready = TapFilter(found.ready) & filter
    if ready != TapFilter(0):
        sys_send_event(Uaddr(addr_of(epoll.queue)), EventMsg(ev_type=u16(fd), arg2=u32(ready)), 0)


def epoll_remove(epoll: Epoll, fd: i32) -> None:
    """Nothing more of it is reported. Raises ENOENT if it is not in the set. Whether it is still open does not matter."""
    with epoll.lock:
        if fd < 0 or u64(fd) >= len(epoll.members) or epoll.members[fd].filter == TapFilter(0):
            raise Error(Errno.ENOENT, f"descriptor {fd} is not in the set")
        epoll.members[fd].filter = TapFilter(0)
        try:
            request_tap(epoll, TapCommand.REMOVE, fd, TapFilter(0))
        except Error as e:
            if e.errno != Errno.EBADF and e.errno != Errno.ENOENT:
                raise                       # else it was closed, and its tap with it
        event_of(mailbox_of(epoll.queue).ceq, u32(fd)).coalesce.store(u32(0))


def request_tap(epoll: Epoll, command: TapCommand, fd: i32, filter: TapFilter) -> None:
    requests = array(1, TapRequest)
    requests[0] = TapRequest(fd=fd, command=u32(command), filter=u32(filter), ev_id=u32(fd), queue=Uaddr(addr_of(epoll.queue)))
    sys_tap_fds(requests[:])


def epoll_wait(epoll: Epoll, into: Span[EpollEvent], timeout_usec: u64 = FOREVER) -> u64:
    """What has happened to the set's descriptors, as much as there is room for; returns how much, 0 if the time was over before.

    Blocks the calling thread only, until there is something. Raises ENOMEM.
    """
    queues = array(1, Ref[EventQueue])
    queues[0] = epoll.queue
    msg = EventMsg()
    start = now_ns()
    count: u64 = 0
    while count < len(into):
        if count > 0:
            found = check_queues(queues[:], msg)
        else:
            found = block_on_queues(queues[:], msg, time_left(start, timeout_usec))
        if found is None:
            break
        if take_news(epoll, msg, into[count]):
            count += 1
    return count


def time_left(start: u64, timeout_usec: u64) -> u64:
    if timeout_usec == FOREVER:
        return FOREVER
    gone = (now_ns() - start) // 1000
    return timeout_usec - gone if gone < timeout_usec else 0


def take_news(epoll: Epoll, msg: EventMsg, into: EpollEvent) -> bool:
    """False if the descriptor has left the set meanwhile, or was added again for something else."""
    member = epoll.members[msg.ev_type]
    into.fd = i32(msg.ev_type)
    into.events = TapFilter(msg.arg2) & member.filter
    into.data = member.data
    return into.events != TapFilter(0)
