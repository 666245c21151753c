# SPDX-License-Identifier: GPL-2.0-or-later
"""Classic mistakes of lock-free code, each beside its right form. tests/host/test_explorer.py says what is to be found in each."""

from lang import ACQUIRE, RELAXED, RELEASE, SEQ_CST, Array, Atomic, Ref, array, fence, free, new, pause, struct, u32, u64


# A rendezvous: one sleeps until a condition holds, another makes it hold and wakes the sleeper.


@struct
class LostWakeup:
    """The sleeper looks at the condition before it is on the list: a wake-up in between finds nobody."""

    ready: Atomic[u32]
    sleeping: Atomic[u32]
    woken: Atomic[u32]

    def thread_sleeper(self) -> None:
        if self.ready.load() == 0:
            self.sleeping.store(1)
            while self.woken.load() == 0:
                pause()

    def thread_waker(self) -> None:
        self.ready.store(1)
        if self.sleeping.load() != 0:
            self.woken.store(1)


@struct
class NoLostWakeup:
    """The sleeper is on the list before it looks: one of the two sees the other."""

    ready: Atomic[u32]
    sleeping: Atomic[u32]
    woken: Atomic[u32]

    def thread_sleeper(self) -> None:
        self.sleeping.store(1)
        if self.ready.load() == 0:
            while self.woken.load() == 0:
                pause()

    def thread_waker(self) -> None:
        self.ready.store(1)
        if self.sleeping.load() != 0:
            self.woken.store(1)


@struct
class LateWaiter:
    """Who has looked at much else before it waits: what it looked at last is what it is shown in time."""

    other: Atomic[u32]
    woken: Atomic[u32]

    def thread_sleeper(self) -> None:
        while self.other.load(order=RELAXED) == 0:
            pause()
        for _ in range(20):
            self.other.load(order=RELAXED)
        while self.woken.load(order=RELAXED) == 0:
            pause()

    def thread_waker(self) -> None:
        self.woken.store(1, order=RELAXED)
        self.other.store(1, order=RELAXED)


@struct
class LostWakeupByReordering:
    """As before, but the store and the load after it are not ordered: both see nothing, as a store buffer allows."""

    ready: Atomic[u32]
    sleeping: Atomic[u32]
    woken: Atomic[u32]

    def thread_sleeper(self) -> None:
        self.sleeping.store(1, order=RELEASE)
        if self.ready.load(order=ACQUIRE) == 0:
            while self.woken.load() == 0:
                pause()

    def thread_waker(self) -> None:
        self.ready.store(1, order=RELEASE)
        if self.sleeping.load(order=ACQUIRE) != 0:
            self.woken.store(1)


# A free list of three items by index, 0 is none.


@struct
class Aba:
    """A list of free items whose head is compared and swapped: while one looks, the head goes, and comes back with another behind it."""

    head: Atomic[u64]
    next: Array[Atomic[u64]] = array(4)
    owners: Array[Atomic[u64]] = array(4)
    PREEMPTIONS = 2

    def setup(self) -> None:
        self.head.store(1)
        self.next[1].store(2)
        self.next[2].store(3)

    def pop(self) -> u64:
        while True:
            first = self.head.load()
            if first == 0:
                return 0
            second = self.next[first].load()
            if self.head.cas(first, second):
                return first

    def push(self, item: u64) -> None:
        while True:
            first = self.head.load()
            self.next[item].store(first)
            if self.head.cas(first, item):
                return

    def own(self, item: u64) -> None:
        if item != 0:
            assert self.owners[item].add(1) == 0, f"item {item} given out twice"

    def thread_one(self) -> None:
        self.own(self.pop())

    def thread_two(self) -> None:
        a = self.pop()
        self.own(self.pop())
        self.push(a)
        self.own(self.pop())
        self.own(self.pop())


@struct
class NoAba:
    """A count beside the head makes each of its values new."""

    head: Atomic[u64]  # item in the low 8 bits, the count above
    next: Array[Atomic[u64]] = array(4)
    owners: Array[Atomic[u64]] = array(4)
    PREEMPTIONS = 2

    def setup(self) -> None:
        self.head.store(1)
        self.next[1].store(2)
        self.next[2].store(3)

    def pop(self) -> u64:
        while True:
            seen = self.head.load()
            first = seen & 255
            if first == 0:
                return 0
            second = self.next[first].load()
            if self.head.cas(seen, (seen >> 8) + 1 << 8 | second):
                return first

    def push(self, item: u64) -> None:
        while True:
            seen = self.head.load()
            self.next[item].store(seen & 255)
            if self.head.cas(seen, (seen >> 8) + 1 << 8 | item):
                return

    def own(self, item: u64) -> None:
        if item != 0:
            assert self.owners[item].add(1) == 0, f"item {item} given out twice"

    def thread_one(self) -> None:
        self.own(self.pop())

    def thread_two(self) -> None:
        a = self.pop()
        self.own(self.pop())
        self.push(a)
        self.own(self.pop())
        self.own(self.pop())


# Event delivery against a vcore that goes back to its thread.


@struct
class LostNotification:
    """The vcore looks for messages, and then lets itself be interrupted: what comes in between is seen by nobody."""

    message: Atomic[u32]
    notif_pending: Atomic[u32]
    notif_disabled: Atomic[u32]
    interrupted: Atomic[u32]
    handled: Atomic[u32]

    def setup(self) -> None:
        self.notif_disabled.store(1)

    def thread_kernel(self) -> None:
        self.message.store(1)
        self.notif_pending.store(1)
        fence(SEQ_CST)
        if self.notif_disabled.load() == 0:
            self.interrupted.store(1)

    def thread_vcore(self) -> None:
        if self.notif_pending.load() != 0:
            self.handled.store(1)
            return
        self.notif_disabled.store(0)
        # The thread runs on here.

    def check(self) -> None:
        assert self.handled.load() + self.interrupted.load() > 0, "the message is there, and nobody was told"


@struct
class LostNotificationByReordering:
    """Interruption is allowed, then the flag is read, but the store may still be on its way."""

    notif_pending: Atomic[u32]
    notif_disabled: Atomic[u32]
    interrupted: Atomic[u32]
    handled: Atomic[u32]

    def setup(self) -> None:
        self.notif_disabled.store(1)

    def thread_kernel(self) -> None:
        self.notif_pending.store(1, order=RELEASE)
        if self.notif_disabled.load(order=ACQUIRE) == 0:
            self.interrupted.store(1)

    def thread_vcore(self) -> None:
        self.notif_disabled.store(0, order=RELEASE)
        if self.notif_pending.load(order=ACQUIRE) != 0:
            self.handled.store(1)

    def check(self) -> None:
        assert self.handled.load() + self.interrupted.load() > 0, "the message is there, and nobody was told"


@struct
class NoLostNotification:
    """Set the flag, full fence, look whether it may be interrupted; allow it, full fence, look at the flag: one sees the other."""

    notif_pending: Atomic[u32]
    notif_disabled: Atomic[u32]
    interrupted: Atomic[u32]
    handled: Atomic[u32]

    def setup(self) -> None:
        self.notif_disabled.store(1)

    def thread_kernel(self) -> None:
        self.notif_pending.store(1, order=RELAXED)
        fence(SEQ_CST)
        if self.notif_disabled.load(order=RELAXED) == 0:
            self.interrupted.store(1)

    def thread_vcore(self) -> None:
        self.notif_disabled.store(0, order=RELAXED)
        fence(SEQ_CST)
        if self.notif_pending.load(order=RELAXED) != 0:
            self.handled.store(1)

    def check(self) -> None:
        assert self.handled.load() + self.interrupted.load() > 0, "the message is there, and nobody was told"


# Reference counts.


@struct
class GetFromZero:
    """A look-up takes a reference whatever the count: the object may be going away."""

    count: Atomic[u64]
    freed: Atomic[u32]

    def setup(self) -> None:
        self.count.store(1)

    def thread_owner(self) -> None:
        if self.count.sub(1) == 1:
            self.freed.store(1)

    def thread_finder(self) -> None:
        if self.count.load() > 0:
            self.count.add(1)
            assert self.freed.load() == 0, "a reference to what is freed"


@struct
class RelaxedPut:
    """The last one out frees, but does not see what others did to the object before they put their references."""

    count: Atomic[u64]
    content: u64

    def setup(self) -> None:
        self.count.store(2)

    def thread_writer(self) -> None:
        self.content = 1
        self.count.sub(1, order=RELAXED)

    def thread_last(self) -> None:
        if self.count.sub(1, order=RELAXED) == 1:
            self.content = 2


# Locks.


@struct
class UnlockForgetsNewcomer:
    """An MCS unlock that gives up when nobody is behind, without asking the tail: who is just queueing waits for ever."""

    tail: Atomic[u64]
    next: Array[Atomic[u64]] = array(3)
    waiting: Array[Atomic[u64]] = array(3)

    def lock(self, me: u64) -> None:
        self.next[me].store(0)
        self.waiting[me].store(1)
        before = self.tail.swap(me)
        if before != 0:
            self.next[before].store(me)
            while self.waiting[me].load() != 0:
                pause()

    def unlock(self, me: u64) -> None:
        if self.next[me].load() == 0:
            self.tail.cas(me, 0)
            return
        self.waiting[self.next[me].load()].store(0)

    def thread_one(self) -> None:
        self.lock(1)
        self.unlock(1)

    def thread_two(self) -> None:
        self.lock(2)
        self.unlock(2)


@struct
class RelaxedLock:
    """A spinlock taken without acquire order: what it guards may be old."""

    word: Atomic[u32]
    count: u64

    def thread_one(self) -> None:
        self.bump()

    def thread_two(self) -> None:
        self.bump()

    def bump(self) -> None:
        while self.word.swap(1, order=RELAXED) != 0:
            pause()
        self.count += 1
        self.word.store(0, order=RELEASE)


# A message box.


@struct
class RelaxedPublication:
    """The pointer is published before what it points to."""

    box: Atomic[u64]
    content: u64

    def thread_sender(self) -> None:
        self.content = 7
        self.box.store(1, order=RELAXED)

    def thread_receiver(self) -> None:
        while self.box.load(order=ACQUIRE) == 0:
            pause()
        assert self.content == 7, "not there yet"


@struct
class Box:
    value: u64


@struct
class UsesFreed:
    """The reader holds on to what the writer frees at once."""

    current: Atomic[Ref[Box] | None]

    def setup(self) -> None:
        self.current.store(new(Box, value=1))

    def thread_reader(self) -> None:
        found = self.current.load()
        if found is not None:
            assert found.value == 1

    def thread_writer(self) -> None:
        old = self.current.swap(None)
        if old is not None:
            free(old)


@struct
class NeverEnds:
    """Two that are too polite: each gives way whenever the other wants to go."""

    turn: Atomic[u32]

    def thread_one(self) -> None:
        while self.turn.load() != 2:
            self.turn.store(1 - self.turn.load())

    def thread_two(self) -> None:
        self.turn.store(0)
