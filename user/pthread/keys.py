# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keys: a value for each thread, with a destructor that is called for the values of a thread that ends.

What is known when the program is compiled is simpler as `ThreadLocal[T]()`.
"""

from typing import Callable

from lang import Array, Atomic, Errno, Error, ThreadLocal, array, struct, u32, u64

MAX_KEYS: u32 = 32
ROUNDS = 4                                  # destructors may set values again


@struct
class KeyValues:
    values: Array[u64] = array(32)


def forget(value: u64) -> None:
    """The destructor of keys that have none."""


mine = ThreadLocal[KeyValues]()
destructors = array(32, Callable[[u64], None])
key_count = Atomic[u32](0)


@struct
class Key:
    """`key.create(destructor)` once, then `key.set(x)` and `key.get()` in each thread. Values begin as 0."""

    number: u32                             # 1 + index

    def create(self, destructor: Callable[[u64], None]) -> None:
        """Raises EAGAIN if there are too many keys. `forget` is a destructor that does nothing."""
        index = key_count.add(1)
        if index >= MAX_KEYS:
            key_count.sub(1)
            raise Error(Errno.EAGAIN, f"more than {MAX_KEYS} keys")
        destructors[index] = destructor
        self.number = index + 1

    def set(self, value: u64) -> None:
        mine.mine.values[self.number - 1] = value

    def get(self) -> u64:
        return mine.mine.values[self.number - 1]


def run_destructors() -> None:
    """For the calling thread, which ends."""
    for _ in range(ROUNDS):
        again = False
        for index in range(min(key_count.load(), MAX_KEYS)):
            value = mine.mine.values[index]
            if value != 0:
                mine.mine.values[index] = 0
                destructors[index](value)
                again = True
        if not again:
            return
