# SPDX-License-Identifier: GPL-2.0-or-later
"""What checked builds watch about locks: their order, who holds them, and that none is held where none may be.

Each core knows the spinlocks that it holds, each thread its sleeping ones, and where each was taken. Locks that live in the same kind of
place are of one class: a static variable, a variable of each core, a field of the blocks that one line of code allocates. Taking B while
A is held records that A comes before B, for good; the first time that a class would come before one that comes before it, the kernel
panics, though nobody waited: with both chains, and where each lock was taken. Locks on stacks have no class; those that were only tried
for are not waited for.
A class that is taken by interrupt handlers must never be taken with interrupts on elsewhere: that panics as well.
Between `start_counting` and `stop_counting` it also counts, by the place where that happens, how often spinlocks were taken, how long
that took and how long they were held (#kprof/locks).
Release builds do not link this. Locks: `graph_word`, a leaf of its own kind (a SpinLock would be watched itself).
"""

from typing import NoReturn

from lang import ACQUIRE, RELAXED, RELEASE, Array, Atomic, Kaddr, PerCore, Text, addr_of, array, at, extern_symbol, frame_address, memset
from lang import ctz, cycle_counter, noinline, panic, pause, struct, text, u8, u16, u32, u64, unproven
from arch import cpu, mmu, smp
from arch.abi import FRAME_RECORD
from kern.abi.guard import guard_of
from kern.core.percore import core
from kern.debug.symbols import Location, find
from kern.mm.buddy import PageUse
from kern.mm.pages import PAGE_MASK, is_ram, page_at
from kern.mm.slab import SlabCache
from kern.time.clock import now_ns

MOST_HELD: u32 = 12
CLASSES: u32 = 512
SITES: u64 = 1024
EDGES: u32 = 4096
NO_CLASS: u32 = 0                           # of locks whose order is not watched
HAS_NO_CLASS: u32 = 0xFFFF                  # how a lock remembers that
MOST_SPINS: u32 = 1 << 16                   # between two looks at the clock
SPIN_LIMIT_NS: u64 = 20_000_000_000

percpu_start = extern_symbol("percpu_start")
percpu_end = extern_symbol("percpu_end")


@struct
class Held:
    lock: u64
    site: u64                               # after the call by which it was taken
    caller: u64                             # of that function; for functions without lines
    since: u64                              # cycle counter then, if locks are counted; else 0
    cls: u32


@struct
class HeldLocks:
    """The last ones of `count`; deeper nesting is counted and not watched."""

    count: u32
    locks: Array[Held] = array(MOST_HELD)


@struct
class LockClass:
    place: u64                              # address of the variable, or offset in the block
    maker: u64                              # line that allocates the blocks, 0 for variables
    in_handler: u64                         # where one was taken by an interrupt handler, 0 if never
    irqs_on: u64                            # where one was taken with interrupts on, 0 if never


@struct
class LockCounts:
    """Of the spinlocks that one place in the code takes, while they are counted. Times in cycles."""

    site: Atomic[u64]                       # 0: free
    taken: Atomic[u64]
    waited: Atomic[u64]                     # ... of these, not at once
    wait: Atomic[u64]                       # all of these together
    longest_wait: Atomic[u64]
    held: Atomic[u64]                       # all together
    longest_hold: Atomic[u64]


@struct
class Edge:
    """One order that was seen: `before` was held when `after` was taken. `before` 0: free."""

    before: u16
    after: u16
    before_site: u64
    after_site: u64


@struct
class Report:
    line: Text = text(1100)


held_here = PerCore[HeldLocks]()
reports = PerCore[Report]()                 # what is about to be said; not on the stack, which may be short
classes = array(CLASSES, LockClass)
counts = array(SITES, LockCounts)           # a hash table, by `site`
counting: bool = False
class_count = Atomic[u32](1)
matrix = array(CLASSES * CLASSES // 32, Atomic[u32])  # bit b of row a: a comes before b
edges = array(EDGES, Edge)
graph_word = Atomic[u32](0)
seen = array(CLASSES, u8)                   # of a search; with graph_word
path = array(CLASSES, u16)
spin_limit_ns: u64 = SPIN_LIMIT_NS


# -- what locks tell -----------------------------------------------------------------------------------------------
@noinline
def before_spinlock(lock: u64, known: u32) -> u32:
    """A core is about to wait for a spinlock, whose class is `known` unless 0. Returns the class."""
    held = held_here.mine
    refuse_again(held, lock, "spinlock")
    cls = known if known != 0 else class_of(lock)
    site = caller_of(frame_address())
    if cls != HAS_NO_CLASS:
        note_interrupts(lock, cls, site)
        note_order(held, lock, cls, site)
    return cls


@noinline
def got_spinlock(lock: u64, cls: u32, waited: u64) -> None:
    """It is taken, after so many cycles of waiting."""
    held = held_here.mine
    remember(held, lock, cls, frame_address())
    if counting and held.count <= MOST_HELD:
        count_taken(held.locks[held.count - 1], waited)


def lost_spinlock(lock: u64) -> None:
    if counting:
        count_hold(held_here.mine, lock)
    forget(held_here.mine, lock)


def lost_qlock(held: HeldLocks, lock: u64) -> None:
    if held.count <= MOST_HELD and not forget(held, lock):
        panic(f"sleeping lock {lock:#x} released by a thread that does not hold it")


@noinline
@unproven("says what is wrong, and panics")
def wrong_holder(lock: u64, holder: u32) -> None:
    """A core releases a spinlock that it does not hold."""
    line = report_line()
    if holder == 0:
        line.write(f"spinlock {lock:#x} released by core {core.mine.core_id}, and nobody holds it")
    else:
        line.write(f"spinlock {lock:#x} released by core {core.mine.core_id}, but core {holder - 1} holds it")
        describe_holder(line, lock, holder - 1)
    panic(f"{line.view}")


@noinline
def check_spin(lock: u64, holder: u32, start_ns: u64) -> u64:
    """Called now and then by who spins; `start_ns` is what it returned before, at first 0."""
    now = now_ns()
    if start_ns == 0:
        return now
    if now - start_ns > spin_limit_ns:
        report_spin(lock, holder, now - start_ns)
    return start_ns


@unproven("says what is wrong, and panics")
def report_spin(lock: u64, holder: u32, ns: u64) -> NoReturn:
    line = report_line()
    line.write(f"core {core.mine.core_id} has been spinning for {ns // 1_000_000} ms for spinlock {lock:#x}")
    if holder == 0:
        line.append(", which nobody holds")
    else:
        line.write(f", held by core {holder - 1}")
        describe_holder(line, lock, holder - 1)
    panic(f"{line.view}")


@noinline
def before_qlock(held: HeldLocks, lock: u64) -> None:
    """A thread is about to sleep for a lock, if it must."""
    refuse_again(held, lock, "sleeping lock")
    cls = class_of(lock)
    if cls != HAS_NO_CLASS:
        note_order(held, lock, cls, caller_of(frame_address()))


@noinline
def got_qlock(held: HeldLocks, lock: u64) -> None:
    remember(held, lock, class_of(lock), frame_address())


def set_spin_limit(ns: u64) -> None:
    """How long a core may spin: for tests."""
    global spin_limit_ns
    spin_limit_ns = ns


def check_none_held(where: str) -> None:
    """No spinlock is held by this core."""
    if held_here.mine.count != 0:
        report_held(where, held_here.mine)


@unproven("says what is wrong, and panics")
def report_held(where: str, held: HeldLocks) -> NoReturn:
    line = report_line()
    line.write(f"{where} with {held.count} spinlock{'' if held.count == 1 else 's'} held")
    describe_held(line, held)
    panic(f"{line.view}")


# -- held locks -----------------------------------------------------------------------------------------------------
def remember(held: HeldLocks, lock: u64, cls: u32, frame: u64) -> None:
    saved = cpu.irqs_save()
    if held.count < MOST_HELD:
        entry = held.locks[held.count]
        entry.lock = lock
        entry.cls = cls
        entry.since = 0
        entry.site = caller_of(frame)
        entry.caller = caller_of(outer(frame))
    held.count += 1
    cpu.irqs_restore(saved)


def forget(held: HeldLocks, lock: u64) -> bool:
    """The last one taken, mostly. False if it is not among those that are watched."""
    saved = cpu.irqs_save()
    count = min(held.count, MOST_HELD)
    i = count
    while i > 0 and held.locks[i - 1].lock != lock:
        i -= 1
    found = i > 0
    while i > 0 and i < count:
        copy_held(held.locks[i - 1], held.locks[i])
        i += 1
    if found or held.count > MOST_HELD:
        held.count -= 1
    cpu.irqs_restore(saved)
    return found


def copy_held(into: Held, source: Held) -> None:
    into.lock = source.lock
    into.cls = source.cls
    into.since = source.since
    into.site = source.site
    into.caller = source.caller


# -- counting -------------------------------------------------------------------------------------------------------
def start_counting() -> None:
    """From zero. What is held now is not counted."""
    global counting
    for entry in counts:
        for number in (entry.taken, entry.waited, entry.wait, entry.longest_wait, entry.held, entry.longest_hold):
            number.store(0)
    counting = True


def stop_counting() -> None:
    global counting
    counting = False


def counts_of(site: u64) -> LockCounts:
    """Of the code that took a lock; the last ones share an entry if there are too many."""
    place = site // 4 % SITES
    for _ in range(SITES - 1):
        entry = counts[place]
        known = entry.site.load(order=RELAXED)
        if known == site or known == 0 and (entry.site.cas(0, site) or entry.site.load() == site):
            return entry
        place = (place + 1) % SITES
    return counts[place]


def count_taken(taken: Held, waited: u64) -> None:
    entry = counts_of(taken.site)
    entry.taken.add(1, order=RELAXED)
    if waited > 0:
        entry.waited.add(1, order=RELAXED)
        entry.wait.add(waited, order=RELAXED)
        entry.longest_wait.max(waited, order=RELAXED)
    taken.since = cycle_counter()


def count_hold(held: HeldLocks, lock: u64) -> None:
    """A lock is about to be released."""
    for i in range(min(held.count, MOST_HELD)):
        taken = held.locks[i]
        if taken.lock == lock and taken.since != 0:
            cycles = cycle_counter() - taken.since
            entry = counts_of(taken.site)
            entry.held.add(cycles, order=RELAXED)
            entry.longest_hold.max(cycles, order=RELAXED)


def refuse_again(held: HeldLocks, lock: u64, kind: str) -> None:
    for i in range(min(held.count, MOST_HELD)):
        if held.locks[i].lock == lock:
            report_again(held.locks[i], kind)


@noinline
@unproven("says what is wrong, and panics")
def report_again(entry: Held, kind: str) -> NoReturn:
    line = report_line()
    line.write(f"{kind} {entry.lock:#x} taken twice on core {core.mine.core_id}")
    describe_site(line, "; first", entry)
    panic(f"{line.view}")


# -- classes ---------------------------------------------------------------------------------------------------------
def class_of(lock: u64) -> u32:
    """The class of a lock by where it lives; HAS_NO_CLASS if that says nothing, or there are too many."""
    place = lock
    maker: u64 = 0
    paddr = mmu.virt_to_phys(Kaddr(lock & ~PAGE_MASK))
    if is_ram(paddr):
        page = page_at(paddr)
        if PageUse.SLAB in page.flags:
            place, maker = place_in_block(lock, page.owner)
        else:
            place = place_of_core(lock)
            if place == lock:
                return HAS_NO_CLASS         # pages by themselves: nothing says what they are
    elif lock >= u64(mmu.KMAP_BASE) and lock < u64(mmu.KMAP_END):
        return HAS_NO_CLASS                 # on a stack
    else:
        place = place_of_core(lock)
    lock_graph()
    found = find_class(place, maker)
    graph_word.store(0, order=RELEASE)
    return found


def place_in_block(lock: u64, cache: u64) -> tuple[u64, u64]:
    """(offset of a lock in its heap block, a number for the line that allocates such blocks)."""
    stride = at(SlabCache, cache).stride
    offset = (lock & PAGE_MASK) % stride
    by = guard_of(lock - offset, stride).allocated_by
    where = Location(function="", file="")
    # The line rather than the address: the code that allocates may have been inlined in several places.
    if by != 0 and find(by - 1, where) and where.file:
        return offset, u64(where.file.ptr) << 20 | where.line
    return offset, by


def place_of_core(lock: u64) -> u64:
    """Where core 0 has its own of a variable of each core; other addresses as they are."""
    size = addr_of(percpu_end) - addr_of(percpu_start)
    for n in range(smp.core_count()):
        delta = addr_of(core[n]) - addr_of(core[u32(0)])
        if lock - delta - addr_of(percpu_start) < size:
            return lock - delta
    return lock


def find_class(place: u64, maker: u64) -> u32:
    """Caller holds: graph_word."""
    count = class_count.load()
    for i in range(u32(1), count):
        if classes[i].place == place and classes[i].maker == maker:
            return i
    if count == CLASSES:
        return HAS_NO_CLASS
    classes[count].place = place
    classes[count].maker = maker
    class_count.store(count + 1)
    return count


def lock_graph() -> None:
    """Interrupts stay as they are: who takes it has them off, or holds a lock that no handler takes."""
    while graph_word.swap(1, order=ACQUIRE) != 0:
        pause()


# -- order -----------------------------------------------------------------------------------------------------------
def note_interrupts(lock: u64, cls: u32, site: u64) -> None:
    """No class is taken both by handlers, and with interrupts on: the handler would wait for who it interrupted."""
    mine = core.mine
    entry = classes[cls]
    if mine.irq_depth > 0:
        if entry.in_handler == 0:
            entry.in_handler = site
    elif cpu.irqs_are_on():
        if entry.irqs_on == 0:
            entry.irqs_on = site
    if entry.in_handler != 0 and entry.irqs_on != 0:
        report_interrupts(entry, lock)


def note_order(held: HeldLocks, lock: u64, cls: u32, site: u64) -> None:
    for i in range(min(held.count, MOST_HELD)):
        entry = held.locks[i]
        if entry.cls != HAS_NO_CLASS and entry.cls != cls and not comes_before(entry.cls, cls):
            add_order(entry, lock, cls, site)


def comes_before(before: u32, after: u32) -> bool:
    index = before * CLASSES + after
    return matrix[index // 32].load() & (u32(1) << index % 32) != 0


def add_order(entry: Held, lock: u64, cls: u32, site: u64) -> None:
    saved = cpu.irqs_save()
    lock_graph()
    steps = find_path(cls, entry.cls)
    if steps == 0:
        index = entry.cls * CLASSES + cls
        matrix[index // 32].or_(u32(1) << index % 32)
        add_edge(entry.cls, cls, site_of(entry), site)
    graph_word.store(0, order=RELEASE)
    cpu.irqs_restore(saved)
    if steps > 0:
        report_order(entry, lock, site, steps)


def find_path(start: u32, goal: u32) -> u32:
    """How many steps lead from one class to another that it comes before, 0 for none; `path` has the classes.

    Caller holds: graph_word. Depth first; `path` is the way to where it stands.
    """
    memset(seen[0:CLASSES], 0)
    path[0] = u16(start)
    depth: u32 = 1
    while depth > 0:
        next = next_after(u32(path[depth - 1]))
        if next == NO_CLASS:
            depth -= 1
            continue
        seen[next] = 1
        path[depth] = u16(next)
        if next == goal:
            return depth
        depth += 1
    return 0


def next_after(before: u32) -> u32:
    """A class that comes after another, and was not seen yet in this search."""
    for word in range(CLASSES // 32):
        bits = matrix[before * (CLASSES // 32) + word].load()
        while bits != 0:
            cls = word * 32 + ctz(bits)
            if seen[cls] == 0:
                return cls
            bits &= bits - 1
    return NO_CLASS


def add_edge(before: u32, after: u32, before_site: u64, after_site: u64) -> None:
    """Remember where an order was seen. Caller holds: graph_word."""
    slot = edge_slot(before, after)
    if slot.before == 0:
        slot.before = u16(before)
        slot.after = u16(after)
        slot.before_site = before_site
        slot.after_site = after_site


def edge_slot(before: u32, after: u32) -> Edge:
    """Where that edge is, or may be put."""
    at_slot = (before * 31 + after) % EDGES
    for _ in range(EDGES):
        edge = edges[at_slot]
        if edge.before == 0 or u32(edge.before) == before and u32(edge.after) == after:
            return edge
        at_slot = (at_slot + 1) % EDGES
    return edges[0]


# -- reports ----------------------------------------------------------------------------------------------------------
@unproven("says what is wrong, and panics")
def report_interrupts(entry: LockClass, lock: u64) -> NoReturn:
    line = report_line()
    line.write(f"lock {lock:#x} is taken by an interrupt handler")
    describe_code(line, " in", entry.in_handler)
    line.append(", and with interrupts on")
    describe_code(line, " in", entry.irqs_on)
    panic(f"{line.view}")


@unproven("says what is wrong, and panics")
def report_order(entry: Held, lock: u64, site: u64, steps: u32) -> NoReturn:
    line = report_line()
    line.write(f"lock order: {lock:#x} is taken")
    describe_code(line, " in", site)
    line.write(f" while {entry.lock:#x} is held, taken")
    describe_code(line, " in", site_of(entry))
    line.append("; but the other way round before")
    for i in range(steps):
        edge = edge_slot(u32(path[i]), u32(path[i + 1]))
        line.append(": taken" if i == 0 else "; and that one was taken")
        describe_code(line, " in", edge.after_site)
        line.append(" while the first was held, taken" if i == 0 else " while it was held, taken")
        describe_code(line, " in", edge.before_site)
    panic(f"{line.view}")


def report_line() -> Text:
    line = reports.mine.line
    line.clear()
    return line


def describe_held(line: Text, held: HeldLocks) -> None:
    for i in range(min(held.count, MOST_HELD)):
        line.write(f"; {held.locks[i].lock:#x}")
        describe_site(line, "", held.locks[i])


def describe_holder(line: Text, lock: u64, holder: u32) -> None:
    """Where the core that holds a lock took it. It may go on meanwhile: then this is out of date."""
    held = held_here[holder]
    for i in range(min(held.count, MOST_HELD)):
        if held.locks[i].lock == lock:
            describe_site(line, ",", held.locks[i])


def describe_site(line: Text, before: str, entry: Held) -> None:
    line.write(f"{before} taken")
    describe_code(line, " in", site_of(entry))


def describe_code(line: Text, before: str, address: u64) -> None:
    """` in f at kern/x.py:31`."""
    where = Location(function="", file="")
    if not find(address - 1, where):
        line.write(f"{before} {address:#x}")
    elif where.file:
        line.write(f"{before} {where.function} at {where.file}:{where.line}")
    else:
        line.write(f"{before} {where.function}+{where.offset:#x}")


def site_of(entry: Held) -> u64:
    """Where a lock was taken: in the first function that has lines."""
    where = Location(function="", file="")
    return entry.site if find(entry.site - 1, where) and where.file else entry.caller


def caller_of(frame: u64) -> u64:
    return at(FrameRecord, frame - FRAME_RECORD).return_address


def outer(frame: u64) -> u64:
    return at(FrameRecord, frame - FRAME_RECORD).caller


@struct
class FrameRecord:
    caller: u64                             # frame pointer of the caller
    return_address: u64
