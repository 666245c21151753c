# SPDX-License-Identifier: GPL-2.0-or-later
"""What compiled code calls while it is explored: at each access to memory, fence and pause; and in place of the host's services.

Before and after the threads, and for what only one thread uses, memory is just used. Orders are numbered as in `state.Order`.
"""

from lang import Span, array, copy_bytes, export, hook, u8, u32, u64
from compiler.runtime.explorer import locations, memory
from compiler.runtime.explorer.memory import SCRATCH, value_at
from compiler.runtime.explorer.schedule import fail, note, point, wait
from compiler.runtime.explorer.state import NOBODY, EventKind, Failure, Order, Place, run

OUTPUT: u64 = 2000
ACCESSES_PER_STEP: u64 = 100  # to whatever memory: a loop that never comes to a switch ends as well
output = array(OUTPUT, u8)  # what the present run printed


@export("explorer_read")
def explorer_read(address: u64, size: u64, order: u32, file: u64, line: u32) -> u64:
    """Where the bytes stand that a load of `address` is to take."""
    if run.direct or not is_watched(address, size, False, file, line):
        return address
    place = Place(file=file, line=line)
    switch_point(address, Order(order), place)
    found = memory.load(address, size, Order(order))
    note(EventKind.READ, Order(order), place, address, size, value_at(found, min(size, u64(8))), memory.aged)
    return found


@export("explorer_write")
def explorer_write(address: u64, size: u64, value: u64, order: u32, file: u64, line: u32) -> None:
    """Store the bytes that stand at `value`."""
    if run.direct or not is_watched(address, size, True, file, line):
        copy_bytes(Span[u8](address, size), Span[u8](value, size))
        return
    place = Place(file=file, line=line)
    switch_point(address, Order(order), place)
    memory.store(address, size, value, Order(order), place)
    note(EventKind.WRITE, Order(order), place, address, size, value_at(value, min(size, u64(8))), 0)


@export("explorer_begin_change")
def explorer_begin_change(address: u64, size: u64, order: u32, file: u64, line: u32) -> None:
    """An atomic read-and-write follows, and then `explorer_end_change`."""
    if not run.direct and is_watched(address, size, True, file, line):
        point(Place(file=file, line=line))
        memory.begin_change(address, size, Order(order))


@export("explorer_end_change")
def explorer_end_change(address: u64, size: u64, order: u32, stored: u32, file: u64, line: u32) -> None:
    if not run.direct and is_watched(address, size, True, file, line):
        place = Place(file=file, line=line)
        memory.end_change(address, size, Order(order), stored != 0, place)
        note(EventKind.CHANGE if stored != 0 else EventKind.READ, Order(order), place, address, size, value_at(address, size), 0)


@export("explorer_fence")
def explorer_fence(order: u32, file: u64, line: u32) -> None:
    if not run.direct:
        place = Place(file=file, line=line)
        if Order(order) == Order.SEQ_CST:
            point(place)
        memory.fence(Order(order))
        note(EventKind.FENCE, Order(order), place, 0, 0, 0, 0)


@export("explorer_pause")
def explorer_pause(file: u64, line: u32) -> None:
    if not run.direct:
        place = Place(file=file, line=line)
        note(EventKind.PAUSE, Order.PLAIN, place, 0, 0, 0, 0)
        wait(place)


def switch_point(address: u64, order: Order, place: Place) -> None:
    """Another thread may run before this access; but not before a plain one that has to be free of races: then it makes no difference
    whether others run here or before the last atomic access, and if the plain one does race, that is found without. Memory of
    the heap is an exception, since others may give it back."""
    if order != Order.PLAIN or run.races_allowed or locations.is_heap(address):
        point(place)
        locations.check_in_use(address)


def is_watched(address: u64, size: u64, writes: bool, file: u64, line: u32) -> bool:
    """Whether this access is more than the use of memory that only this thread uses."""
    run.here.file = file
    run.here.line = line
    if size > SCRATCH:
        fail(Failure.TOO_BIG)
    run.accesses += 1
    if run.accesses > ACCESSES_PER_STEP * run.max_steps:
        fail(Failure.LIVELOCK)
    locations.check_in_use(address)
    return memory.uses_shared(address, size, writes) or locations.is_heap(address)


# The host's services


@export("explorer_thread")
def explorer_thread() -> u64:
    return 0 if run.current == NOBODY else u64(run.current)


@export("explorer_exit")
def explorer_exit() -> None:
    """The code under test ends the program: a check failed, or an assertion. Comes back if that was no thread's doing."""
    if run.current != NOBODY:
        fail(Failure.ASSERTION)


@export("explorer_print")
def explorer_print(fd: u32, data: u64, size: u64) -> u64:
    count = min(size, OUTPUT - run.output_used)
    copy_bytes(output[run.output_used : run.output_used + count], Span[u8](data, count))
    run.output_used += count
    return size


@hook
def allocate(size: u64, align: u64) -> u64:
    return locations.take(size, align)


@hook
def release(address: u64) -> None:
    locations.give_back(address)
