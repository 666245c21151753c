from lang import Ref, i32, struct, u64


@struct
class Node:
    value: u64
    next: Ref["Node"] | None
    owner: Ref["Node"]


def first(head: Node | None) -> u64:
    return head.value


def second(head: Node) -> u64:
    return head.next.value


def loses(head: Node) -> u64:
    if head.next is not None:
        touch(head)
        return head.next.value
    return 0


def touch(node: Node) -> None:
    node.next = None


def makes() -> Node:
    return Node(value=1)


def gives(n: Node | None) -> Node:
    return n


def unknown() -> None:
    x = None


def number(n: u64 | None) -> u64:
    return n + 1


def narrowed(head: Node | None) -> u64:
    node = head
    while node is not None and node.value > 3:
        node = node.next
    assert node is not None
    return node.value


def main() -> i32:
    return 0
