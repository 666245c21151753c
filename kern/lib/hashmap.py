# SPDX-License-Identifier: GPL-2.0-or-later
"""HashMap: from a 64-bit key to an item, chained through the items' own `hash_next` and `hash_key` fields.

A fixed number of buckets, no allocation. Keys are unique. No lock: the caller has one.
"""

from typing import Generic, TypeVar

from lang import Array, Ref, array, struct, u64

T = TypeVar("T")

BUCKETS: u64 = 256


@struct
class HashBucket(Generic[T]):
    head: Ref[T] | None


@struct
class HashMap(Generic[T]):
    buckets: Array[HashBucket[T]] = array(BUCKETS)
    count: u64

    def find(self, key: u64) -> T | None:
        item = self.buckets[slot_of(key)].head
        while item is not None:
            if item.hash_key == key:
                return item
            item = item.hash_next
        return None

    def insert(self, key: u64, item: T) -> bool:
        """Add `item` under `key`, unless that is taken."""
        if self.find(key) is not None:
            return False
        bucket = self.buckets[slot_of(key)]
        item.hash_key = key
        item.hash_next = bucket.head
        bucket.head = item
        self.count += 1
        return True

    def remove(self, key: u64) -> T | None:
        """Take the item with `key` out."""
        bucket = self.buckets[slot_of(key)]
        before: Ref[T] | None = None
        item = bucket.head
        while item is not None and item.hash_key != key:
            before = item
            item = item.hash_next
        if item is None:
            return None
        if before is None:
            bucket.head = item.hash_next
        else:
            before.hash_next = item.hash_next
        item.hash_next = None
        self.count -= 1
        return item


def slot_of(key: u64) -> u64:
    # Fibonacci hashing: the upper bits of a product with 2**64 / golden ratio are well mixed.
    return (key * 0x9E37_79B9_7F4A_7C15) >> 56
