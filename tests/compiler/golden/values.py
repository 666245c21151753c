from typing import Callable

from lang import addr_of, array, blocks, cast, i32, never_blocks, new, struct, u64, u8


@blocks
def park() -> None:
    pass


# Each group of values has parameter types of its own, so that what cannot be told apart stays within the group.
# Elements of a global array; of an array within an object, which may be any element anywhere.
table = array(4, Callable[[u64, u64], None])


def slow_element(a: u64, b: u64) -> None:
    park()


def quick_element(a: u64, b: u64) -> None:
    pass


def fill(index: u64) -> None:
    table[index] = slow_element
    table[index + 1] = quick_element


@never_blocks
def run_element(index: u64) -> None:
    table[index](1, 2)


# Through an optional field of an embedded object, set by its constructor.
@struct
class Inner:
    action: Callable[[u8], None] | None


@struct
class Outer:
    first: Inner
    second: Inner
    quiet: Callable[[u8], None]


def slow_action(a: u8) -> None:
    park()


def quick_action(a: u8) -> None:
    pass


def make() -> Outer:
    return new(Outer, first=Inner(action=slow_action), second=Inner(), quiet=quick_action)


@never_blocks
def run_action(outer: Outer) -> None:
    outer.quiet(1)
    action = outer.second.action
    if action is not None:
        action(1)


# A global that is assigned, and one that starts as what it is.
hook: Callable[[u64, u8], None] | None = None
given: Callable[[u64, u8], None] = quick_hook


def slow_hook(a: u64, b: u8) -> None:
    park()


def quick_hook(a: u64, b: u8) -> None:
    pass


def set_hook() -> None:
    global hook
    hook = slow_hook


def set_given() -> None:
    global given
    given = quick_hook


@never_blocks
def run_hook() -> None:
    given(1, 2)
    found = hook
    if found is not None:
        found(1, 2)


# From an integer: any function of these types whose address was taken.
def slow_cast(a: u8, b: u8) -> None:
    park()


def address() -> u64:
    return addr_of(slow_cast)


@never_blocks
def run_cast(value: u64) -> None:
    cast(Callable[[u8, u8], None], value)(1, 2)


# Passed on: parameter to parameter to field, and back as a result.
@struct
class Task:
    body: Callable[[u8, u64], None]


def start(task: Task, body: Callable[[u8, u64], None]) -> None:
    task.body = body


def start_later(task: Task, body: Callable[[u8, u64], None], now: bool) -> None:
    start(task, body if now else idle_body)


def idle_body(a: u8, b: u64) -> None:
    pass


def slow_body(a: u8, b: u64) -> None:
    park()


def begin(task: Task) -> None:
    start_later(task, slow_body, True)


def body_of(task: Task) -> Callable[[u8, u64], None]:
    return task.body


@never_blocks
def run_task(task: Task) -> None:
    body_of(task)(1, 2)


# Captured by a function within, which assigns it.
def slow_captured(a: u8, b: u8, c: u8) -> None:
    park()


def quick_captured(a: u8, b: u8, c: u8) -> None:
    pass


@never_blocks
def run_captured() -> None:
    chosen: Callable[[u8, u8, u8], None] = quick_captured

    def choose() -> None:
        nonlocal chosen
        chosen = slow_captured

    def run() -> None:
        chosen(1, 2, 3)

    choose()
    run()


# A function within, and a lambda, as values.
def apply(action: Callable[[u8, u8, u8, u8], None]) -> None:
    action(1, 2, 3, 4)


@never_blocks
def run_within(count: u64) -> None:
    def body(a: u8, b: u8, c: u8, d: u8) -> None:
        if count > u64(a):
            park()

    apply(body)


@never_blocks
def run_lambda() -> None:
    apply(lambda a, b, c, d: park())


def main() -> i32:
    return 0
