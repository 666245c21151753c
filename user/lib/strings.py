# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bytes and strings beyond what `str` itself can do. Pure functions, no locks.

A `str` never owns its bytes: those of `duplicate` belong to the caller, who frees them.
"""

from lang import Span, free, i64, memcpy, new, array, u8, u64


def is_space(byte: u8) -> bool:
    return byte == ord(" ") or 9 <= byte <= 13


def is_blank(byte: u8) -> bool:
    """Space between the words of one line."""
    return byte == ord(" ") or byte == ord("\t")


def is_digit(byte: u8) -> bool:
    return ord("0") <= byte <= ord("9")


def is_alpha(byte: u8) -> bool:
    return ord("a") <= byte <= ord("z") or ord("A") <= byte <= ord("Z")


def is_name_start(byte: u8) -> bool:
    return is_alpha(byte) or byte == ord("_")


def is_name_byte(byte: u8) -> bool:
    return is_name_start(byte) or is_digit(byte)


def is_name(value: str) -> bool:
    """Whether `value` may name a variable."""
    if len(value) == 0 or not is_name_start(value[0]):
        return False
    for byte in value:
        if not is_name_byte(byte):
            return False
    return True


def is_continuation(byte: u8) -> bool:
    """A byte of a UTF-8 character other than its first: it takes no column of its own."""
    return byte & 0xC0 == 0x80


def to_lower(byte: u8) -> u8:
    return byte + 32 if ord("A") <= byte <= ord("Z") else byte


def to_upper(byte: u8) -> u8:
    return byte - 32 if ord("a") <= byte <= ord("z") else byte


def find_byte(value: str, wanted: u8, start: u64) -> i64:
    """Where `wanted` first stands at or after `start`, or -1."""
    i = start
    while i < len(value):
        if value[i] == wanted:
            return i64(i)
        i += 1
    return -1


def contains_byte(value: str, wanted: u8) -> bool:
    return find_byte(value, wanted, 0) >= 0


def duplicate(value: str) -> str:
    """A copy that the caller owns; an empty one owns nothing."""
    if len(value) == 0:
        return ""
    bytes_ = new(array(len(value), u8))
    memcpy(bytes_, value)
    return bytes_


def discard(value: str) -> None:
    """Give back what `duplicate` made."""
    if len(value) > 0:
        free(value)


def columns(value: str) -> u64:
    """How many characters `value` has."""
    count: u64 = 0
    for byte in value:
        if not is_continuation(byte):
            count += 1
    return count


def number_or_none(value: str) -> u64 | None:
    """The decimal number that `value` is, or None: no exception for what users mistype."""
    if len(value) == 0 or len(value) > 19:
        return None
    result: u64 = 0
    for byte in value:
        if not is_digit(byte):
            return None
        result = result * 10 + u64(byte - ord("0"))
    return result


def signed_or_none(value: str) -> i64 | None:
    """As `number_or_none`, with an optional minus sign."""
    negative = value.startswith("-")
    magnitude = number_or_none(value[1:] if negative else value)
    if magnitude is None or magnitude > 0x7FFF_FFFF_FFFF_FFFF:
        return None
    return 0 - i64(magnitude) if negative else i64(magnitude)


def next_field(line: str, at: u64) -> tuple[str, u64]:
    """The next run of bytes without blanks at or after `at` (empty at the end), and where to go on."""
    start = at
    while start < len(line) and is_space(line[start]):
        start += 1
    end = start
    while end < len(line) and not is_space(line[end]):
        end += 1
    return line[start:end], end


def common_prefix(a: str, b: str) -> u64:
    """How many bytes `a` and `b` begin with in common, never ending within a character."""
    length: u64 = 0
    while length < len(a) and length < len(b) and a[length] == b[length]:
        length += 1
    while length > 0 and length < len(a) and is_continuation(a[length]):
        length -= 1
    return length


def sort_strings(items: Span[str]) -> None:
    """Order by bytes, in place. Heap sort: no recursion, no memory, n log n whatever the input."""
    n = len(items)
    start = n // 2
    while start > 0:
        start -= 1
        _sift_down(items, start, n)
    end = n
    while end > 1:
        end -= 1
        largest = items[0]
        items[0] = items[end]
        items[end] = largest
        _sift_down(items, 0, end)


def _sift_down(items: Span[str], start: u64, end: u64) -> None:
    root = start
    while root * 2 + 1 < end:
        child = root * 2 + 1
        if child + 1 < end and items[child] < items[child + 1]:
            child += 1
        if not items[root] < items[child]:
            return
        kept = items[root]
        items[root] = items[child]
        items[child] = kept
        root = child
