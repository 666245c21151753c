# SPDX-License-Identifier: GPL-2.0-or-later
"""RedBlackTree: items in order of a key, by a link that stands inside each; every operation takes a logarithmic number of steps.
After Cormen, Leiserson, Rivest and Stein, "Introduction to Algorithms", chapter 13.

    class Range:
        start: u64
        node: TreeLink["Range"]
    ranges = RedBlackTree[Range, Literal["node"], Literal["start"]]()

No two items have the same key, and a key stays as it is while its item is in the tree. No allocation; no lock: the caller has one.
Invariants: no red item has a red child, and every way from an item down to nothing passes as many black ones; so no way is longer
than twice the shortest.
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
        return self.at_or_after(0)

    def last(self) -> T | None:
        return self.at_or_before(0xFFFF_FFFF_FFFF_FFFF)

    def after(self, item: T) -> T | None:
        key: u64 = getattr(item, K)
        return self.at_or_after(key + 1) if key + 1 != 0 else None

    def before(self, item: T) -> T | None:
        key: u64 = getattr(item, K)
        return self.at_or_before(key - 1) if key != 0 else None

    # -- changing -------------------------------------------------------------------------------------------------
    def insert(self, item: T) -> bool:
        """Add an item, which is in no tree by this link; False if its key is taken."""
        link = getattr(item, L)
        assert not link.linked, "the item is in a tree already"
        parent: Ref[T] | None = None
        at = self.root
        while at is not None:
            parent = at
            if getattr(item, K) == getattr(at, K):
                return False
            at = getattr(at, L).left if getattr(item, K) < getattr(at, K) else getattr(at, L).right
        link.left = None
        link.right = None
        link.parent = parent
        link.red = True
        link.linked = True
        self.count += 1
        if parent is None:
            self.root = item
        elif getattr(item, K) < getattr(parent, K):
            getattr(parent, L).left = item
        else:
            getattr(parent, L).right = item
        self.settle_red(item)
        return True

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
        if link.left is not None and link.right is not None:
            self.swap_with_next(item)
        child = link.left if link.left is not None else link.right
        parent = link.parent
        on_left = parent is not None and self.is_left(item, parent)
        self.hang(child, item, parent)
        if not link.red:
            if child is not None and getattr(child, L).red:
                getattr(child, L).red = False
            elif parent is not None:
                self.settle_black(parent, on_left)
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

    def swap_with_next(self, item: T) -> None:
        """Change places, and colours, with the next in order, which has no left child. The order is wrong until `item` is out."""
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
