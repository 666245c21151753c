# SPDX-License-Identifier: GPL-2.0-or-later
"""HashChain: the items of a hash table that share a place in it, linked through their own `hash_next` field.

    class Control:
        object: u64
        hash_next: Ref["Control"] | None
    chains = array(256, HashChain[Control, Literal["object"]])
    chains[spread(key) >> 56].push(control)

The key is the 64-bit field that the second argument names. What hash tables differ in is how many chains they have, and whose memory
those are: kern/lib/hashmap.py, kern/lib/hashtable.py, kern/mm/segments.py. No lock: the caller has one.
"""

from typing import Generic, TypeVar

from lang import Ref, inline, struct, u64

T = TypeVar("T")
K = TypeVar("K")


@inline
def spread(key: u64) -> u64:
    """Fibonacci hashing: the upper bits of a product with 2**64 / golden ratio are well mixed. Source: Knuth, TAOCP, 6.4."""
    return key * 0x9E37_79B9_7F4A_7C15


@struct
class HashChain(Generic[T, K]):
    head: Ref[T] | None

    def find(self, key: u64) -> T | None:
        item = self.head
        while item is not None and getattr(item, K) != key:
            item = item.hash_next
        return item

    def push(self, item: T) -> None:
        item.hash_next = self.head
        self.head = item

    def take(self, key: u64) -> T | None:
        """Take the item with `key` out."""
        before: Ref[T] | None = None
        item = self.head
        while item is not None and getattr(item, K) != key:
            before = item
            item = item.hash_next
        if item is None:
            return None
        if before is None:
            self.head = item.hash_next
        else:
            before.hash_next = item.hash_next
        item.hash_next = None
        return item

    def pop(self) -> T | None:
        """Take the item out that was pushed last."""
        item = self.head
        if item is not None:
            self.head = item.hash_next
            item.hash_next = None
        return item

    def length(self) -> u64:
        count: u64 = 0
        item = self.head
        while item is not None:
            count += 1
            item = item.hash_next
        return count
