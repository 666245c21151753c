# SPDX-License-Identifier: GPL-2.0-or-later
"""Behind the methods and comparisons of `str`. Strings are spans of bytes; order is by bytes, which for UTF-8 is Python's."""

from lang import Errno, Error, i32, i64, u8, u64, wrap


def str_eq(a: str, b: str) -> bool:
    if len(a) != len(b):
        return False
    for i in range(len(a)):
        if a[i] != b[i]:
            return False
    return True


def str_compare(a: str, b: str) -> i32:
    """Below, equal or above zero, as `a` is before, at or after `b`."""
    for i in range(min(len(a), len(b))):
        if a[i] != b[i]:
            return -1 if a[i] < b[i] else 1
    if len(a) == len(b):
        return 0
    return -1 if len(a) < len(b) else 1


def str_startswith(value: str, part: str) -> bool:
    return len(value) >= len(part) and str_eq(value[0 : len(part)], part)


def str_endswith(value: str, part: str) -> bool:
    return len(value) >= len(part) and str_eq(value[len(value) - len(part) :], part)


def str_find(value: str, part: str) -> i64:
    """Where `part` first begins, or -1."""
    if len(part) > len(value):
        return -1
    for i in range(len(value) - len(part) + 1):
        if str_eq(value[i : i + len(part)], part):
            return i64(i)
    return -1


def str_rfind(value: str, part: str) -> i64:
    """Where `part` last begins, or -1."""
    if len(part) > len(value):
        return -1
    i = len(value) - len(part) + 1
    while i > 0:
        i -= 1
        if str_eq(value[i : i + len(part)], part):
            return i64(i)
    return -1


def is_space(byte: u8) -> bool:
    return byte == 32 or 9 <= byte <= 13 or 28 <= byte <= 31


def str_lstrip(value: str) -> str:
    start: u64 = 0
    while start < len(value) and is_space(value[start]):
        start += 1
    return value[start:]


def str_rstrip(value: str) -> str:
    end = len(value)
    while end > 0 and is_space(value[end - 1]):
        end -= 1
    return value[0:end]


def str_strip(value: str) -> str:
    return str_lstrip(str_rstrip(value))


def str_isdigit(value: str) -> bool:
    if len(value) == 0:
        return False
    for byte in value:
        if not ord("0") <= byte <= ord("9"):
            return False
    return True


def str_split1(value: str, sep: str) -> tuple[str, str]:
    """What stands before and after the first `sep`; all and nothing if there is none."""
    at = str_find(value, sep)
    if at < 0:
        return value, ""
    i = u64(at)
    return value[0:i], value[i + len(sep) :]


def parse_u64(value: str) -> u64:
    """Decimal digits, nothing else. Raises Error(EINVAL), also when the number is too large."""
    digits = value[1:] if str_startswith(value, "+") else value
    if not str_isdigit(digits):
        raise Error(Errno.EINVAL, f"not a number: {value!r}")
    result: u64 = 0
    for byte in digits:
        digit = u64(byte - ord("0"))
        if result > (0xFFFF_FFFF_FFFF_FFFF - digit) // 10:
            raise Error(Errno.EINVAL, f"number too large: {value}")
        result = result * 10 + digit
    return result


def parse_i64(value: str) -> i64:
    """As `parse_u64`, with an optional sign."""
    if not str_startswith(value, "-"):
        positive = parse_u64(value)
        if positive > 0x7FFF_FFFF_FFFF_FFFF:
            raise Error(Errno.EINVAL, f"number too large: {value}")
        return wrap(i64, positive)
    if not str_isdigit(value[1:]):
        raise Error(Errno.EINVAL, f"not a number: {value!r}")
    magnitude = parse_u64(value[1:])
    if magnitude > 0x8000_0000_0000_0000:
        raise Error(Errno.EINVAL, f"number too large: {value}")
    return wrap(i64, 0 - magnitude)
