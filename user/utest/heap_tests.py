# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `efence`: allocating and freeing at random as Electric Fence's own test does, and what checked builds find of a damaged heap.

A damaged heap ends its process, so each kind of damage is a child's, whose last words are read.
"""

from lang import CHECKED, Ptr, Span, addr_of, array, free, i32, new, struct, u8, u64
from rt import io
from rt.process import create_child_with_stdfds, wait
from rt.process import run as start
from utest.harness import Suite, check, equal, run, suites

POOL: u64 = 256
LARGEST: u64 = 30_000
ROUNDS: u64 = 1000

pool = array(POOL, u64)
sizes = array(POOL, u64)


@suites
class Efence(Suite):
    name: str = "efence"

    def run(self) -> None:
        run("efence.alloc_and_free", test_alloc_and_free)
        run("efence.overrun", test_overrun)
        run("efence.double_free", test_double_free)
        run("efence.write_after_free", test_write_after_free)


def test_alloc_and_free() -> None:
    """First and last byte of each block are written and found again; a fresh one is zeroed."""
    seed: u64 = 42
    for _ in range(ROUNDS):
        seed = seed * 6364136223846793005 + 1442695040888963407
        place = (seed >> 33) % POOL
        size = (seed >> 20) % LARGEST + 1
        if pool[place] != 0:
            block = Ptr[u8](pool[place])
            check(block[0] == 0xAB or sizes[place] == 1, "the first byte has changed")
            check(block[sizes[place] - 1] == 0xCD, "the last byte has changed")
            free(span_at(pool[place], sizes[place]))
            pool[place] = 0
        else:
            made = new(array(size, u8))
            check(made[0] == 0 and made[size // 2] == 0 and made[size - 1] == 0, "a fresh block is not zeroed")
            made[0] = 0xAB
            made[size - 1] = 0xCD
            pool[place] = addr_of(made)
            sizes[place] = size
    for place in range(POOL):
        if pool[place] != 0:
            free(span_at(pool[place], sizes[place]))
            pool[place] = 0


def span_at(address: u64, size: u64) -> Span[u8]:
    return Span[u8](address, size)


@struct
class Job:
    number: u64
    more: u64


def damage(kind: str) -> i32:
    """In the child: does not come back where the heap is checked."""
    job = new(Job, number=1)
    if kind == "overrun":
        Ptr[u8](addr_of(job))[16] = 1
        free(job)
    elif kind == "double":
        free(job)
        free(job)
    else:
        free(job)
        Ptr[u64](addr_of(job))[1] = 3
        for _ in range(200):
            free(new(Job))
    return 0


def last_words(kind: str, wanted: str) -> None:
    if not CHECKED:
        return
    ends = io.pipe()
    arguments = array(3, str)
    arguments[0] = "utest"
    arguments[1] = "--damage"
    arguments[2] = kind
    pid = create_child_with_stdfds("/bin/utest", arguments[:], io.STDIN, io.STDOUT, ends[1])
    start(pid)
    io.close(ends[1])
    into = array(2000, u8)
    length = io.read_full(ends[0], into[:])
    io.close(ends[0])
    equal(u64(wait(pid)), 134, "status")
    said = into[:length]
    check(said.find(wanted) >= 0, f"said: {said[: min(length, u64(100))]}")
    check(said.find("in utest.heap_tests.damage+") >= 0, f"no names: {said[: min(length, u64(180))]}")
    check(said.find("(vcore 0)") >= 0, "no vcore")


def test_overrun() -> None:
    last_words("overrun", "overrun: byte 16 of the block of 16 bytes")


def test_double_free() -> None:
    last_words("double", "freed twice: the block of 16 bytes")


def test_write_after_free() -> None:
    last_words("late", "write after free: the block of 16 bytes")
