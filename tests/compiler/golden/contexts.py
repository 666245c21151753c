from abc import ABC, abstractmethod

from lang import Ref, atomic_section, blocks, i32, interrupt_context, new, struct, u64, vcore_context


@struct
class Lock:
    held: bool

    @atomic_section
    def __enter__(self) -> "Lock":
        self.held = True
        return self

    def __exit__(self) -> None:
        self.held = False


@struct
class Item:
    value: u64


class Source(ABC):
    @abstractmethod
    def next(self) -> u64: ...


class Slow(Source):
    lock: Lock

    def next(self) -> u64:
        wait(self.lock)
        return 1


@blocks
def park(guard: Lock) -> None:
    guard.held = False


def wait(lock: Lock) -> None:
    with lock as guard:
        park(guard)


def deeper(lock: Lock) -> None:
    wait(lock)


def make() -> Ref[Item]:
    return new(Item)


def both(first: Lock, second: Lock, source: Source) -> u64:
    with first:
        deeper(second)
        return source.next()


@vcore_context
def entry(lock: Lock) -> None:
    make()
    deeper(lock)


@interrupt_context
def handler(lock: Lock) -> None:
    with lock:
        pass


def main() -> i32:
    return 0
