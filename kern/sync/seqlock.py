# SPDX-License-Identifier: GPL-2.0-or-later
"""SeqLock: a spinlock for writers, and a counter by which readers notice them: for data read often and written seldom.

    with seq.writing():                     while True:
        …                                       start = seq.begin_read()
                                                …
                                                if not seq.must_retry(start):
                                                    break
Readers store nothing, so they do not slow each other; a reader may be made to read again as long as writers keep coming. Only where every
writer is in the kernel and brief. The rules of reading are SeqCounter's (kern/abi/seqcount.py).
Locks: `lock`, taken with interrupts off, since a handler on the writer's core that reads would wait for ever.
"""

from lang import atomic_section, container_of, struct, u64
from kern.abi.seqcount import SeqCounter
from kern.sync.spinlock import SpinLock


@struct
class SeqLock:
    counter: SeqCounter
    lock: SpinLock

    def writing(self) -> "SeqWriter":
        """`with seq.writing():` a change to what the lock guards."""
        return container_of(SeqWriter, "seq", self)

    def begin_read(self) -> u64:
        """Wait until no change is under way. The number to give to `must_retry`."""
        return self.counter.begin_read()

    def must_retry(self, start: u64) -> bool:
        """Whether a change came by since `begin_read`."""
        return self.counter.must_retry(start)


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
