# SPDX-License-Identifier: GPL-2.0-or-later
"""The page cache: the pages of one file that are in memory, whoever reads, writes or maps it.

Each page has a slot in a radix tree: one word with the page's number, the references on it (one for each mapping and each transfer) and
its state. All that happens to a page is one atomic change of its slot, so looking a page up takes no lock, and nobody finds a page that is
being thrown away: that needs "no references, not dirty" and the word's becoming 0 in the same step. (The page itself counts
references as well: the cache has one, and a private mapping of a CONSTANT file one for each entry, which outlives the slot.)
    empty -> LOCKED (being read) -> UPTODATE -> … -> empty          UPTODATE -> UPTODATE and LOCKED (being written back) -> UPTODATE
DIRTY is set by who gives a page back that was written, and from the dirty bits of mappings, which the processor sets (writeback.py).
Files that are memory anyway are filled at once, without waiting; of these, PINNED ones have no other copy (tmpfs) and are never thrown
away; all others are read and written by calls that may block.
Locks: `lock`, for making slots and filling at once, before the allocators'; `changed`, a condition variable, for waiting on LOCKED;
`all_lock`, a leaf.
"""

from abc import abstractmethod
from enum import IntFlag
from typing import Literal, Protocol

from lang import ACQUIRE, Atomic, Bits, Error, Paddr, Ref, bit, bits, blocks, memset, must_use, never_blocks, struct, u32, u64
from kern.abi.errno import Errno
from kern.lib.list import IntrusiveList, ListLink
from kern.lib.radix import RadixTree
from kern.mm.pages import PAGE_SHIFT, PAGE_SIZE, Shrinker, alloc_user_page, bytes_at, is_only_reference, page_put, shrinkers
from kern.mm.writeback import request_writeback
from kern.sync.condvar import CondVar
from kern.sync.qlock import QLock
from kern.sync.spinlock import SpinLock

END_OF_KEYS: u64 = 1 << 52
MOST_REFS: u64 = (1 << 24) - 1


class Slot(Bits[u64]):
    number = bits(0, 31)                    # page frame
    refs = bits(32, 55)
    uptodate = bit(56)                      # the page holds what the file does, or what will be written to it
    dirty = bit(57)                         # ... and the file does not yet
    locked = bit(58)                        # it is being read or written


ONE_REF: u64 = 1 << 32
DIRTY: u64 = 1 << 57
LOCKED: u64 = 1 << 58


class CacheKind(u32, IntFlag):
    AT_ONCE = 1                             # `fill_page` gives the contents without waiting
    PINNED = 2                              # there is no other copy: never thrown away, never written back
    CONSTANT = 4                            # what the file holds never changes: private mappings have its pages, until they write


class Mappable(Protocol):
    """A file with pages, as the cache and mappings see it. References keep it, and its cache."""

    @abstractmethod
    def get(self) -> None:
        """One more reference."""

    @abstractmethod
    def put(self) -> None:
        """One reference less."""

    @abstractmethod
    def page_count(self) -> u64:
        """Pages up to the end of the file, the last perhaps a part. Never blocks."""

    @abstractmethod
    @never_blocks
    def fill_page(self, index: u64, page: Paddr) -> None:
        """Make the page what the file holds there. Of AT_ONCE files only. Never blocks."""

    @abstractmethod
    @blocks
    def read_page(self, index: u64, page: Paddr) -> None:
        """The same for the others. May raise."""

    @abstractmethod
    @blocks
    def write_page(self, index: u64, page: Paddr) -> None:
        """Write a page back. May raise."""


@struct
class PageCache:
    tree: RadixTree
    lock: SpinLock
    changed: CondVar
    file: Ref[Mappable]
    kind: CacheKind
    syncing: QLock                          # held by who collects dirty bits and writes back
    mappings: Atomic[u32]                   # shared ones
    link: ListLink["PageCache"]             # in the list of those to be written back
    among_all: ListLink["PageCache"]        # in the list of those that can spare pages

    def init(self, file: Mappable, kind: CacheKind) -> None:
        """Make it the cache of a file. Unless that is PINNED its pages are thrown away when memory is short."""
        self.file = file
        self.kind = kind
        if CacheKind.PINNED not in kind:
            with all_lock.irqs_off():
                all_caches.push_back(self)

    # References on pages

    @never_blocks
    def get(self, index: u64) -> Paddr | None:
        """The page, with a reference for the caller; None if it is not here, or not yet. No lock."""
        word = self.tree.find(index)
        if word is None:
            return None
        seen = word.load(order=ACQUIRE)
        while True:
            slot = Slot.from_raw(seen)
            if not slot.uptodate or slot.refs == MOST_REFS:
                return None
            if word.cas(seen, seen + ONE_REF):
                return Paddr(slot.number << PAGE_SHIFT)
            seen = word.load(order=ACQUIRE)

    def put(self, index: u64, dirty: bool) -> None:
        """Give a reference back, having written to the page or not."""
        word = self.tree.find(index)
        assert word is not None and Slot.from_raw(word.load()).refs > 0, "a page is given back that nobody has"
        if dirty and CacheKind.PINNED not in self.kind:
            word.or_(DIRTY)                 # before the reference goes, which keeps the page
        word.sub(ONE_REF)

    @never_blocks
    def find(self, index: u64) -> Paddr | None:
        """The page, with a reference, without waiting. None if it must be read first. Raises ESPIPE beyond the end, ENOMEM."""
        page = self.get(index)
        if page is None:
            self.check_end(index)
            if CacheKind.AT_ONCE not in self.kind:
                return None
            page = self.fill(index)
        self.check_held(index)
        return page

    def load(self, index: u64, beyond_end: bool) -> Paddr:
        """The page, with a reference. May block. Raises ESPIPE beyond the end, unless the caller is making the file longer; ENOMEM;
        what reading the file raises."""
        page = self.get(index)
        while page is None:
            if not beyond_end:
                self.check_end(index)
            if CacheKind.AT_ONCE in self.kind:
                page = self.fill(index)
            else:
                self.read_or_wait(index)
                page = self.get(index)
        if not beyond_end:
            self.check_held(index)
        return page

    def check_end(self, index: u64) -> None:
        if index >= self.file.page_count():
            raise Error(Errno.ESPIPE, "beyond the end of the file")

    def check_held(self, index: u64) -> None:
        """The same for a page that the caller has a reference on: the file may have become shorter before it had."""
        if index >= self.file.page_count():
            self.put(index, False)
            raise Error(Errno.ESPIPE, "beyond the end of the file")

    # Making pages

    @never_blocks
    def fill(self, index: u64) -> Paddr:
        """Make the page of a file that is AT_ONCE; with a reference. Raises ENOMEM."""
        with self.lock:
            page = self.get(index)          # who was faster held the lock
            if page is not None:
                return page
            word = self.tree.make(index)
            page = alloc_user_page()
            self.file.fill_page(index, page)
            word.store(Slot(number=u64(page) >> PAGE_SHIFT, refs=1, uptodate=True).raw)
            return page

    def read_or_wait(self, index: u64) -> None:
        """Have the page read, or wait for who is reading it. It may be gone again when this returns. May block."""
        page = self.begin_read(index)
        if page is None:
            self.wait_until_read(index)
            return
        word = self.tree.make(index)        # it was made
        try:
            self.file.read_page(index, page)
            word.store(Slot(number=u64(page) >> PAGE_SHIFT, uptodate=True).raw)
        except Error:
            word.store(0)
            page_put(page)
            raise
        finally:
            self.changed.lock_and_broadcast()

    def begin_read(self, index: u64) -> Paddr | None:
        """A page to read into; the slot is LOCKED. None if there is something already."""
        with self.lock:
            word = self.tree.make(index)
            if word.load() != 0:
                return None
            page = alloc_user_page()
            word.store(Slot(number=u64(page) >> PAGE_SHIFT, locked=True).raw)
            return page

    def wait_until_read(self, index: u64) -> None:
        """Sleep while the page is being read. May block."""
        word = self.tree.find(index)
        if word is None:
            return
        with self.changed.lock.irqs_off() as held:
            # Who unlocks wakes under the same lock, afterwards: either we see it here, or it sees us wait.
            while is_being_read(word.load()):
                self.changed.wait(held)

    # Back to the file

    def write_back(self) -> None:
        """Write all dirty pages. May block. Raises what the first failure raised, after all were tried; what was not written is dirty
        still. Caller holds: `syncing`."""
        failed = Errno.OK
        index = self.tree.next_used(0, END_OF_KEYS)
        while index < END_OF_KEYS:
            error = self.write_one(index)
            if failed == Errno.OK:
                failed = error
            index = self.tree.next_used(index + 1, END_OF_KEYS)
        if failed != Errno.OK:
            raise Error(failed, "not all of the file could be written")

    def write_one(self, index: u64) -> Errno:
        word = self.tree.find(index)
        if word is None:
            return Errno.OK
        page = self.begin_write(word)
        if page is None:
            return Errno.OK
        result = Errno.OK
        try:
            self.file.write_page(index, page)
        except Error as e:
            result = e.errno
            word.or_(DIRTY)
        word.and_(~LOCKED)
        word.sub(ONE_REF)
        self.changed.lock_and_broadcast()
        return result

    def begin_write(self, word: Atomic[u64]) -> Paddr | None:
        """Lock a dirty page and take a reference: from here on it counts as clean, so that a later change is not lost. None if it is."""
        while True:
            seen = word.load()
            slot = Slot.from_raw(seen)
            if slot.locked:
                self.wait_until_unlocked(word)
            elif not slot.dirty:
                return None
            elif word.cas(seen, (seen | LOCKED) - DIRTY + ONE_REF):
                return Paddr(slot.number << PAGE_SHIFT)

    def wait_until_unlocked(self, word: Atomic[u64]) -> None:
        with self.changed.lock.irqs_off() as held:
            while word.load() & LOCKED != 0:
                self.changed.wait(held)

    # Throwing pages away

    @never_blocks
    def flush_unused(self) -> u64:
        """Throw away the clean pages that nobody has; how many."""
        if CacheKind.PINNED in self.kind:
            return 0
        count: u64 = 0
        index = self.tree.next_used(0, END_OF_KEYS)
        while index < END_OF_KEYS:
            word = self.tree.find(index)
            if word is not None and not is_mapped(word.load()) and remove_unused(word, DIRTY):
                count += 1
            index = self.tree.next_used(index + 1, END_OF_KEYS)
        return count

    def count_unused(self) -> u64:
        """Pages that nobody has a reference on."""
        count: u64 = 0
        index = self.tree.next_used(0, END_OF_KEYS)
        while index < END_OF_KEYS:
            word = self.tree.find(index)
            if word is not None and Slot.from_raw(word.load()).refs == 0:
                count += 1
            index = self.tree.next_used(index + 1, END_OF_KEYS)
        return count

    def truncate(self, first: u64) -> None:
        """The file now ends before page `first`, and says so: throw away what is beyond. Pages that somebody has are cleared, and
        stay, so that a mapping sees what a longer file would hold. May block."""
        index = self.tree.next_used(first, END_OF_KEYS)
        while index < END_OF_KEYS:
            word = self.tree.find(index)
            if word is not None:
                self.remove_or_zero(index, word)
            index = self.tree.next_used(index + 1, END_OF_KEYS)

    def remove_or_zero(self, index: u64, word: Atomic[u64]) -> None:
        while word.load() & LOCKED != 0:
            self.wait_until_unlocked(word)
        if remove_unused(word, 0):
            return
        page = self.get(index)
        if page is not None:
            memset(bytes_at(page, PAGE_SIZE), 0)
            self.put(index, False)

    @never_blocks
    def destroy(self) -> None:
        """Nobody has the file any more."""
        index = self.tree.next_used(0, END_OF_KEYS)
        while index < END_OF_KEYS:
            word = self.tree.find(index)
            gone = word is not None and remove_unused(word, 0)
            assert gone, "a page of a file that is gone is in use"
            index = self.tree.next_used(index + 1, END_OF_KEYS)
        self.tree.clear()

    # Mappings

    def map_get(self, shared: bool) -> None:
        """One more region maps the file."""
        self.file.get()
        if shared:
            self.mappings.add(1)

    def map_put(self, shared: bool) -> None:
        """One region less. With the last shared one what was written through them goes to the file soon."""
        if shared and self.mappings.sub(1) == 1 and CacheKind.PINNED not in self.kind:
            request_writeback(self)
        self.file.put()

    def mark_dirty(self, index: u64) -> None:
        """The page was written through a mapping, which has a reference on it."""
        word = self.tree.find(index)
        if word is not None and CacheKind.PINNED not in self.kind:
            word.or_(DIRTY)


@shrinkers
class FilePages(Shrinker):
    def shrink(self) -> None:
        """Files that are not PINNED are never forgotten, so the list only grows, and at its end."""
        with all_lock.irqs_off():
            cache = all_caches.first()
        while cache is not None:
            cache.flush_unused()
            with all_lock.irqs_off():
                cache = all_caches.after(cache)


all_caches = IntrusiveList[PageCache, Literal["among_all"]]()
all_lock = SpinLock()


def is_mapped(word: u64) -> bool:
    """Whether private mappings have the page: without it here their memory would not be free, and the next one would need it once more."""
    return word != 0 and not is_only_reference(Paddr(Slot.from_raw(word).number << PAGE_SHIFT))


def is_being_read(word: u64) -> bool:
    slot = Slot.from_raw(word)
    return slot.locked and not slot.uptodate


@must_use
def remove_unused(word: Atomic[u64], keep: u64) -> bool:
    """Throw a page away if nobody has it, it is not locked, and none of the bits `keep` are set."""
    while True:
        seen = word.load()
        slot = Slot.from_raw(seen)
        if seen == 0 or slot.refs > 0 or slot.locked or seen & keep != 0:
            return False
        if word.cas(seen, 0):               # nobody finds it from here on, and nobody had it
            page_put(Paddr(slot.number << PAGE_SHIFT))
            return True
