from lang import Ptr, Ref, Span, addr_of, array, assign, at, cast, copy, free, i32, new, ptr_of, sizeof, struct, u8, u32, u64, unset

TABLE = array(4, u64)


@struct
class Item:
    value: u64
    inner: Ref["Item"] | None


def runtime(n: u64) -> None:
    a = array(n, u64)
    b = array(4)
    c = TABLE[9]
    d = new(u64)
    e = new()
    free(n)
    f = at(u64, n)
    g = at(Item, u32(3))
    item = Item()
    item.value.x = 3
    h = sizeof(item)
    assign(n, 3)
    i = cast(Item, True)
    j = addr_of(n + 1)
    k = unset(u64)
    m = unset(Item)


def dangling() -> Item:
    item = Item(value=3)
    return item


def direct() -> Item:
    return Item(value=3)


def main() -> i32:
    return 0
