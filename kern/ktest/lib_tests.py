# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's small tools as the machine's own code runs them: containers, memory, options, per-core data, contexts, user memory.

Their rules are tested against models on a host (tests/host/); what is shown here is that the kernel's build of them works as well.
"""

from typing import NoReturn

from lang import Array, Error, PerCore, Ref, Uaddr, array, free, memcpy, memset, new, struct, u8, u16, u32, u64
from arch import context, cpu, smp
from arch.context import KthreadContext
from kern.abi.errno import Errno
from kern.abi.event import UCQ_PAGE_SIZE, UCQ_SLOTS, EventMsg, Ucq, UcqPage
from kern.abi.mman import MapFlags, Prot
from kern.boot.cmdline import option_in
from kern.core.current import switch_back, switch_to
from kern.core.percore import core
from kern.core.smp import call_on_all
from kern.event.ucq import post_ucq
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.lib.bitmap import Bitmap
from kern.lib.circular_buffer import CircularBuffer
from kern.lib.hashmap import HashMap
from kern.lib.id_pool import IdPool
from kern.lib.ring import Ring
from kern.lib.sort import sort
from kern.mm.mmap import mm_map
from kern.mm.umem import copy_struct_in, copy_struct_out, load_u64, read_bytes, write_bytes
from kern.proc.create import discard, new_process
from kern.proc.proc import Proc
from kern.sync.kref import Kref
from kern.sync.kthread import give_back, new_kthread

MANY: u64 = 300                             # messages: more than two pages of a queue hold

words = array(4, u64)
bytes = array(64, u8)
numbers = array(16, u64)
ids = array(5, u16)
buffer = array(4096, u8)


@kernel_tests
class Bitmasks(KernelTest):
    """Bits are set, found and counted across words."""

    name: str = "lib.bitmap"

    def run(self) -> None:
        memset(words[0:4], 0)
        bitmap = Bitmap(words=words[0:4], size=200)
        for n in range(u64(0), 200, 3):
            bitmap.set(n)
        equal(bitmap.count(), 67, "bits set")
        for n in range(u64(200)):
            check(bitmap.test(n) == (n % 3 == 0), f"bit {n}")
        bitmap.clear(126)
        check(bitmap.first_set(124) == 129 and bitmap.first_clear(126) == 126, "what comes after bit 124")
        check(bitmap.first_set(199) is None, "a bit past the last")


@kernel_tests
class Rings(KernelTest):
    """A ring counts what is in and what still fits, round and round."""

    name: str = "lib.ring"

    def run(self) -> None:
        ring = Ring[u64](slots=numbers[0:8])
        for round in range(u64(20)):
            for i in range(u64(5)):
                check(ring.push(round * 5 + i), "a ring with room is full")
            equal(ring.count(), 5, "elements")
            equal(ring.room(), 3, "room")
            for i in range(u64(5)):
                check(ring.pop() == round * 5 + i, "out of order")
        check(ring.pop() is None, "an empty ring gave something")


@kernel_tests
class OverwritingBuffer(KernelTest):
    """New records push the oldest out, whole."""

    name: str = "lib.circular_buffer"

    def run(self) -> None:
        circular = CircularBuffer(storage=bytes[0:32])
        check(circular.write("first") and circular.write("second") and circular.write("third"), "no room")
        check(circular.write("the fourth"), "no room for a record that pushes others out")
        equal(circular.dropped, 2, "records that were pushed out")
        into = array(32, u8)
        count = circular.read(into[0:32], 0)
        check(into[:count] == "thirdthe fourth", "contents")
        check(not circular.write("a record that is longer than it all"), "a record that cannot fit went in")
        check(circular.read_oldest(into[0:32]) == 5 and into[:5] == "third", "the oldest")


@struct
class Item:
    hash_key: u64
    hash_next: Ref["Item"] | None


table = HashMap[Item]()
items = array(64, Item)


@kernel_tests
class HashTable(KernelTest):
    """What is put under a key is found there until it is taken out."""

    name: str = "lib.hashmap"

    def run(self) -> None:
        for i in range(u64(64)):
            check(table.insert(i * 0x1_0001, items[i]), "a free key is taken")
        check(not table.insert(0, items[5]), "a taken key is free")
        for i in range(u64(64)):
            found = table.find(i * 0x1_0001)
            check(found is not None and found is items[i], f"what is under key {i}")
        for i in range(u64(64)):
            check(table.remove(i * 0x1_0001) is not None, "it cannot be taken out")
        check(table.find(0) is None and table.count == 0, "something is left")


@kernel_tests
class IdPools(KernelTest):
    """Each number is with one owner at a time."""

    name: str = "lib.id_pool"

    def run(self) -> None:
        pool = IdPool()
        pool.init(ids[0:5])
        taken: u64 = 0
        while (id := pool.take()) is not None:
            check(taken >> id & 1 == 0, f"{id} was given twice")
            taken |= u64(1) << id
        equal(taken, 31, "numbers that were given")
        pool.give_back(3)
        check(not pool.is_taken(3) and pool.take() == 3 and pool.left == 0, "a number that was given back")


@kernel_tests
class Sorting(KernelTest):
    name: str = "lib.sort"

    def run(self) -> None:
        for i in range(u64(16)):
            numbers[i] = i * 7 % 16
        sort(numbers[0:16])
        for i in range(u64(16)):
            equal(numbers[i], i, "place")


@kernel_tests
class MemorySet(KernelTest):
    """memset and memcpy touch what they should and nothing beside, at every alignment."""

    name: str = "lib.memset"

    def run(self) -> None:
        for start in range(u64(1), 17):
            for size in range(u64(0), 40, 3):
                memset(bytes[0:64], 0x11)
                memset(bytes[start : start + size], 0xAB)
                memcpy(buffer[start + 1 : start + 1 + size], bytes[start : start + size])
                for i in range(u64(64)):
                    inside = start <= i < start + size
                    check(bytes[i] == (0xAB if inside else 0x11), f"byte {i} after memset of {size} at {start}")
                    check(not inside or buffer[i + 1] == 0xAB, f"byte {i} of the copy")


@kernel_tests
class CommandLine(KernelTest):
    """Options are found by their whole names, the last one counts."""

    name: str = "lib.cmdline"

    def run(self) -> None:
        line = 'quiet log=debug run="threads 4 5" log=info "init=/bin/sh x"'
        check(option_in(line, "quiet") == "", "a bare option")
        check(option_in(line, "log") == "info", "the last of two")
        check(option_in(line, "run") == "threads 4 5", "a quoted value")
        check(option_in(line, "init") == "/bin/sh x", "a quoted option")
        check(option_in(line, "lo") is None and option_in(line, "threads") is None, "what is no option")


# -- cores and threads --------------------------------------------------------------------------------------------
counted = PerCore[u64]()


def count_here(amount: u64) -> None:
    for _ in range(amount):
        counted.mine += 1


@kernel_tests
class PerCoreCounts(KernelTest):
    """Each core has a variable of its own, zero at first; what one core does to it no other sees."""

    name: str = "percore.increment"

    def run(self) -> None:
        for i in range(u32(0), smp.core_count()):
            counted[i] = 0
        call_on_all(count_here, 1000)
        for i in range(u32(0), smp.core_count()):
            equal(counted[i], 1000, "increments on a core")


zeroed = PerCore[u64]()


@kernel_tests
class PerCoreZero(KernelTest):
    name: str = "percore.zeroed"

    def run(self) -> None:
        for i in range(u32(0), smp.core_count()):
            equal(zeroed[i], 0, "a variable that nobody has touched")
            check(core[i].core_id == i, "a core's number")


@kernel_tests
class InterruptStates(KernelTest):
    """Interrupts are restored to what they were, however deep."""

    name: str = "core.irqs_save"

    def run(self) -> None:
        check(cpu.irqs_are_on(), "interrupts are off in a task")
        outer = cpu.irqs_save()
        check(not cpu.irqs_are_on(), "interrupts are on after they were turned off")
        inner = cpu.irqs_save()
        cpu.irqs_restore(inner)
        check(not cpu.irqs_are_on(), "the inner restore turned them on")
        cpu.irqs_restore(outer)
        check(cpu.irqs_are_on(), "the outer restore left them off")


left = KthreadContext()
jumps: u64 = 0


def jump_back(number: u64) -> NoReturn:
    global jumps
    jumps += number
    context.resume(left)


@kernel_tests
class Jumps(KernelTest):
    """A context that was saved is resumed where it was left, with its own registers, from another stack."""

    name: str = "core.context"

    def run(self) -> None:
        global jumps
        jumps = 0
        stack = new_kthread()
        local: u64 = 0x1234_5678
        for i in range(u64(1), 6):
            saved = cpu.irqs_save()
            context.save_and_switch(left, stack.stack_top, jump_back, i)
            cpu.irqs_restore(saved)
            local += i
        give_back(stack)
        equal(jumps, 15, "arguments that arrived")
        equal(local, 0x1234_5678 + 15, "a local variable")


# -- the heap, and memory of a process ----------------------------------------------------------------------------
@struct
class Counted:
    refs: Kref
    payload: Array[u64] = array(30)


@kernel_tests
class CountedBlocks(KernelTest):
    """A block of the heap lives as long as its count says."""

    name: str = "heap.counted"

    def run(self) -> None:
        block = new(Counted)
        block.refs.init(1)
        block.refs.get()
        block.payload[29] = 77
        check(not block.refs.put(), "the last reference came early")
        equal(block.payload[29], 77, "the block's contents")
        check(block.refs.put(), "the last reference was not noticed")
        free(block)


@kernel_tests
class UserAccess(KernelTest):
    """Copies to and from a process' memory move what is there, and answer for what is not."""

    name: str = "umem.copies"

    def run(self) -> None:
        p = new_process(None, "/ktest", "/ktest\0")
        old = switch_to(p)
        try:
            copy_there_and_back(p)
        finally:
            switch_back(old)
            discard(None, p)


def copy_there_and_back(p: Proc) -> None:
    base = mm_map(p, Uaddr(0), 8192, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, None)
    for i in range(u64(4096)):
        buffer[i] = u8(i % 251)
    write_bytes(base + 100, buffer[0:4096])
    memset(buffer[0:4096], 0)
    read_bytes(buffer[0:4096], base + 100)
    for i in range(u64(4096)):
        equal(u64(buffer[i]), i % 251, "a byte that went there and back")
    failed = False
    try:
        read_bytes(buffer[0:4096], base + 8192 - 10)
    except Error as e:
        failed = e.errno == Errno.EFAULT
    check(failed, "reading past the end of a mapping was no EFAULT")


@kernel_tests
class UserQueue(KernelTest):
    """Messages come to a process' queue in order, over pages that the kernel adds."""

    name: str = "event.ucq"

    def run(self) -> None:
        p = new_process(None, "/ktest", "/ktest\0")
        old = switch_to(p)
        try:
            fill_queue(p)
        finally:
            switch_back(old)
            discard(None, p)


def fill_queue(p: Proc) -> None:
    flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.POPULATE
    base = mm_map(p, Uaddr(0), 3 * UCQ_PAGE_SIZE, Prot.READ | Prot.WRITE, flags, None)
    first = u64(base) + UCQ_PAGE_SIZE
    queue = Ucq()
    queue.prod_idx.store(first)
    queue.cons_idx.store(first)
    queue.spare_page.store(first + UCQ_PAGE_SIZE)
    queue.ready.store(1)
    copy_struct_out(base, queue)
    for i in range(MANY):
        post_ucq(p, base, EventMsg(arg3=i))
    page = new(UcqPage)
    try:
        place = first
        for i in range(MANY):
            slot = i % UCQ_SLOTS
            if slot == 0:
                if i > 0:
                    place = load_u64(Uaddr(place))
                copy_struct_in(page, Uaddr(place))
            check(page.slots[slot].ready.load() == 1, f"message {i} is not there")
            equal(page.slots[slot].msg.arg3, i, "message")
    finally:
        free(page)


@kernel_tests
class FailsOnPurpose(KernelTest):
    """Off until somebody wants to see what a failure looks like."""

    name: str = "fail.on_purpose"
    switched_off: bool = True

    def run(self) -> None:
        equal(6 * 7, 43, "the answer")
