from abc import ABC, abstractmethod
from typing import Callable

from lang import Error, Registry, atomic_section, begins_atomic, blocks, ends_atomic, extern, free, i32, interrupt_context, never_blocks
from lang import new, struct, takes_user_fault, tells_context, u64, unproven, vcore_context


@struct
class Lock:
    held: bool

    @begins_atomic
    def lock(self) -> None:
        self.held = True

    @ends_atomic
    def unlock(self) -> None:
        self.held = False

    @atomic_section
    def __enter__(self) -> "Lock":
        self.lock()
        return self

    def __exit__(self) -> None:
        self.unlock()


@begins_atomic("interrupts")
@extern
def irqs_save() -> u64: ...


@ends_atomic("interrupts")
@extern
def irqs_restore(saved: u64) -> None: ...


@takes_user_fault
@extern
def load_user(address: u64) -> u64: ...


@extern
def is_thread() -> u64: ...


@blocks
def park() -> None:
    pass


@struct
class Item:
    value: u64


@struct
class Alarm:
    handler: Callable[["Alarm"], None]
    other: Callable[["Alarm"], None]


@struct
class Owner:
    inner: Lock
    alarm: Alarm


def sleepy(alarm: Alarm) -> None:
    park()


def quick(alarm: Alarm) -> None:
    alarm.handler = quick


# Function values: fields apart, parameters, registries, globals, casts through one another.
def set_up(owner: Owner) -> None:
    owner.alarm.handler = sleepy
    owner.alarm.other = quick


@interrupt_context
def ring(alarm: Alarm) -> None:
    alarm.other(alarm)
    alarm.handler(alarm)


def call_it(action: Callable[[Alarm], None], alarm: Alarm) -> None:
    chosen = action
    chosen(alarm)


def pick(sleep: bool) -> Callable[[Alarm], None]:
    return sleepy if sleep else quick


@never_blocks
def fires(alarm: Alarm) -> None:
    call_it(quick, alarm)
    pick(True)(alarm)


hooks = Registry[Callable[[], None]]()


@hooks
def makes() -> None:
    try:
        free(new(Item))
    except Error:
        pass


@vcore_context
def entry() -> None:
    for action in hooks:
        action()


# An interface may say what its methods do; and marks hold for the members.
class Device(ABC):
    @blocks
    @abstractmethod
    def read(self) -> u64: ...

    @never_blocks
    @abstractmethod
    def status(self) -> u64: ...


class Disk(Device):
    def read(self) -> u64:
        return 1

    def status(self) -> u64:
        park()
        return 0


# Sections by pairs of calls, and by turning interrupts off.
def paired(owner: Owner, device: Device, early: bool) -> None:
    owner.inner.lock()
    if early:
        owner.inner.unlock()
        park()
        return
    load_user(0)
    device.read()
    owner.inner.unlock()
    park()


def masked() -> None:
    saved = irqs_save()
    load_user(0)
    park()
    irqs_restore(saved)
    park()


def looped(lock: Lock) -> None:
    while True:
        with lock:
            if lock.held:
                break
    park()
    lock.lock()
    while lock.held:
        lock.unlock()
        park()
        lock.lock()
    park()


# A test of the context ends what holds in it.
@tells_context("vcore_context")
def in_vcore_context() -> bool:
    return is_thread() == 0


def wait() -> None:
    if not in_vcore_context() and is_thread() > 3:
        park()
        return
    assert not in_vcore_context()
    park()


@vcore_context
def other_entry() -> None:
    wait()
    if in_vcore_context():
        park()


@unproven("shows what happens then")
def broken() -> None:
    park()


@interrupt_context
def handler(lock: Lock) -> None:
    broken()
    with lock:
        broken()
    load_user(0)


def main() -> i32:
    return 0
