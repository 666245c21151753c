# SPDX-License-Identifier: GPL-2.0-or-later
"""Which memory is shared. A location is a run of bytes, eight at most, that no access has ever told apart.

Who reads and who writes a location is remembered over all runs. One that a thread writes and another uses is shared: accesses to it are
where threads are switched, and its history is kept. When that is learnt of another location, all runs start anew, so that
none has missed a switch. The heap is here as well: addresses are the same in every run, and memory given back is not to be touched.
"""

from lang import Array, Errno, Error, Span, addr_of, array, copy_bytes, memset, panic, struct, u8, u16, u32, u64
from compiler.runtime.explorer.schedule import abandon, fail
from compiler.runtime.explorer.state import SHARED, Failure, Outcome, run

LOCATIONS: u64 = 8192
WORDS: u64 = 4096  # a power of two
ARENA: u64 = 65536
RANGES: u64 = 1024
IN_USE: u8 = 1
GIVEN_BACK: u8 = 2


@struct
class Location:
    address: u64
    size: u64
    readers: u32  # bit by thread
    writers: u32
    number: u16  # 1 + its place in views; 0: not shared
    run: u32  # the run that `latest` is of
    latest: u32  # its last message


@struct
class Word:
    address: u64  # of eight aligned bytes; 0: free
    starts: u32  # bit n: a location starts at byte n
    locations: Array[u16] = array(8)


@struct
class Range:
    """Memory that each run finds as it was at the beginning."""

    address: u64
    size: u64
    saved: u64


locations = array(LOCATIONS, Location)
words = array(WORDS, Word)
arena = array(ARENA, u8)
arena_state = array(4096, u8)  # by 16 bytes of the arena
ranges = array(RANGES, Range)
location_count: u64 = 0
range_count: u64 = 0
arena_used: u64 = 0


def add_range(address: u64, size: u64, saved: u64) -> None:
    """Have `size` bytes restored for each run, from `saved`, which gets their present contents."""
    global range_count
    ranges[range_count] = Range(address=address, size=size, saved=saved)
    copy_bytes(Span[u8](saved, size), Span[u8](address, size))
    range_count += 1


def forget_ranges() -> None:
    global range_count
    range_count = 0


def restore() -> None:
    global arena_used
    for place in ranges[0:range_count]:
        copy_bytes(Span[u8](place.address, place.size), Span[u8](place.saved, place.size))
    memset(arena[0:arena_used], 0)
    memset(arena_state[0 : arena_used // 16], 0)
    arena_used = 0


def word_at(address: u64) -> Word:
    """The record of eight aligned bytes."""
    at = (address * 0x9E37_79B9_7F4A_7C15) >> 52
    while words[at].address != address:
        if words[at].address == 0:
            words[at].address = address
            words[at].starts = 1
            words[at].locations[0] = new_location(address, 8)
            break
        at = (at + 1) % WORDS
    return words[at]


def new_location(address: u64, size: u64) -> u16:
    global location_count
    if location_count + 8 >= min(LOCATIONS, WORDS):
        panic(f"the explorer has room for {WORDS} words of memory that threads use")
    locations[location_count] = Location(address=address, size=size)
    location_count += 1
    return u16(location_count - 1)


def location_at(address: u64, end: u64) -> Location:
    """The location that begins at `address`, and ends at `end` or before."""
    base = address & ~u64(7)
    word = word_at(base)
    first = address - base
    last = min(end - base, u64(8))
    if word.starts >> first & 1 == 0:
        split(word, first)
    if last < 8 and word.starts >> last & 1 == 0:
        split(word, last)
    return locations[word.locations[first]]


def split(word: Word, byte: u64) -> None:
    """From here on accesses tell byte `byte` from the one before it."""
    before = byte
    while word.starts >> before & 1 == 0:
        before -= 1
    old = locations[word.locations[before]]
    number = new_location(word.address + byte, old.address + old.size - word.address - byte)
    made = locations[number]
    old.size -= made.size
    made.readers = old.readers
    made.writers = old.writers
    word.locations[byte] = number
    word.starts |= u32(1) << byte
    if old.number != 0:
        share(made)
        abandon(Outcome.AGAIN)


def note_use(location: Location, writes: bool) -> None:
    """The current thread uses it. All starts anew if that makes it shared."""
    mine = u32(1) << run.current
    if writes:
        location.writers |= mine
    else:
        location.readers |= mine
    users = location.readers | location.writers
    if location.number == 0 and location.writers != 0 and users & (users - 1) != 0:
        share(location)
        abandon(Outcome.AGAIN)


def share(location: Location) -> None:
    if run.shared_count == SHARED:
        panic(f"the explorer has room for {SHARED} shared locations")
    run.shared_count += 1
    location.number = u16(run.shared_count)


# The heap of code under test


def take(size: u64, align: u64) -> u64:
    """Zeroed memory; a block keeps its distance from the next. Raises ENOMEM."""
    global arena_used
    start = (arena_used + 16 + align - 1) // align * align
    rounded = (size + 15) // 16 * 16
    if start + rounded > ARENA:
        raise Error(Errno.ENOMEM, "the explorer's heap is full")
    memset(arena_state[start // 16 : (start + rounded) // 16], IN_USE)
    arena_used = start + rounded
    return addr_of(arena) + start


def give_back(address: u64) -> None:
    at = (address - addr_of(arena)) // 16
    if arena_state[at] != IN_USE:
        fail(Failure.FREED)
    while arena_state[at] == IN_USE:
        arena_state[at] = GIVEN_BACK
        at += 1


def is_heap(address: u64) -> bool:
    return addr_of(arena) <= address < addr_of(arena) + ARENA


def check_in_use(address: u64) -> None:
    """Memory of the heap must have been given out, and not back."""
    if is_heap(address) and arena_state[(address - addr_of(arena)) // 16] != IN_USE:
        fail(Failure.FREED)
