# SPDX-License-Identifier: LGPL-2.1-or-later
"""Dynamic thread-local storage: a value for each thread under a key that is made at run time, with a destructor for the values of a thread
that ends. Every uthread and every vcore has values of its own, so it works in either context.

What is known when the program is compiled is simpler as `ThreadLocal[T]()`.
Lock: `lock`, a leaf, for making and deleting keys.
"""

from typing import Callable

from lang import Array, Errno, Error, array, inline, noinline, struct, u16, u32, u64, wrap
from parlib.cancel import refuse_cancel
from parlib.current import in_vcore_context, my_uthread, my_vcore
from parlib.pdr import PdrLock

MAX_KEYS: u64 = 32                          # as many as `held` has bits
ROUNDS = 4                                  # destructors may set values again: POSIX' PTHREAD_DESTRUCTOR_ITERATIONS


@struct
class KeyValues:
    """A value counts if its bit is set in `held`, that is, if it is not 0, and its generation is that of the key. So to begin with one word
    is cleared, and a thread that ends without any looks at none."""

    held: u32
    values: Array[u64] = array(MAX_KEYS)
    generations: Array[u16] = array(MAX_KEYS)


@struct
class KeySlot:
    destructor: Callable[[u64], None]
    generation: u16                         # one more with each key that has it; never 0 then
    in_use: bool


def forget(value: u64) -> None:
    """The destructor of keys that have none."""


slots = array(MAX_KEYS, KeySlot)
lock = PdrLock()


def mine() -> KeyValues:
    """The calling thread's, or the vcore's."""
    return my_vcore().keys if in_vcore_context() else my_uthread().keys


@struct
class Key:
    """`key.create(destructor)` once, then `key.set(x)` and `key.get()` in each thread. Values begin as 0."""

    number: u32                             # 1 + index
    generation: u16

    def create(self, destructor: Callable[[u64], None]) -> None:
        """Raises EAGAIN if there are too many keys. `forget` is a destructor that does nothing."""
        with lock:
            for i in range(MAX_KEYS):
                slot = slots[i]
                if not slot.in_use:
                    slot.in_use = True
                    slot.destructor = destructor
                    slot.generation = max(wrap(u16, slot.generation + 1), u16(1))
                    self.number = u32(i) + 1
                    self.generation = slot.generation
                    return
        raise Error(Errno.EAGAIN, f"more than {MAX_KEYS} keys")

    def delete(self) -> None:
        """Values that threads have under it are forgotten, without their destructor. Raises EINVAL for what is no key, or was deleted."""
        with lock:
            if self.number != 0 and slots[self.number - 1].in_use and slots[self.number - 1].generation == self.generation:
                slots[self.number - 1].in_use = False
                return
        raise Error(Errno.EINVAL, "this is no key, or was deleted")

    def set(self, value: u64) -> None:
        index = self.number - 1
        keys = mine()
        keys.values[index] = value
        keys.generations[index] = self.generation
        bit = u32(1) << index
        keys.held = keys.held | bit if value != 0 else keys.held & ~bit

    def get(self) -> u64:
        keys = mine()
        index = self.number - 1
        if keys.held >> index & 1 == 0 or keys.generations[index] != self.generation:
            return 0
        return keys.values[index]


@inline
def destroy_values() -> None:
    """Call the destructors for what the caller has, and forget it. For a thread that ends."""
    keys = my_uthread().keys
    if keys.held != 0:
        destroy_rounds(keys)


@noinline
def destroy_rounds(keys: KeyValues) -> None:
    refuse_cancel()                         # whoever cancels it now comes too late
    for _ in range(ROUNDS):
        held = keys.held
        if held == 0:
            return
        for i in range(MAX_KEYS):
            if held >> u32(i) & 1 != 0:
                destroy_value(keys, i)


def destroy_value(keys: KeyValues, index: u64) -> None:
    value = keys.values[index]
    keys.held = keys.held & ~(u32(1) << u32(index))
    slot = slots[index]
    if slot.in_use and slot.generation == keys.generations[index]:
        slot.destructor(value)
