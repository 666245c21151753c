# SPDX-License-Identifier: GPL-2.0-or-later
"""red_black N ROUNDS: N insertions into a red-black tree (with parent pointers), N look-ups, a walk in order."""

import sys

from lang import Ref, Span, array, i32, new, struct, u64


@struct
class Node:
    key: u64
    left: Ref["Node"] | None
    right: Ref["Node"] | None
    parent: Ref["Node"] | None
    red: bool


@struct
class Tree:
    root: Ref[Node] | None

    def rotate_left(self, x: Node) -> None:
        y = x.right
        if y is None:
            return
        inner = y.left
        x.right = inner
        if inner is not None:
            inner.parent = x
        self.replace(x, y)
        y.left = x
        x.parent = y

    def rotate_right(self, x: Node) -> None:
        y = x.left
        if y is None:
            return
        inner = y.right
        x.left = inner
        if inner is not None:
            inner.parent = x
        self.replace(x, y)
        y.right = x
        x.parent = y

    def replace(self, x: Node, y: Node) -> None:
        """Hang `y` where `x` is."""
        parent = x.parent
        y.parent = parent
        if parent is None:
            self.root = y
        elif parent.left is x:
            parent.left = y
        else:
            parent.right = y

    def insert(self, node: Node) -> bool:
        at = self.root
        parent: Ref[Node] | None = None
        smaller = False
        while at is not None:
            if node.key == at.key:
                return False
            parent = at
            smaller = node.key < at.key
            at = at.left if smaller else at.right
        node.parent = parent
        node.left = None
        node.right = None
        node.red = True
        if parent is None:
            self.root = node
        elif smaller:
            parent.left = node
        else:
            parent.right = node
        self.balance(node)
        return True

    def balance(self, added: Node) -> None:
        node = added
        while True:
            parent = node.parent
            if parent is None:
                node.red = False
                return
            if not parent.red:
                return
            above = parent.parent
            if above is None:
                return
            if above.left is parent:
                uncle = above.right
                if uncle is not None and uncle.red:
                    parent.red = False
                    uncle.red = False
                    above.red = True
                    node = above
                    continue
                if parent.right is node:
                    self.rotate_left(parent)
                    parent = node
                parent.red = False
                above.red = True
                self.rotate_right(above)
                return
            uncle = above.left
            if uncle is not None and uncle.red:
                parent.red = False
                uncle.red = False
                above.red = True
                node = above
                continue
            if parent.left is node:
                self.rotate_right(parent)
                parent = node
            parent.red = False
            above.red = True
            self.rotate_left(above)
            return

    def contains(self, key: u64) -> bool:
        at = self.root
        while at is not None:
            if key == at.key:
                return True
            at = at.left if key < at.key else at.right
        return False

    def first(self) -> Ref[Node] | None:
        at = self.root
        while at is not None:
            left = at.left
            if left is None:
                return at
            at = left
        return None


def following(node: Node) -> Ref[Node] | None:
    """The next in order."""
    at = node.right
    if at is not None:
        left = at.left
        while left is not None:
            at = left
            left = at.left
        return at
    node_at = node
    parent = node.parent
    while parent is not None and parent.right is node_at:
        node_at = parent
        parent = parent.parent
    return parent


def round(tree: Tree, nodes: Span[Node], state: u64) -> u64:
    tree.root = None
    x = state
    check: u64 = 0
    for i in range(len(nodes)):
        x ^= x << 13
        x ^= x >> 7
        x ^= x << 17
        nodes[i].key = x >> 40
        if tree.insert(nodes[i]):
            check += 1
    for i in range(len(nodes)):
        if tree.contains(i * 16):
            check += 3
    at = tree.first()
    while at is not None:
        check = check * 31 + at.key
        at = following(at)
    return check


def main() -> i32:
    n = u64(sys.argv[1])
    rounds = u64(sys.argv[2])
    nodes = new(array(n, Node))
    tree = Tree()
    check: u64 = 88172645463325252
    for _ in range(rounds):
        check = round(tree, nodes, check | 1)
    print(check)
    return 0
