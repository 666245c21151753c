# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory that may be used, of what a loader or the firmware names: ranges that are sorted and disjoint whatever they told.

What is named twice counts once, or a page would be given out twice; what is excluded stays so only against what was added before.
On one core, before there is an allocator: no locks, and no memory but BootInfo's own. Ranges that find no room there stay unused.
"""

from lang import u32, u64
from kern.arch_api import BootInfo

PAGE: u64 = 4096


def add_usable(info: BootInfo, first: u64, last: u64) -> None:
    """Add the whole pages of [first, last) that are not there yet."""
    start = (first + PAGE - 1) & ~(PAGE - 1)
    end = last & ~(PAGE - 1)
    i: u32 = 0
    while start < end:
        while i < info.usable_count and info.usable[i].end <= start:
            i += 1
        stop = min(end, info.usable[i].start) if i < info.usable_count else end
        if start < stop:
            if not insert(info, i, start, stop):
                return
            i += 1
        start = info.usable[i].end if i < info.usable_count else end


def exclude(info: BootInfo, first: u64, last: u64) -> None:
    """Take [first, last), widened to pages, out; nothing if it is empty."""
    if first >= last:
        return
    start = first & ~(PAGE - 1)
    end = (last + PAGE - 1) & ~(PAGE - 1)
    i: u32 = 0
    while i < info.usable_count:
        entry = info.usable[i]
        if entry.start < end and start < entry.end:
            rest = entry.end
            entry.end = max(start, entry.start)
            if end < rest:
                if entry.start == entry.end:
                    entry.start, entry.end = end, rest
                else:
                    insert(info, i + 1, end, rest)
                    i += 1
            elif entry.start == entry.end:
                remove(info, i)
                continue
        i += 1


def insert(info: BootInfo, place: u32, start: u64, end: u64) -> bool:
    """A range at that place of the list; False if there is no room."""
    if u64(info.usable_count) == len(info.usable):
        return False
    i = info.usable_count
    while i > place:
        info.usable[i].start = info.usable[i - 1].start
        info.usable[i].end = info.usable[i - 1].end
        i -= 1
    info.usable[place].start = start
    info.usable[place].end = end
    info.usable_count += 1
    return True


def remove(info: BootInfo, place: u32) -> None:
    info.usable_count -= 1
    for i in range(place, info.usable_count):
        info.usable[i].start = info.usable[i + 1].start
        info.usable[i].end = info.usable[i + 1].end
