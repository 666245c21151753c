# SPDX-License-Identifier: GPL-2.0-or-later
"""RcuList: a linked list that is walked without a lock while others change it (kern/sync/rcu.py).

    with reading():
        item = items.first()
        while item is not None:
            item = items.after(item)
A walk meets every item that is in the list all the while; of one that comes or goes meanwhile, it may go either way. Who changes the list
excludes others by a lock of its own, and reuses a removed item only after `synchronize_rcu` or in a `call_rcu`: until then walks may
stand on it, and go on from it.
"""

from typing import Generic, TypeVar

from lang import ACQUIRE, RELAXED, RELEASE, Atomic, Ref, struct

T = TypeVar("T")
L = TypeVar("L")


@struct
class RcuLink(Generic[T]):
    next: Atomic[Ref[T] | None]


@struct
class RcuList(Generic[T, L]):
    head: Atomic[Ref[T] | None]

    def first(self) -> T | None:
        return self.head.load(order=ACQUIRE)  # pairs with push_front: the item is seen whole

    def after(self, item: T) -> T | None:
        return getattr(item, L).next.load(order=ACQUIRE)  # pairs with push_front

    def push_front(self, item: T) -> None:
        """Caller excludes other changes."""
        getattr(item, L).next.store(self.head.load(order=RELAXED), order=RELAXED)
        self.head.store(item, order=RELEASE)  # pairs with first and after

    def remove(self, item: T) -> bool:
        """Take `item` out; False if it is not in. Its own link stays, for walks that stand on it. Caller excludes other changes. Linear."""
        at_item = self.head.load(order=RELAXED)
        before: Ref[T] | None = None
        while at_item is not None and at_item is not item:
            before = at_item
            at_item = getattr(at_item, L).next.load(order=RELAXED)
        if at_item is None:
            return False
        # Release, since the item behind may be newer than the walk that comes to it by this store.
        follower = getattr(item, L).next.load(order=RELAXED)
        if before is None:
            self.head.store(follower, order=RELEASE)
        else:
            getattr(before, L).next.store(follower, order=RELEASE)
        return True
