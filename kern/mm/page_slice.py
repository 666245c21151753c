# SPDX-License-Identifier: GPL-2.0-or-later
"""Page slices: part of a page of memory, with a reference to it. Whoever has the last slice of a page, or the last reference of another
kind, frees it; so data can be handed on, in parts, without being copied.

No locks: a slice belongs to one owner, the references count atomically (kern/mm/pages.py).
"""

from lang import Paddr, Span, struct, u8, u64
from kern.mm.pages import PAGE_SIZE, bytes_at, page_get, page_put


@struct
class PageSlice:
    """Empty if `length` is 0; then it refers to no page."""

    page: Paddr
    offset: u64
    length: u64

    def hold(self, page: Paddr, offset: u64, length: u64) -> None:
        """Become [offset, offset + length) of a page that somebody holds."""
        assert self.length == 0, "a slice that holds a page already"
        assert offset + length <= PAGE_SIZE, "a slice beyond its page"
        if length > 0:
            page_get(page)
            self.page = page
            self.offset = offset
            self.length = length

    def slice(self, start: u64, end: u64, into: "PageSlice") -> None:
        """Make `into`, which is empty, hold [start, end) of this one."""
        assert start <= end and end <= self.length, "a slice beyond its slice"
        into.hold(self.page, self.offset + start, end - start)

    def bytes(self) -> Span[u8]:
        """What is in it, as long as it is held."""
        if self.length == 0:
            return Span[u8](0, 0)
        return bytes_at(self.page, PAGE_SIZE)[self.offset : self.offset + self.length]

    def drop(self) -> None:
        """Hold nothing any more."""
        if self.length > 0:
            self.length = 0
            page_put(self.page)
