# SPDX-License-Identifier: GPL-2.0-or-later
"""Atomics, raw pointers, globals, per-thread storage, callables, tuples."""

from typing import Callable

from lang import ACQUIRE, Array, Atomic, Ptr, RELEASE, Ref, array, atomic, cast, fence, i32, i64, ptr_of, span_of, struct, u8, u32, u64

counter = Atomic[u64](5)
total: u64 = 0
current: Ref[Job] | None = None
table = array(8, u32)


@struct
class Job:
    id: u32
    state: Atomic[u32]
    next: Atomic[Ref[Job] | None]
    flags: u32
    run: Callable[[u32], u32] | None
    scratch: Array[u8] = array(16)


first = Job(id=1)
second = Job(id=2)


def add_to_total(n: u64) -> u64:
    global total
    total += n
    return total


def set_current(job: Job) -> None:
    global current
    current = job


def triple(x: u32) -> u32:
    return x * 3


def apply(f: Callable[[u32], u32], times: u32) -> u32:
    x: u32 = 1
    for _ in range(times):
        x = f(x)
    return x


def min_max(a: i64, b: i64) -> tuple[i64, i64]:
    return (a, b) if a < b else (b, a)


def main() -> i32:
    print(counter.add(3), counter.load(), counter.sub(10), counter.load(order=ACQUIRE))
    counter.store(6, order=RELEASE)
    print(counter.swap(7), counter.cas(7, 9), counter.cas(7, 10), counter.or_(6), counter.and_(12), counter.xor(1), counter.load())
    fence()
    atomic(first.flags).or_(5)
    atomic(first.flags).add(1)
    atomic(table[3]).add(40)
    print(first.flags, table[3])
    first.state.store(4)
    first.next.store(second)
    after = first.next.load()
    if after is not None:
        print(after.id, first.next.cas(second, None))
    print(first.next.load() is None)
    print(add_to_total(5), add_to_total(6), total)
    set_current(second)
    if current is not None:
        print(current.id)
    p = ptr_of(first.flags)
    p[0] += 10
    print(first.flags, p[0])
    table[0] = 1
    q = ptr_of(table[2])
    q[0] = 22
    q[1] = 33
    r = q + 2
    r[0] = 44
    print(table[2], table[3], table[4], (r - 4)[0], (r - 1)[0])
    for n in span_of(q, 3):
        print(n, end=" ")
    print()
    text = first.scratch[0:4]
    text[0] = 0x78
    text[1] = 0x56
    word = cast(Ptr[u32], text.ptr)
    print(f"{word[0]:#x}")
    first.run = triple
    job = first.run
    if job is not None:
        print(job(14), apply(job, 5), apply(triple, 2))
    low, high = min_max(9, -4)
    print(low, high)
    pair = min_max(1, 2)
    print(pair[0] + pair[1])
    low, high = high, low
    print(low, high)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
