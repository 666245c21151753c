# SPDX-License-Identifier: GPL-2.0-or-later
"""Sorting in place: heap sort, so that the worst case is n log n and nothing is allocated. Not stable."""

from typing import TypeVar

from lang import Span, u64

T = TypeVar("T")


def sort(values: Span[T]) -> None:
    """Put scalars into ascending order."""
    count = len(values)
    start = count // 2
    while start > 0:
        start -= 1
        sift_down(values, start, count)
    end = count
    while end > 1:
        end -= 1
        top = values[0]
        values[0] = values[end]
        values[end] = top
        sift_down(values, 0, end)


def sift_down(values: Span[T], start: u64, end: u64) -> None:
    """Restore "no child is bigger than its parent" below `start`, in values[:end]."""
    parent = start
    while parent * 2 + 1 < end:
        child = parent * 2 + 1
        if child + 1 < end and values[child] < values[child + 1]:
            child += 1
        if values[parent] >= values[child]:
            return
        moved = values[parent]
        values[parent] = values[child]
        values[child] = moved
        parent = child
