# SPDX-License-Identifier: GPL-2.0-or-later
"""RedBlackTree: items in order of a key, by a link that stands inside each; every operation takes a logarithmic number of steps.
After Cormen, Leiserson, Rivest and Stein, "Introduction to Algorithms", chapter 13.

    class Range:
        start: u64
        node: TreeLink["Range"]
    ranges = RedBlackTree[Range, Literal["node"], Literal["start"]]()

No two items have the same key. While an item is in the tree its key may change only as far as the order stays. Items may have a weight
(`set_weight`), by which the first that is heavy enough is found as fast (chapter 14.2: each knows the heaviest below it).
No allocation; no lock: the caller has one.
Invariants: no red item has a red child, and every way from an item down to nothing passes as many black ones; so no way is longer
than twice the shortest. `heaviest` is the greatest weight of an item and all below it.
"""

from typing import Generic, TypeVar

from lang import Ref, struct, u64

T = TypeVar("T")
L = TypeVar("L")                            # the link's field
K = TypeVar("K")                            # the key's, a `u64`


@struct
class TreeLink(Generic[T]):
    left: Ref[T] | None
    right: Ref[T] | None
    parent: Ref[T] | None
    weight: u64                             # whatever the owner likes; see `set_weight`
    heaviest: u64
    red: bool
    linked: bool


@struct
class RedBlackTree(Generic[T, L, K]):
    root: Ref[T] | None
    count: u64

    # -- looking --------------------------------------------------------------------------------------------------
    def find(self, key: u64) -> T | None:
        found = self.at_or_before(key)
        return found if found is not None and getattr(found, K) == key else None

    def at_or_before(self, key: u64) -> T | None:
        """The item with the largest key that is not above."""
        best: Ref[T] | None = None
        at = self.root
        while at is not None:
            if getattr(at, K) <= key:
                best = at
                at = getattr(at, L).right
            else:
                at = getattr(at, L).left
        return best

    def at_or_after(self, key: u64) -> T | None:
        """The item with the smallest key that is not below."""
        best: Ref[T] | None = None
        at = self.root
        while at is not None:
            if getattr(at, K) >= key:
                best = at
                at = getattr(at, L).left
            else:
                at = getattr(at, L).right
        return best

    def first(self) -> T | None:
        root = self.root
        return self.lowest(root) if root is not None else None

    def last(self) -> T | None:
        root = self.root
        return self.highest(root) if root is not None else None

    def after(self, item: T) -> T | None:
        at = getattr(item, L).right
        if at is not None:
            return self.lowest(at)
        below = item
        above = getattr(item, L).parent
        while above is not None and not self.is_left(below, above):
            below = above
            above = getattr(above, L).parent
        return above

    def before(self, item: T) -> T | None:
        at = getattr(item, L).left
        if at is not None:
            return self.highest(at)
        below = item
        above = getattr(item, L).parent
        while above is not None and self.is_left(below, above):
            below = above
            above = getattr(above, L).parent
        return above

    def lowest(self, item: T) -> T:
        """The first in order of an item and all below it."""
        at = item
        while (lower := getattr(at, L).left) is not None:
            at = lower
        return at

    def highest(self, item: T) -> T:
        """The last in order of an item and all below it."""
        at = item
        while (higher := getattr(at, L).right) is not None:
            at = higher
        return at

    def first_weighing(self, weight: u64) -> T | None:
        """The first in order of those that have at least this weight."""
        at = self.root
        if at is None or getattr(at, L).heaviest < weight:
            return None
        while True:
            left = getattr(at, L).left
            if left is not None and getattr(left, L).heaviest >= weight:
                at = left
            elif getattr(at, L).weight >= weight:
                return at
            else:
                at = getattr(at, L).right
                assert at is not None, "nothing is as heavy as the heaviest"

    # -- changing -------------------------------------------------------------------------------------------------
    def insert(self, item: T) -> bool:
        """Add an item, which is in no tree by this link, without weight; False if its key is taken."""
        parent: Ref[T] | None = None
        at = self.root
        while at is not None:
            parent = at
            if getattr(item, K) == getattr(at, K):
                return False
            at = getattr(at, L).left if getattr(item, K) < getattr(at, K) else getattr(at, L).right
        self.add(item, parent, parent is not None and getattr(item, K) < getattr(parent, K))
        return True

    def insert_after(self, before: T | None, item: T) -> None:
        """The same where its place is known: directly behind `before`, or as the first. Constant time, as a mean."""
        parent = before
        below = getattr(before, L).right if before is not None else self.root
        if below is not None:
            parent = self.lowest(below)
        self.add(item, parent, below is not None)

    def add(self, item: T, parent: T | None, on_left: bool) -> None:
        link = getattr(item, L)
        assert not link.linked, "the item is in a tree already"
        link.left = None
        link.right = None
        link.parent = parent
        link.weight = 0
        link.heaviest = 0
        link.red = True
        link.linked = True
        self.count += 1
        if parent is None:
            self.root = item
        elif on_left:
            getattr(parent, L).left = item
        else:
            getattr(parent, L).right = item
        self.settle_red(item)

    def settle_red(self, item: T) -> None:
        """A red item may have a red parent: move the trouble up until there is none."""
        at = item
        while True:
            parent = getattr(at, L).parent
            if parent is None:
                getattr(at, L).red = False
                return
            if not getattr(parent, L).red:
                return
            above = getattr(parent, L).parent
            assert above is not None, "a red root"
            parent_is_left = self.is_left(parent, above)
            uncle = getattr(above, L).right if parent_is_left else getattr(above, L).left
            if uncle is not None and getattr(uncle, L).red:
                getattr(parent, L).red = False
                getattr(uncle, L).red = False
                getattr(above, L).red = True
                at = above
                continue
            if self.is_left(at, parent) != parent_is_left:
                self.rotate(parent, parent_is_left)
                at, parent = parent, at
            getattr(parent, L).red = False
            getattr(above, L).red = True
            self.rotate(above, not parent_is_left)
            return

    def remove(self, item: T) -> None:
        """Take an item out, which is in this tree."""
        link = getattr(item, L)
        assert link.linked, "the item is in no tree"
        self.set_weight(item, 0)
        if link.left is not None and link.right is not None:
            self.swap_with_next(item)
        child = link.left if link.left is not None else link.right
        parent = link.parent
        on_left = parent is not None and self.is_left(item, parent)
        self.hang(child, item, parent)
        self.weigh(parent)
        if not link.red:
            if child is not None and getattr(child, L).red:
                getattr(child, L).red = False
            elif parent is not None:
                self.settle_black(parent, on_left)
        self.unlink(item)

    def pop_leaf(self) -> T | None:
        """Take out an item with nothing below it; None if there is none. The tree is not kept in shape: for who takes all of them out."""
        at = self.root
        if at is None:
            return None
        while True:
            left = getattr(at, L).left
            lower = left if left is not None else getattr(at, L).right
            if lower is None:
                break
            at = lower
        self.hang(None, at, getattr(at, L).parent)
        self.unlink(at)
        return at

    def unlink(self, item: T) -> None:
        link = getattr(item, L)
        link.left = None
        link.right = None
        link.parent = None
        link.linked = False
        self.count -= 1

    def settle_black(self, parent: T, on_left: bool) -> None:
        """On one side of `parent` all ways have one black item less than they should."""
        at = parent
        left = on_left
        while True:
            sibling = getattr(at, L).right if left else getattr(at, L).left
            assert sibling is not None, "a way too short"
            if getattr(sibling, L).red:
                getattr(sibling, L).red = False
                getattr(at, L).red = True
                self.rotate(at, left)
                sibling = getattr(at, L).right if left else getattr(at, L).left
                assert sibling is not None, "a way too short"
            far = getattr(sibling, L).right if left else getattr(sibling, L).left
            near = getattr(sibling, L).left if left else getattr(sibling, L).right
            if far is not None and getattr(far, L).red:
                getattr(sibling, L).red = getattr(at, L).red
                getattr(at, L).red = False
                getattr(far, L).red = False
                self.rotate(at, left)
                return
            if near is not None and getattr(near, L).red:
                getattr(near, L).red = getattr(at, L).red
                getattr(at, L).red = False
                self.rotate(sibling, not left)
                self.rotate(at, left)
                return
            getattr(sibling, L).red = True
            if getattr(at, L).red:
                getattr(at, L).red = False
                return
            above = getattr(at, L).parent
            if above is None:
                return
            left = self.is_left(at, above)
            at = above

    # -- weights --------------------------------------------------------------------------------------------------
    def set_weight(self, item: T, weight: u64) -> None:
        """Of an item in this tree."""
        link = getattr(item, L)
        if link.weight != weight:
            link.weight = weight
            self.weigh(item)

    def weigh(self, item: T | None) -> None:
        """Something has changed in what is below an item, or in its own weight: so it may have for all above."""
        at = item
        while at is not None:
            heaviest = self.heaviest_of(at)
            if getattr(at, L).heaviest == heaviest:
                return
            getattr(at, L).heaviest = heaviest
            at = getattr(at, L).parent

    def heaviest_of(self, item: T) -> u64:
        link = getattr(item, L)
        heaviest: u64 = link.weight
        left = link.left
        if left is not None:
            heaviest = max(heaviest, getattr(left, L).heaviest)
        right = link.right
        return max(heaviest, getattr(right, L).heaviest) if right is not None else heaviest

    # -- shape ----------------------------------------------------------------------------------------------------
    def is_left(self, item: T, parent: T) -> bool:
        left = getattr(parent, L).left
        return left is not None and left is item

    def hang(self, item: T | None, instead: T, parent: T | None) -> None:
        """Put `item`, or nothing, where `instead` hangs below `parent`."""
        if parent is None:
            self.root = item
        elif self.is_left(instead, parent):
            getattr(parent, L).left = item
        else:
            getattr(parent, L).right = item
        if item is not None:
            getattr(item, L).parent = parent

    def rotate(self, item: T, left: bool) -> None:
        """Let one child take the place of `item`, which becomes its child: the right one, for a rotation to the left."""
        link = getattr(item, L)
        child = link.right if left else link.left
        assert child is not None, "a rotation without a child"
        inner = getattr(child, L).left if left else getattr(child, L).right
        self.hang(child, item, link.parent)
        if left:
            link.right = inner
            getattr(child, L).left = item
        else:
            link.left = inner
            getattr(child, L).right = item
        if inner is not None:
            getattr(inner, L).parent = item
        link.parent = child
        getattr(child, L).heaviest = link.heaviest
        link.heaviest = self.heaviest_of(item)

    def swap_with_next(self, item: T) -> None:
        """Change places, and colours, with the next in order, which has no left child. The order is wrong until `item` is out, and
        so are weights between the two places."""
        link = getattr(item, L)
        next = link.right
        assert next is not None, "an item without a right child"
        lower = getattr(next, L).left
        while lower is not None:
            next = lower
            lower = getattr(next, L).left
        other = getattr(next, L)
        parent, left, right = link.parent, link.left, link.right
        other_parent, other_right = other.parent, other.right
        link.red, other.red = other.red, link.red
        other.heaviest = link.heaviest
        self.hang(next, item, parent)
        other.left = left
        if left is not None:
            getattr(left, L).parent = next
        link.left = None
        link.right = other_right
        if other_right is not None:
            getattr(other_right, L).parent = item
        if other_parent is not None and other_parent is item:
            other.right = item
            link.parent = next
        else:
            other.right = right
            if right is not None:
                getattr(right, L).parent = next
            link.parent = other_parent
            if other_parent is not None:
                getattr(other_parent, L).left = item
