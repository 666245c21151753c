# SPDX-License-Identifier: LGPL-2.1-or-later
"""Vectors of pieces of memory, as readv and writev have them: their length, cutting from the front, copying to and from one piece."""

from lang import Span, copy_bytes, struct, u8, u64


@struct
class IoVec:
    base: Span[u8]


def total_length(pieces: Span[IoVec]) -> u64:
    return sum(len(piece.base) for piece in pieces)


def is_long_enough(pieces: Span[IoVec], wanted: u64) -> bool:
    """Without adding up more than it takes."""
    left = wanted
    for piece in pieces:
        if len(piece.base) >= left:
            return True
        left -= len(piece.base)
    return left == 0


def strip_front(pieces: Span[IoVec], count: u64) -> u64:
    """Take `count` bytes off the front, after so many were transferred; the index of the first piece that has any left."""
    left = count
    for i in range(len(pieces)):
        piece = pieces[i]
        if left < len(piece.base):
            piece.base = piece.base[left:]
            return i
        left -= len(piece.base)
        piece.base = piece.base[:0]
    return len(pieces)


def trim_to(pieces: Span[IoVec], length: u64) -> None:
    """No more than `length` bytes in all."""
    left = length
    for piece in pieces:
        kept = min(left, len(piece.base))
        piece.base = piece.base[:kept]
        left -= kept


def gather(pieces: Span[IoVec], into: Span[u8]) -> u64:
    """Copy all pieces, one after the other, as far as there is room; how much."""
    done: u64 = 0
    for piece in pieces:
        count = min(len(piece.base), len(into) - done)
        copy_bytes(into[done : done + count], piece.base[:count])
        done += count
    return done


def scatter(data: Span[u8], pieces: Span[IoVec]) -> u64:
    """Copy to the pieces, as far as both go; how much."""
    done: u64 = 0
    for piece in pieces:
        count = min(len(piece.base), len(data) - done)
        copy_bytes(piece.base[:count], data[done : done + count])
        done += count
    return done
