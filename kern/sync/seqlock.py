# SPDX-License-Identifier: GPL-2.0-or-later
"""SeqLock: a spinlock for writers, and a counter by which readers notice them: for data read often and written seldom.

    with seq.writing():                     while True:
        …                                       start = seq.begin_read()
                                                …
                                                if not seq.must_retry(start):
                                                    break
Readers store nothing, so they do not slow each other; a reader may be made to read again as long as writers keep coming. Only where every
writer is in the kernel and brief. Checked builds find a reader that would wait for its own core's writer, one whose writer never ends, and
a writer inside a writer. The rules of reading are SeqCounter's (kern/abi/seqcount.py).
Locks: `lock`, taken with interrupts off, since a handler on the writer's core that reads would wait for ever.
"""

from lang import CHECKED, RELAXED, addr_of, atomic_section, container_of, noinline, panic, pause, struct, u32, u64
from kern.abi.seqcount import SeqCounter
from kern.core.percore import core
from kern.sync.lockcheck import MOST_SPINS, check_spin
from kern.sync.spinlock import HOLDER, SpinLock


@struct
class SeqLock:
    counter: SeqCounter
    lock: SpinLock

    def writing(self) -> "SeqWriter":
        """`with seq.writing():` a change to what the lock guards."""
        return container_of(SeqWriter, "seq", self)

    def begin_read(self) -> u64:
        """Wait until no change is under way. The number to give to `must_retry`."""
        if CHECKED:
            self.await_writer()
        return self.counter.begin_read()

    def must_retry(self, start: u64) -> bool:
        """Whether a change came by since `begin_read`."""
        return self.counter.must_retry(start)

    @noinline
    def await_writer(self) -> None:
        """In checked builds: a reader that would wait for ever says for whom."""
        spins: u32 = 0
        since: u64 = 0
        while self.counter.value.load(order=RELAXED) % 2 != 0:
            holder = self.lock.owner.load(order=RELAXED) & HOLDER
            if holder == core.mine.core_id + 1:
                panic(f"sequence lock {addr_of(self):#x} is read by core {core.mine.core_id} in the middle of its own change")
            pause()
            spins += 1
            if spins % MOST_SPINS == 0:
                since = check_spin(addr_of(self.lock), holder, since)


@struct
class SeqWriter:
    """A view of a SeqLock, in the same storage, that takes it for writing."""

    seq: SeqLock

    @atomic_section
    def __enter__(self) -> None:
        self.seq.lock.irqs_off().retake()
        self.seq.counter.begin_write()

    def __exit__(self) -> None:
        self.seq.counter.end_write()
        self.seq.lock.irqs_off().drop()
