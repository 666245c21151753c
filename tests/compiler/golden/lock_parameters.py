"""Locks that functions are given: which they are is told by the callers."""

from typing import Callable

from lang import Ref, atomic_section, begins_atomic, ends_atomic, lock_order, struct, u64


@struct
class Latch:
    held: bool

    @begins_atomic
    def lock(self) -> None:
        self.held = True

    @ends_atomic
    def unlock(self) -> None:
        self.held = False

    def quietly(self) -> "QuietLatch":
        return quiet

    @atomic_section
    def __enter__(self) -> "Latch":
        self.lock()
        return self

    def __exit__(self) -> None:
        self.unlock()


@struct
class QuietLatch:
    """A view."""

    latch: Latch

    @atomic_section
    def __enter__(self) -> "QuietLatch":
        self.latch.lock()
        return self

    def __exit__(self) -> None:
        self.latch.unlock()


quiet = QuietLatch()


@struct
class Shelf:
    books: u64
    latch: Latch


@struct
class Book:
    latch: Latch
    pages: u64


@struct
class Page:
    latch: Latch


ORDER = lock_order("Shelf.latch", "Book.latch", "Page.latch")


def take(latch: Latch) -> None:
    with latch:
        pass


def through(latch: Latch, n: u64) -> None:
    if n > 0:
        take(latch)


def take_shelf_within(latch: Latch, shelf: Shelf) -> None:
    with latch:
        take(shelf.latch)


def take_both(outer: Latch, inner: Latch) -> None:
    outer.lock()
    inner.lock()
    inner.unlock()
    outer.unlock()


def held_by_a_view(view: QuietLatch, other: Latch) -> None:
    view.latch.lock()
    take(other)
    view.latch.unlock()


def handed(action: Callable[[Latch], None], latch: Latch) -> None:
    action(latch)


def inner_is_passed(shelf: Shelf, book: Book) -> None:
    with book.latch:
        through(shelf.latch, 3)


def outer_is_passed(shelf: Shelf, page: Page) -> None:
    take_shelf_within(page.latch, shelf)


def both_are_passed(book: Book, page: Page) -> None:
    take_both(page.latch, book.latch)


def right_way_round(shelf: Shelf, book: Book) -> None:
    take_both(shelf.latch, book.latch)
    with shelf.latch as held:
        through(book.latch, 1)
        held_by_a_view(quiet, book.latch)


def by_a_function_value(one: Shelf, another: Shelf) -> None:
    with one.latch:
        handed(take, another.latch)


def reassigned(shelf: Shelf, book: Book) -> None:
    latch = book.latch
    latch = shelf.latch
    with book.latch:
        take(latch)
