# SPDX-License-Identifier: GPL-2.0-or-later
"""What a load may see: for each shared location every value that it had in this run, for each thread how much of that it must know.

A thread's view says, for each location, which value is the oldest that it may still read. A store with release order carries the
thread's view along, and a load of it with acquire order joins that to the reader's; fences do so for all relaxed accesses
before or after them. Sequentially consistent accesses and fences also go through one common view. This is the semantics of Kang, Hur,
Lahav, Vafeiadis and Dreyer (A promising semantics for relaxed-memory concurrency, POPL 2017) without promises, and with the
stores of a location in the order in which they are run. So it leaves out a load that sees a store of its own future (load
buffering) and two pairs of stores that swap places (2+2W); it has all the other reorderings of x86 and RISC-V.

A plain access to a location whose last store by another thread the thread does not know of is a data race. Memory itself
always holds the last values, so that what is not shared is simply used.
"""

from lang import Ptr, Span, addr_of, array, assign, copy_bytes, struct, u8, u16, u32, u64
from compiler.runtime.explorer.locations import Location, location_at, note_use
from compiler.runtime.explorer.schedule import choose, fail
from compiler.runtime.explorer.state import RECENT, SHARED, Failure, Order, Place, Thread, View, run, threads

MESSAGES: u64 = 8192
VIEWS: u64 = 4096
SCRATCH: u64 = 4096
WINDOW: u32 = 4  # so many values back a stale read looks at most


@struct
class Message:
    """One value that a location had."""

    value: u64
    time: u16  # its place in the location's history; 0: from before the threads
    view: u16  # 1 + number of the view that it carries; 0: none
    thread: u32
    previous: u32
    place: Place


messages = array(MESSAGES, Message)
views = array(VIEWS, View)
common = View()  # of sequentially consistent accesses
scratch = array(SCRATCH, u8)
newest_times = array(SHARED, u16)  # by location's number
message_count: u64 = 0
view_count: u64 = 0
value_box = array(1, u64)
aged: u32 = 0  # how many newer values the load under way passed over
change_before: u64 = 0  # what the change under way found


def forget_all() -> None:
    """A run begins."""
    global message_count, view_count
    message_count = 1  # 0 means none
    view_count = 0
    common.clear()
    for i in range(run.shared_count):
        newest_times[i] = 0


def acquires(order: Order) -> bool:
    return order == Order.ACQUIRE or order == Order.ACQ_REL or order == Order.SEQ_CST


def releases(order: Order) -> bool:
    return order == Order.RELEASE or order == Order.ACQ_REL or order == Order.SEQ_CST


def value_at(address: u64, size: u64) -> u64:
    found = array(8, u8)
    copy_bytes(found[0:size], Span[u8](address, size))
    return Ptr[u64](addr_of(found))[0]


def uses_shared(address: u64, size: u64, writes: bool) -> bool:
    """Whether any of these bytes is shared. The current thread's use is noted."""
    shared = False
    at = address
    while at < address + size:
        location = location_at(at, address + size)
        note_use(location, writes)
        if location.number != 0:
            shared = True
        at += location.size
    return shared


def last_message(location: Location) -> Message | None:
    """The location's newest message of this run; None: it has not been written yet."""
    if location.run != run.number or location.latest == 0:
        return None
    return messages[location.latest]


# Loads


def load(address: u64, size: u64, order: Order) -> u64:
    """Where the bytes stand that the current thread reads. `aged` says whether they are not the newest."""
    global aged
    aged = 0
    at = address
    while at < address + size:
        location = location_at(at, address + size)
        load_location(location, order)
        copy_bytes(scratch[at - address : at - address + location.size], Span[u8](addr_of(value_box), location.size))
        at += location.size
    return addr_of(scratch)


def load_location(location: Location, order: Order) -> None:
    """Choose what is read of one location, and leave it in `value_box`."""
    global aged
    thread = threads[run.current]
    newest = last_message(location)
    if newest is None:
        value_box[0] = value_at(location.address, location.size)
        return
    number = u64(location.number) - 1
    known = thread.current.seen[number]
    if order == Order.PLAIN and newest.time > known:
        race(newest)
    if order == Order.SEQ_CST and common.seen[number] > known:
        known = common.seen[number]
    age = choose_age(newest, known)
    aged += age
    message = newest
    for _ in range(age):
        message = messages[message.previous]
    see(thread, number, message, order)
    if order == Order.SEQ_CST and common.seen[number] < message.time:
        common.seen[number] = message.time
    thread.recent[thread.recent_count % RECENT] = location.number
    thread.recent_count += 1
    value_box[0] = message.value


def choose_age(newest: Message, known: u16) -> u32:
    """How many newer values the load passes over."""
    if run.stale >= run.max_stale or newest.time <= known:
        return 0
    age = choose(min(u32(newest.time - known) + 1, WINDOW))
    if age > 0:
        run.stale += 1
    return age


def see(thread: Thread, number: u64, message: Message, order: Order) -> None:
    """The thread has read `message`."""
    if thread.current.seen[number] < message.time:
        thread.current.seen[number] = message.time
    if message.view == 0:
        return
    carried = views[message.view - 1]
    thread.acquired.join(carried)
    if acquires(order):
        thread.current.join(carried)


# Stores


def store(address: u64, size: u64, value: u64, order: Order, place: Place) -> None:
    """The current thread stores the `size` bytes that stand at `value`."""
    at = address
    while at < address + size:
        location = location_at(at, address + size)
        if location.number == 0:
            copy_bytes(Span[u8](at, location.size), Span[u8](value + (at - address), location.size))
        else:
            begin_history(location)
            newest = messages[location.latest]
            if order == Order.PLAIN and newest.time > threads[run.current].current.seen[u64(location.number) - 1]:
                race(newest)
            before = value_at(at, location.size)
            copy_bytes(Span[u8](at, location.size), Span[u8](value + (at - address), location.size))
            append(location, before, order, 0, place)
        at += location.size


def begin_history(location: Location) -> None:
    if last_message(location) is None:
        location.run = run.number
        location.latest = u32(message_count)
        add_message(Message(value=value_at(location.address, location.size)))


def add_message(message: Message) -> None:
    global message_count
    if message_count == MESSAGES:
        fail(Failure.LIVELOCK)
    assign(messages[message_count], message)
    message_count += 1


def append(location: Location, before: u64, order: Order, inherited: u16, place: Place) -> None:
    """Memory holds a new value of the location: make it a message. `inherited` is the view of what the same operation read."""
    global view_count
    thread = threads[run.current]
    number = u64(location.number) - 1
    value = value_at(location.address, location.size)
    newest = messages[location.latest]
    time = newest.time + 1
    newest_times[number] = time
    thread.current.seen[number] = time
    if order == Order.SEQ_CST:
        common.seen[number] = time
    if view_count == VIEWS:
        fail(Failure.LIVELOCK)
    carried = views[view_count]
    carried.take(thread.current if releases(order) else thread.released)
    if inherited != 0:
        carried.join(views[inherited - 1])
    carried.seen[number] = time
    view_count += 1
    made = Message(value=value, time=time, view=u16(view_count), thread=run.current, previous=location.latest, place=place)
    location.latest = u32(message_count)
    add_message(made)
    if value != before:
        run.changes += 1
        thread.own_changes += 1


# Read and write in one


def begin_change(address: u64, size: u64, order: Order) -> None:
    """An atomic operation is about to read the newest value, which memory holds."""
    global change_before
    location = location_at(address, address + size)
    change_before = value_at(address, size)
    if location.number != 0:
        begin_history(location)
        number = u64(location.number) - 1
        see(threads[run.current], number, messages[location.latest], order)
        if order == Order.SEQ_CST:
            common.seen[number] = messages[location.latest].time


def end_change(address: u64, size: u64, order: Order, stored: bool, place: Place) -> None:
    location = location_at(address, address + size)
    if location.number != 0 and stored:
        append(location, change_before, order, messages[location.latest].view, place)


# Fences and waiting


def fence(order: Order) -> None:
    thread = threads[run.current]
    if acquires(order):
        thread.current.join(thread.acquired)
    if order == Order.SEQ_CST:
        thread.current.join(common)
        common.take(thread.current)
    if releases(order):
        thread.released.take(thread.current)


def is_behind(thread: Thread) -> bool:
    """Whether one of the locations that it has looked at since its last pause has changed from what it saw."""
    for i in range(min(thread.recent_count, RECENT)):
        number = u64(thread.recent[i]) - 1
        if thread.current.seen[number] < newest_times[number]:
            return True
    return False


def catch_up(thread: Thread) -> None:
    """A thread that waits sees, in time, what others have stored to the locations that it looks at."""
    for i in range(min(thread.recent_count, RECENT)):
        number = u64(thread.recent[i]) - 1
        time = newest_times[number]
        if thread.current.seen[number] < time:
            thread.current.seen[number] = time
    thread.recent_count = 0


def race(other: Message) -> None:
    if run.races_allowed:
        return
    run.clash.file = other.place.file
    run.clash.line = other.place.line
    run.clash_thread = other.thread
    fail(Failure.RACE)
