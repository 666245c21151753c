# SPDX-License-Identifier: GPL-2.0-or-later
"""A radix tree: words by number, found without a lock.

A key has one word, an `Atomic[u64]` of which 0 means "nothing"; what the others mean, and how they change, is the user's. `find` and
`next_used` need no lock, also while the tree grows; `make` and `clear` are for one at a time. Nodes stay until `clear`: a word
that was found once may be kept for as long as the tree is.
64 words a node, so that keys below 64 take one load, below 4096 two, and so on.
"""

from lang import ACQUIRE, RELEASE, Array, Atomic, addr_of, array, at, free, new, recursion, struct, u64

SHIFT: u64 = 6
FANOUT: u64 = 64
MOST_LEVELS: u64 = 11                       # 11 * 6 bits hold every u64
LEVELS: u64 = 15                            # of the root word: nodes are aligned to 16 bytes


@struct(align=64)
class RadixNode:
    words: Array[Atomic[u64]] = array(FANOUT, Atomic[u64])  # a leaf's are the user's, others hold addresses of nodes


@struct
class RadixTree:
    root: Atomic[u64]                       # address of the top node, and in the low bits how many levels there are

    def find(self, key: u64) -> Atomic[u64] | None:
        """The word of `key`, if it was made."""
        root = self.root.load(order=ACQUIRE)
        levels = root & LEVELS
        if not reaches(levels, key):
            return None
        node = root & ~LEVELS
        while levels > 1:
            levels -= 1
            node = at(RadixNode, node).words[digit(key, levels)].load(order=ACQUIRE)
            if node == 0:
                return None
        return at(RadixNode, node).words[key % FANOUT]

    def make(self, key: u64) -> Atomic[u64]:
        """The word of `key`, made if need be. One caller at a time. Raises ENOMEM."""
        while not reaches(self.root.load() & LEVELS, key):
            self.grow()
        root = self.root.load()
        levels = root & LEVELS
        node = root & ~LEVELS
        while levels > 1:
            levels -= 1
            place = at(RadixNode, node).words[digit(key, levels)]
            node = place.load()
            if node == 0:
                node = new_node()
                place.store(node, order=RELEASE)  # pairs with `find`: the node's zeros before its address
        return at(RadixNode, node).words[key % FANOUT]

    def grow(self) -> None:
        """One level more, above what there is."""
        old = self.root.load()
        levels = old & LEVELS
        node = new_node()
        if levels > 0:
            at(RadixNode, node).words[0].store(old & ~LEVELS)
        self.root.store(node | levels + 1, order=RELEASE)

    def next_used(self, start: u64, end: u64) -> u64:
        """The lowest key in [start, end) whose word is not 0; `end` if there is none."""
        key = start
        while key < end:
            root = self.root.load(order=ACQUIRE)
            levels = root & LEVELS
            if not reaches(levels, key):
                return end
            node = root & ~LEVELS
            while levels > 1 and node != 0:
                levels -= 1
                node = at(RadixNode, node).words[digit(key, levels)].load(order=ACQUIRE)
            if node == 0:
                key = after(key, levels)
            elif at(RadixNode, node).words[key % FANOUT].load(order=ACQUIRE) != 0:
                return key
            else:
                key += 1
            if key == 0:
                return end                  # past the last key of all
        return end

    def clear(self) -> None:
        """Free all nodes. Nobody else uses the tree, nor any word of it."""
        root = self.root.load()
        self.root.store(0)
        if root != 0:
            free_node(root & ~LEVELS, root & LEVELS)


def digit(key: u64, level: u64) -> u64:
    """Which word of a node `level` levels above the leaves."""
    return (key >> (level * SHIFT)) % FANOUT


def reaches(levels: u64, key: u64) -> bool:
    """Whether a tree of so many levels has a place for `key`."""
    return levels >= MOST_LEVELS or levels > 0 and key >> (levels * SHIFT) == 0


def after(key: u64, level: u64) -> u64:
    """The first key beyond what a node at `level`'s word for `key` covers; 0 if there is none."""
    return ((key >> (level * SHIFT)) + 1) << (level * SHIFT)


def new_node() -> u64:
    return addr_of(new(RadixNode))


@recursion(11)                              # MOST_LEVELS
def free_node(address: u64, levels: u64) -> None:
    node = at(RadixNode, address)
    if levels > 1:
        for word in node.words:
            below = word.load()
            if below != 0:
                free_node(below, levels - 1)
    free(node)
