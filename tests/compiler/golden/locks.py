from lang import Ref, atomic_section, begins_atomic, ends_atomic, i32, lock_order, sleeping_section, struct, u64, unproven


@struct
class Lock:
    held: bool

    @begins_atomic
    def lock(self) -> None:
        self.held = True

    @begins_atomic
    def try_lock(self) -> bool:
        return self.held

    @ends_atomic
    def unlock(self) -> None:
        self.held = False

    @atomic_section
    def __enter__(self) -> "Lock":
        self.lock()
        return self

    def __exit__(self) -> None:
        self.unlock()


@struct
class Mutex:
    held: bool

    @sleeping_section
    def __enter__(self) -> "Mutex":
        return self

    def __exit__(self) -> None:
        pass


@struct
class Page:
    lock: Lock


@struct
class Process:
    parent: Ref["Process"] | None
    lock: Lock
    page: Page
    files: Mutex


table = Lock()
spare = Lock()
other = Lock()
third = Lock()

ORDER = lock_order("Process.files", "locks.table", "Process.lock", "Page.lock", "Page.lok")


def touch(p: Process) -> None:
    with p.page.lock:
        pass


def deeper(p: Process) -> None:
    touch(p)


def find(p: Process) -> None:
    table.lock()
    table.unlock()


# As declared, and two that do not matter.
def right(p: Process) -> None:
    with p.files, table:
        with p.lock:
            deeper(p)
        touch(p)
    find(p)
    with p.lock:
        if table.try_lock():
            table.unlock()


def wrong(p: Process) -> None:
    with p.page.lock:
        with p.lock:
            pass
    p.lock.lock()
    find(p)
    p.lock.unlock()


def two_of_a_kind(p: Process) -> None:
    parent = p.parent
    with p.lock:
        if parent is not None:
            deeper(parent)
            with parent.lock:
                pass


# Not declared: any order, but one.
def take_other() -> None:
    with other:
        pass


def one_way() -> None:
    with spare:
        take_other()


def next_way() -> None:
    with other, third:
        pass


def back_again() -> None:
    with third:
        with spare:
            pass


@unproven("breaks the order on purpose")
def broken(p: Process) -> None:
    with p.page.lock, p.files:
        pass


def main() -> i32:
    return 0
