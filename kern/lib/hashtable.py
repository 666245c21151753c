# SPDX-License-Identifier: GPL-2.0-or-later
"""HashTable: from a 64-bit key to an item, chained through the items' own `hash_next` and `hash_key` fields, as HashMap is; but its
table grows with what is in it, so that chains stay short.

    table = HashTable[Entry]()
    table.insert(7, entry)

An empty table takes no memory. When there is none for a larger one, the chains get longer instead: nothing fails.
Keys are unique. No lock: the caller has one. `clear` gives the memory back.
"""

from typing import Generic, TypeVar

from lang import Error, Ref, Span, array, free, new, struct, u64

T = TypeVar("T")

FIRST: u64 = 16                             # chains
LOAD: u64 = 2                               # items a chain, on average, before there are twice as many


@struct
class Chain(Generic[T]):
    head: Ref[T] | None


@struct
class HashTable(Generic[T]):
    chains: Span[Chain[T]]
    spare: Chain[T]                         # all there is, until there is memory for more
    count: u64

    def chain_of(self, key: u64) -> Chain[T]:
        if len(self.chains) == 0:
            return self.spare
        # Fibonacci hashing: the upper bits of a product with 2**64 / golden ratio are well mixed.
        return self.chains[(key * 0x9E37_79B9_7F4A_7C15 >> 32) % len(self.chains)]

    def find(self, key: u64) -> T | None:
        item = self.chain_of(key).head
        while item is not None:
            if item.hash_key == key:
                return item
            item = item.hash_next
        return None

    def insert(self, key: u64, item: T) -> bool:
        """Add `item` under `key`, unless that is taken."""
        if self.find(key) is not None:
            return False
        if self.count >= len(self.chains) * LOAD:
            self.grow()
        item.hash_key = key
        self.push(item)
        self.count += 1
        return True

    def push(self, item: T) -> None:
        chain = self.chain_of(item.hash_key)
        item.hash_next = chain.head
        chain.head = item

    def remove(self, key: u64) -> T | None:
        """Take the item with `key` out."""
        chain = self.chain_of(key)
        before: Ref[T] | None = None
        item = chain.head
        while item is not None and item.hash_key != key:
            before = item
            item = item.hash_next
        if item is None:
            return None
        if before is None:
            chain.head = item.hash_next
        else:
            before.hash_next = item.hash_next
        item.hash_next = None
        self.count -= 1
        return item

    def grow(self) -> None:
        """Twice as many chains, if there is memory for them."""
        try:
            larger = new(array(max(FIRST, len(self.chains) * 2), Chain[T]))
        except Error:
            return
        old = self.chains
        self.chains = larger
        self.move(self.spare)
        for i in range(len(old)):
            self.move(old[i])
        if len(old) > 0:
            free(old)

    def move(self, chain: Chain[T]) -> None:
        """All of an old chain to where they belong now."""
        item = chain.head
        chain.head = None
        while item is not None:
            next = item.hash_next
            self.push(item)
            item = next

    def longest(self) -> u64:
        """Items in the longest chain."""
        most: u64 = 0
        for i in range(len(self.chains)):
            count: u64 = 0
            item = self.chains[i].head
            while item is not None:
                count += 1
                item = item.hash_next
            most = max(most, count)
        return most

    def clear(self) -> None:
        """Forget all items, and give the memory back."""
        if len(self.chains) > 0:
            free(self.chains)
        self.chains = self.chains[:0]
        self.spare.head = None
        self.count = 0
