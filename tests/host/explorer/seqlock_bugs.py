# SPDX-License-Identifier: GPL-2.0-or-later
"""Sequence locks with a barrier missing, on either side, and with both. Races are meant: what they protect is read while it
may change."""

from lang import ACQUIRE, RELAXED, RELEASE, Atomic, fence, pause, struct, u64


@struct
class NoWriterBarrier:
    """The values may be seen before the odd number that announces them."""

    sequence: Atomic[u64]
    a: u64
    b: u64
    ALLOWS_RACES = True

    def thread_writer(self) -> None:
        self.sequence.store(1, order=RELAXED)
        self.a = 1
        self.b = 1
        self.sequence.store(2, order=RELEASE)

    def thread_reader(self) -> None:
        while True:
            before = self.sequence.load(order=ACQUIRE)
            a = self.a
            b = self.b
            fence(ACQUIRE)
            if before % 2 == 0 and self.sequence.load(order=RELAXED) == before:
                break
            pause()
        assert a == b, f"torn: {a} and {b}"


@struct
class NoReaderBarrier:
    """The number may be read again before the values are."""

    sequence: Atomic[u64]
    a: u64
    b: u64
    ALLOWS_RACES = True

    def thread_writer(self) -> None:
        self.sequence.store(1, order=RELAXED)
        fence(RELEASE)
        self.a = 1
        self.b = 1
        self.sequence.store(2, order=RELEASE)

    def thread_reader(self) -> None:
        while True:
            before = self.sequence.load(order=ACQUIRE)
            a = self.a
            b = self.b
            if before % 2 == 0 and self.sequence.load(order=RELAXED) == before:
                break
            pause()
        assert a == b, f"torn: {a} and {b}"


@struct
class RelaxedEnd:
    """The even number may be seen before the last value."""

    sequence: Atomic[u64]
    a: u64
    b: u64
    ALLOWS_RACES = True

    def thread_writer(self) -> None:
        self.sequence.store(1, order=RELAXED)
        fence(RELEASE)
        self.a = 1
        self.b = 1
        self.sequence.store(2, order=RELAXED)

    def thread_reader(self) -> None:
        while True:
            before = self.sequence.load(order=ACQUIRE)
            a = self.a
            b = self.b
            fence(ACQUIRE)
            if before % 2 == 0 and self.sequence.load(order=RELAXED) == before:
                break
            pause()
        assert a == b, f"torn: {a} and {b}"


@struct
class Right:
    """Both barriers: a reader sees both values of one update, or looks again."""

    sequence: Atomic[u64]
    a: u64
    b: u64
    ALLOWS_RACES = True

    def thread_writer(self) -> None:
        self.sequence.store(1, order=RELAXED)
        fence(RELEASE)
        self.a = 1
        self.b = 1
        self.sequence.store(2, order=RELEASE)

    def thread_reader(self) -> None:
        while True:
            before = self.sequence.load(order=ACQUIRE)
            a = self.a
            b = self.b
            fence(ACQUIRE)
            if before % 2 == 0 and self.sequence.load(order=RELAXED) == before:
                break
            pause()
        assert a == b, f"torn: {a} and {b}"
