# SPDX-License-Identifier: GPL-2.0-or-later
"""References and None: a linked list, a binary tree, narrowing."""

from lang import Ref, free, i32, i64, new, struct, u64


@struct
class Node:
    value: i64
    next: Ref[Node] | None


@struct
class List:
    head: Ref[Node] | None
    length: u64

    def push(self, value: i64) -> None:
        self.head = new(Node, value=value, next=self.head)
        self.length += 1

    def pop(self) -> i64 | None:
        node = self.head
        if node is None:
            return None
        self.head = node.next
        value = node.value
        free(node)
        self.length -= 1
        return value

    def reverse(self) -> None:
        done: Ref[Node] | None = None
        while (node := self.head) is not None:
            self.head = node.next
            node.next = done
            done = node
        self.head = done

    def find(self, value: i64) -> Node | None:
        node = self.head
        while node is not None and node.value != value:
            node = node.next
        return node


@struct
class Tree:
    key: i64
    left: Ref[Tree] | None
    right: Ref[Tree] | None


def insert(root: Tree | None, key: i64) -> Tree:
    if root is None:
        return new(Tree, key=key)
    if key < root.key:
        root.left = insert(root.left, key)
    elif key > root.key:
        root.right = insert(root.right, key)
    return root


def walk(root: Tree | None, depth: u64) -> u64:
    if root is None:
        return depth
    left = walk(root.left, depth + 1)
    print(root.key, end=" ")
    right = walk(root.right, depth + 1)
    return max(left, right)


def value_or(value: i64 | None, other: i64) -> i64:
    return value if value is not None else other


def show(items: List) -> None:
    node = items.head
    while node:
        print(node.value, end="," if node.next is not None else "\n")
        node = node.next


def main() -> i32:
    items = List()
    print(value_or(items.pop(), -1))
    for i in range(6):
        items.push(i * i)
    show(items)
    items.reverse()
    show(items)
    found = items.find(9)
    if found and found.next:
        print("after 9:", found.next.value)
    assert items.find(10) is None
    print(value_or(items.pop(), -1), value_or(items.pop(), -1), items.length)
    root: Ref[Tree] | None = None
    for key in (50, 20, 70, 10, 30, 60, 80, 25, 27):
        root = insert(root, key)
    depth = walk(root, 0)
    print()
    print(depth)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
