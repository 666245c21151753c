# SPDX-License-Identifier: GPL-2.0-or-later
"""HashMap: from a 64-bit key to an item, chained through the items' own `hash_next` and `hash_key` fields.

A fixed number of chains, no allocation. Keys are unique. No lock: the caller has one.
"""

from typing import Generic, Literal, TypeVar

from lang import Array, array, struct, u64
from kern.lib.hashchain import HashChain, spread

T = TypeVar("T")

CHAINS: u64 = 256


@struct
class HashMap(Generic[T]):
    chains: Array[HashChain[T, Literal["hash_key"]]] = array(CHAINS)
    count: u64

    def chain_of(self, key: u64) -> HashChain[T, Literal["hash_key"]]:
        return self.chains[spread(key) >> 56]

    def find(self, key: u64) -> T | None:
        return self.chain_of(key).find(key)

    def insert(self, key: u64, item: T) -> bool:
        """Add `item` under `key`, unless that is taken."""
        chain = self.chain_of(key)
        if chain.find(key) is not None:
            return False
        item.hash_key = key
        chain.push(item)
        self.count += 1
        return True

    def remove(self, key: u64) -> T | None:
        """Take the item with `key` out."""
        item = self.chain_of(key).take(key)
        if item is not None:
            self.count -= 1
        return item
