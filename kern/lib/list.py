# SPDX-License-Identifier: GPL-2.0-or-later OR LGPL-2.1-or-later
"""IntrusiveList: a doubly linked list through a link that stands inside each item. Removal from anywhere is constant.

    class Proc:
        sibling: ListLink["Proc"]
    children = IntrusiveList[Proc, Literal["sibling"]]()

An item may be in several lists, one for each of its links. No lock: the caller has one. Kernel and programs use the same.
To walk: `item = items.first()`, `item = items.after(item)`; take the next before you remove the one in hand.
"""

from typing import Generic, TypeVar

from lang import Ref, inline, struct, u64

T = TypeVar("T")
L = TypeVar("L")


@struct
class ListLink(Generic[T]):
    next: Ref[T] | None
    prev: Ref[T] | None
    linked: bool


@struct
class IntrusiveList(Generic[T, L]):
    head: Ref[T] | None
    tail: Ref[T] | None
    count: u64

    def is_empty(self) -> bool:
        return self.head is None

    def first(self) -> T | None:
        return self.head

    def last(self) -> T | None:
        return self.tail

    def after(self, item: T) -> T | None:
        return getattr(item, L).next

    def before(self, item: T) -> T | None:
        return getattr(item, L).prev

    def push_back(self, item: T) -> None:
        link = getattr(item, L)
        assert not link.linked, "the item is in a list already"
        tail = self.tail
        link.prev = tail
        link.next = None
        link.linked = True
        if tail is None:
            self.head = item
        else:
            getattr(tail, L).next = item
        self.tail = item
        self.count += 1

    def push_front(self, item: T) -> None:
        head = self.head
        if head is None:
            self.push_back(item)
        else:
            self.insert_before(head, item)

    def insert_before(self, place: T, item: T) -> None:
        """Put `item` directly before `place`, which is in this list."""
        link = getattr(item, L)
        assert not link.linked, "the item is in a list already"
        prev = getattr(place, L).prev
        link.prev = prev
        link.next = place
        link.linked = True
        getattr(place, L).prev = item
        if prev is None:
            self.head = item
        else:
            getattr(prev, L).next = item
        self.count += 1

    def remove(self, item: T) -> None:
        """Take `item` out; it must be in this list."""
        link = getattr(item, L)
        assert link.linked, "the item is in no list"
        prev = link.prev
        next = link.next
        if prev is None:
            self.head = next
        else:
            getattr(prev, L).next = next
        if next is None:
            self.tail = prev
        else:
            getattr(next, L).prev = prev
        link.next = None
        link.prev = None
        link.linked = False
        self.count -= 1

    @inline
    def pop_front(self) -> T | None:
        head = self.head
        if head is not None:
            link = getattr(head, L)
            following = link.next
            self.head = following
            if following is None:
                self.tail = None
            else:
                getattr(following, L).prev = None
            link.next = None
            link.linked = False
            self.count -= 1
        return head

    def contains(self, item: T) -> bool:
        """Whether `item` is linked by this kind of link; with one list per link, whether it is in this one."""
        return getattr(item, L).linked
