# SPDX-License-Identifier: GPL-2.0-or-later
"""File descriptors: the table of a process' open channels.

Every slot holds one reference to its channel, and one to its tap, if it has one. The table grows when a descriptor needs it. Once closed
for good (the process is dying) nothing gets in any more.
Locks: the table's `lock` is a leaf; taps are dropped and channels closed outside it, since that may block.
"""

from lang import Error, Ref, Span, Uaddr, array, cold, free, i32, inline, new, noinline, struct, u32, u64, wrap
from kern.abi.errno import Errno
from kern.abi.file import MAX_FDS
from kern.ns.chan import Chan, chan_get, chan_put
from kern.ns.tap import Tap, tap_put
from kern.sync.kthread import current_kthread
from kern.sync.spinlock import SpinLock


FIRST_SLOTS: u64 = 32                       # of a table; then it doubles


@struct
class FdSlot:
    chan: Ref[Chan] | None
    tap: Ref[Tap] | None
    cloexec: bool


@struct
class FdTable:
    lock: SpinLock
    closed: bool
    lowest: u32                             # no slot below is free
    slots: Span[FdSlot]                     # allocated; empty before the first descriptor, and after the last


def grow(table: FdTable, needed: u64) -> None:
    """Give the table at least so many slots. Raises EMFILE, ENOMEM."""
    if needed > u64(MAX_FDS):
        raise Error(Errno.EMFILE, f"all {MAX_FDS} file descriptors are in use")
    size = FIRST_SLOTS
    while size < needed:
        size *= 2
    spare = new(array(size, FdSlot))
    with table.lock:
        if len(table.slots) < size and not table.closed:
            for i, old in enumerate(table.slots):
                spare[i].chan = old.chan
                spare[i].tap = old.tap
                spare[i].cloexec = old.cloexec
            bigger = spare
            spare = table.slots
            table.slots = bigger
    if len(spare) > 0:
        free(spare)


def add_fd(table: FdTable, chan: Chan, cloexec: bool) -> i32:
    """The lowest free descriptor for `chan`. Takes over the caller's reference, whatever happens. Raises EMFILE, ENOMEM."""
    try:
        while True:
            with table.lock:
                if table.closed:
                    raise Error(Errno.EMFILE, "the process has ended")
                room = u64(len(table.slots))
                fd = u64(table.lowest)
                while fd < room and table.slots[fd].chan is not None:
                    fd += 1
                table.lowest = u32(fd)
                if fd < room:
                    table.slots[fd].chan = chan
                    table.slots[fd].cloexec = cloexec
                    return i32(fd)
            grow(table, room + 1)
    except Error:
        chan_put(chan)
        raise


def set_fd(table: FdTable, fd: i32, chan: Chan) -> None:
    """Make `fd` mean `chan`, closing what it meant. Takes over the caller's reference, whatever happens. Raises EBADF, ENOMEM."""
    try:
        if fd < 0 or fd >= i32(MAX_FDS):
            raise Error(Errno.EBADF, f"{fd} is not a possible file descriptor")
        grow_for(table, u64(fd))
        with table.lock:
            if table.closed:
                raise Error(Errno.EBADF, "the process has ended")
            slot = table.slots[fd]
            old = slot.chan
            tap = slot.tap
            slot.chan = chan
            slot.tap = None
            slot.cloexec = False
    except Error:
        chan_put(chan)
        raise
    if tap is not None:
        tap_put(tap)
    if old is not None:
        chan_put(old)


def grow_for(table: FdTable, fd: u64) -> None:
    with table.lock:
        room = u64(len(table.slots))
    if fd >= room:
        grow(table, fd + 1)


@inline
def get_chan(table: FdTable, fd: i32) -> Chan:
    """The channel of a descriptor, with a reference for the caller; its call counts as one on this descriptor. Raises EBADF."""
    with table.lock:
        if is_slot(table, fd):
            chan = table.slots[fd].chan
            if chan is not None:
                chan_get(chan)
                current_kthread().fd = fd
                return chan
    return not_open(fd)


@cold
@noinline
def not_open(fd: i32) -> Chan:
    raise Error(Errno.EBADF, f"no open file has descriptor {fd}")


def is_slot(table: FdTable, fd: i32) -> bool:
    """Whether the table has room for that descriptor, open or not. Caller holds: the lock."""
    return u64(wrap(u32, fd)) < len(table.slots)  # a negative one is beyond all


def take_fd(table: FdTable, fd: i32) -> Chan | None:
    """Take a descriptor out, and end its tap; the caller gets its reference. None if there was none."""
    with table.lock:
        if not is_slot(table, fd):
            return None
        slot = table.slots[fd]
        chan = slot.chan
        tap = slot.tap
        slot.chan = None
        slot.tap = None
        table.lowest = min(table.lowest, u32(fd))
    if tap is not None:
        tap_put(tap)
    return chan


def attach_tap(table: FdTable, fd: i32, chan: Chan, tap: Tap) -> None:
    """Tie a tap on `chan` to the descriptor, with a reference of its own. Raises EBUSY; EBADF if it was closed meanwhile."""
    with table.lock:
        if not is_slot(table, fd) or table.slots[fd].chan is not chan:
            raise Error(Errno.EBADF, f"descriptor {fd} was closed")
        if table.slots[fd].tap is not None:
            raise Error(Errno.EBUSY, f"descriptor {fd} has a tap")
        tap.refs.get()
        table.slots[fd].tap = tap


def detach_tap(table: FdTable, fd: i32, queue: Uaddr) -> None:
    """End the descriptor's tap into that queue. Raises EBADF, ENOENT."""
    with table.lock:
        if not is_slot(table, fd) or table.slots[fd].chan is None:
            raise Error(Errno.EBADF, f"no open file has descriptor {fd}")
        tap = table.slots[fd].tap
        if tap is None or u64(tap.queue) != u64(queue):
            raise Error(Errno.ENOENT, f"descriptor {fd} has no tap into this queue")
        table.slots[fd].tap = None
    tap_put(tap)


def close_fd(table: FdTable, fd: i32) -> None:
    """Raises EBADF. May block."""
    chan = take_fd(table, fd)
    if chan is None:
        raise Error(Errno.EBADF, f"no open file has descriptor {fd}")
    chan_put(chan)


@struct
class FdView:
    """Of one descriptor, for diagnosis."""

    chan: Ref[Chan] | None
    cloexec: bool


def view_fd(table: FdTable, fd: u32, view: FdView) -> bool:
    """Whether the descriptor is open; then `view` has its channel, with a reference for the caller."""
    with table.lock:
        if u64(fd) >= len(table.slots):
            return False
        slot = table.slots[fd]
        view.chan = slot.chan
        view.cloexec = slot.cloexec
        chan = slot.chan
        if chan is not None:
            chan_get(chan)
    return view.chan is not None


def close_all_fds(table: FdTable) -> None:
    """Close everything, for good. May block."""
    with table.lock:
        table.closed = True
        room = len(table.slots)             # a closed table does not grow
    for fd in range(room):
        chan = take_fd(table, i32(fd))
        if chan is not None:
            chan_put(chan)
    free_slots(table)


def free_slots(table: FdTable) -> None:
    """Of a table that is closed, and empty."""
    with table.lock:
        slots = table.slots
        table.slots = slots[:0]
    if len(slots) > 0:
        free(slots)


def room_of(table: FdTable) -> u64:
    with table.lock:
        return len(table.slots)


def clone_fds(source: FdTable, into: FdTable) -> None:
    """Give an empty table that nobody else knows every descriptor of `source`, with its CLOEXEC. Raises ENOMEM."""
    room = room_of(source)                  # its process has one core, which makes this call
    if room > 0:
        grow(into, room)
    for fd in range(len(into.slots)):
        slot = into.slots[fd]
        with source.lock:
            if u64(fd) < len(source.slots):
                slot.chan = source.slots[fd].chan
                slot.cloexec = source.slots[fd].cloexec
                chan = slot.chan
                if chan is not None:
                    chan_get(chan)


def move_fds(source: FdTable, into: FdTable) -> None:
    """Give a process that does not run yet every descriptor of `source`, which is closed for good, except the CLOEXEC ones. May block."""
    with source.lock:
        source.closed = True
        slots = source.slots
        source.slots = slots[:0]
    for slot in slots:
        drop_slot(slot, slot.cloexec)       # its taps are the old program's
    fill_fds(into, slots)


def fill_fds(into: FdTable, slots: Span[FdSlot]) -> None:
    """Give a process that does not run yet these as its table; they are closed if it was killed. May block."""
    with into.lock:
        killed = into.closed
        if not killed:
            slots, into.slots = into.slots, slots
            into.lowest = 0
    for slot in slots:                      # it was killed, so these are all; else it had none
        drop_slot(slot, True)
    if len(slots) > 0:
        free(slots)


def drop_slot(slot: FdSlot, closing: bool) -> None:
    """End the tap, and close the channel too if `closing`. The slot is in no table."""
    tap = slot.tap
    chan = slot.chan
    slot.tap = None
    if tap is not None:
        tap_put(tap)
    if closing and chan is not None:
        slot.chan = None
        chan_put(chan)


def copy_fds(source: FdTable, into: FdTable) -> None:
    """Give a new process every descriptor of `source`, except the CLOEXEC ones. Raises ENOMEM."""
    for fd in range(room_of(source)):
        chan: Ref[Chan] | None = None
        with source.lock:
            if fd < len(source.slots) and not source.slots[fd].cloexec:
                chan = source.slots[fd].chan
            if chan is not None:
                chan_get(chan)
        if chan is not None:
            set_fd(into, i32(fd), chan)
