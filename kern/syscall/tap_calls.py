# SPDX-License-Identifier: GPL-2.0-or-later
"""The system call about taps (kern/abi/tap.py): descriptors, files and their devices brought together.

Locks: none held over another; see kern/ns/fd.py and kern/ns/tap.py for theirs.
"""

from lang import Error, Span, Uaddr, User, as_bytes, new, sizeof, syscall, u32, u64
from kern.abi.errno import Errno
from kern.abi.event import EventQueue
from kern.abi.tap import TapCommand, TapFilter, TapRequest
from kern.mm.umem import check_range, read_bytes
from kern.ns.chan import chan_put
from kern.ns.fd import attach_tap, detach_tap, get_chan
from kern.ns.tap import Tap, tap_put
from kern.proc.proc import Proc, proc_get

MAX_EVENT_ID: u32 = 0xFFFF
ALL_FILTERS: u32 = 0x7FF


@syscall(116)
def sys_tap_fds(p: Proc, requests: User[Span[TapRequest]]) -> u64:
    """Add and remove taps, in order, up to the first that fails. Returns how many were done. Raises what stopped the first one.

    EBADF; EBUSY: the descriptor has a tap; ENOSYS: the file, or its device, has no such taps, or MODIFY; ENOENT: no tap into that queue;
    EINVAL, EFAULT, ENOMEM. A tap ends when its descriptor is closed; children do not inherit it.
    """
    request = TapRequest()
    for i in range(len(requests)):
        try:
            read_bytes(as_bytes(request), Uaddr(u64(requests.address) + i * sizeof(TapRequest)))
            tap_fd(p, request)
        except Error:
            if i > 0:
                return i
            raise
    return len(requests)


def tap_fd(p: Proc, request: TapRequest) -> None:
    if request.command == TapCommand.ADD:
        add_tap(p, request)
    elif request.command == TapCommand.REMOVE:
        detach_tap(p.fds, request.fd, request.queue)
    elif request.command == TapCommand.MODIFY:
        raise Error(Errno.ENOSYS, "a tap is not modified: remove it and add another")
    else:
        raise Error(Errno.EINVAL, f"no tap command {request.command}")


def add_tap(p: Proc, request: TapRequest) -> None:
    if request.ev_id > MAX_EVENT_ID or request.filter == 0 or request.filter & ~ALL_FILTERS != 0:
        raise Error(Errno.EINVAL, f"a tap with event id {request.ev_id} and filter {request.filter:#x}")
    check_range(request.queue, sizeof(EventQueue))
    chan = get_chan(p.fds, request.fd)
    try:
        node = chan.node
        list = node.tap_list()
        filter = node.tap_filter(chan.mode, TapFilter(request.filter))
        tap = new(Tap, proc=p, node=node, list=list, filter=filter, ev_id=request.ev_id, queue=request.queue, data=request.data)
        tap.refs.init(1)
        proc_get(p)
        node.get()
        try:
            attach_tap(p.fds, request.fd, chan, tap)
            list.add(tap)
        finally:
            tap_put(tap)                    # ours; a slot that has it has its own
    finally:
        chan_put(chan)
