# SPDX-License-Identifier: GPL-2.0-or-later
"""HashTable: from a 64-bit key to an item, chained through the items' own `hash_next` and `hash_key` fields, as HashMap is; but its
table grows with what is in it, so that chains stay short.

    table = HashTable[Entry]()
    table.insert(7, entry)

An empty table takes no memory. When there is none for a larger one, the chains get longer instead: nothing fails.
Keys are unique. No lock: the caller has one. `clear` gives the memory back.
"""

from typing import Generic, Literal, TypeVar

from lang import Error, Span, array, free, new, struct, u64
from kern.lib.hashchain import HashChain, spread

T = TypeVar("T")

FIRST: u64 = 16                             # chains
LOAD: u64 = 2                               # items a chain, on average, before there are twice as many


@struct
class HashTable(Generic[T]):
    chains: Span[HashChain[T, Literal["hash_key"]]]
    spare: HashChain[T, Literal["hash_key"]]  # all there is, until there is memory for more
    count: u64

    def chain_of(self, key: u64) -> HashChain[T, Literal["hash_key"]]:
        return self.chains[(spread(key) >> 32) % len(self.chains)] if len(self.chains) > 0 else self.spare

    def find(self, key: u64) -> T | None:
        return self.chain_of(key).find(key)

    def insert(self, key: u64, item: T) -> bool:
        """Add `item` under `key`, unless that is taken."""
        if self.find(key) is not None:
            return False
        if self.count >= len(self.chains) * LOAD:
            self.grow()
        item.hash_key = key
        self.chain_of(key).push(item)
        self.count += 1
        return True

    def remove(self, key: u64) -> T | None:
        """Take the item with `key` out."""
        item = self.chain_of(key).take(key)
        if item is not None:
            self.count -= 1
        return item

    def grow(self) -> None:
        """Twice as many chains, if there is memory for them."""
        try:
            larger = new(array(max(FIRST, len(self.chains) * 2), HashChain[T, Literal["hash_key"]]))
        except Error:
            return
        old = self.chains
        self.chains = larger
        self.move(self.spare)
        for i in range(len(old)):
            self.move(old[i])
        if len(old) > 0:
            free(old)

    def move(self, chain: HashChain[T, Literal["hash_key"]]) -> None:
        """All of an old chain to where they belong now."""
        while (item := chain.pop()) is not None:
            self.chain_of(item.hash_key).push(item)

    def longest(self) -> u64:
        """Items in the longest chain."""
        return max((chain.length() for chain in self.chains), default=0)

    def clear(self) -> None:
        """Forget all items, and give the memory back."""
        if len(self.chains) > 0:
            free(self.chains)
        self.chains = self.chains[:0]
        self.spare.head = None
        self.count = 0
