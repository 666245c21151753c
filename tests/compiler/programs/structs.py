# SPDX-License-Identifier: GPL-2.0-or-later
"""Structs: embedded parts, references, defaults, copies, constructors."""

from lang import Array, Ref, array, assign, copy, i32, sizeof, struct, u8, u16, u32, u64


@struct
class Point:
    x: i32
    y: i32 = 7

    def moved(self, dx: i32, dy: i32 = 0) -> None:
        self.x += dx
        self.y += dy

    @property
    def norm(self) -> i32:
        return self.x * self.x + self.y * self.y

    @staticmethod
    def origin_distance(p: Point) -> i32:
        return abs(p.x) + abs(p.y)


@struct
class Box:
    corner: Point
    other: Point = Point(3, 4)
    marks: Array[u8] = array(5)
    parts: Array[Point] = array(3)
    owner: Ref[Point] | None
    size: u64
    LIMIT = 9


@struct
class Counter:
    count: u32
    step: u32 = 1

    def __init__(self, start: u32, step: u32 = 2) -> None:
        self.count = start
        self.step = step

    def next(self) -> u32:
        self.count += self.step
        return self.count


@struct
class Named(Point):
    tag: u16 = 99

    def shifted(self) -> i32:
        self.moved(1, 1)
        return self.x + i32(self.tag)


@struct
class Mixed:
    a: u8
    b: u32
    c: u8
    d: u64
    e: u16


origin = Point(1, 2)
boxes = array(4, Box)


def grow(p: Point) -> Point:
    p.moved(10)
    return p


def main() -> i32:
    p = Point(x=3)
    q = p
    q.moved(4, 5)
    print(p.x, p.y, p is q, p.norm, Point.origin_distance(p))
    r = copy(p)
    r.x = 100
    print(p.x, r.x, p is r)
    box = Box(corner=Point(5), size=12)
    box.marks[2] = 200
    box.marks[2] += 100
    box.parts[1].x = 8
    part = box.parts[1]
    part.y = 6
    print(box.corner.x, box.corner.y, box.other.x, box.marks[2], box.parts[1].x, box.parts[1].y, box.size, box.LIMIT, Box.LIMIT)
    if box.owner is None:
        print("no owner")
    box.owner = p
    owner = box.owner
    if owner is not None:
        owner.x = -1
    print(p.x)
    box.corner = Point(x=40, y=41)
    kept = box.corner
    assign(box.corner, Point(50, 51))
    print(kept.x, kept.y)
    twin = copy(box)
    twin.parts[1].x = 77
    twin.marks[0] = 1
    print(box.parts[1].x, box.marks[0], twin.parts[1].x, twin.marks[0])
    c = Counter(10)
    print(c.next(), c.next(), Counter(5, step=5).next())
    n = Named(x=1, tag=5)
    print(n.shifted(), n.norm, n.y, n.tag)
    grow(origin)
    print(grow(origin).x, origin.y)
    boxes[3].size = 5
    boxes[3].corner.moved(2)
    total: u64 = 0
    for b in boxes:
        total += b.size
    print(total, boxes[3].corner.x, boxes[0].other.y)
    print(sizeof(Mixed), sizeof(Point), sizeof(u16))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
