# SPDX-License-Identifier: LGPL-2.1-or-later
r"""File name patterns: `*`, `?`, `[a-z]`, `[!a]`; a backslash makes the next byte ordinary.

`matches` is pure. `has_wildcard` and `unescape` serve the shell, which escapes what was quoted. A name that begins
with a dot is matched only by a pattern that does.
"""

from lang import Text, u8, u64


def has_wildcard(pattern: str) -> bool:
    at: u64 = 0
    while at < len(pattern):
        byte = pattern[at]
        if byte == ord("*") or byte == ord("?") or byte == ord("["):
            return True
        at += 2 if byte == ord("\\") else 1
    return False


def unescape(pattern: str, into: Text) -> None:
    """Append `pattern` to `into` without its backslashes."""
    at: u64 = 0
    while at < len(pattern):
        if pattern[at] == ord("\\") and at + 1 < len(pattern):
            at += 1
        into.append(pattern[at : at + 1])
        at += 1


def matches(pattern: str, name: str) -> bool:
    """Whether all of `name` fits all of `pattern`. Only the last `*` is ever tried again, so time is at most length squared."""
    if name.startswith(".") and not pattern.startswith(".") and not pattern.startswith("\\."):
        return False
    p: u64 = 0
    n: u64 = 0
    retry_p: u64 = 0
    retry_n: u64 = 0
    star_seen = False
    while n < len(name):
        if p < len(pattern) and pattern[p] == ord("*"):
            star_seen = True
            p += 1
            retry_p = p
            retry_n = n
            continue
        after = _match_one(pattern, p, name[n])
        if after > p:
            p = after
            n += 1
        elif star_seen:
            retry_n += 1
            n = retry_n
            p = retry_p
        else:
            return False
    while p < len(pattern) and pattern[p] == ord("*"):
        p += 1
    return p >= len(pattern)


def _match_one(pattern: str, at: u64, byte: u8) -> u64:
    """Where the pattern goes on if its part at `at` fits `byte`; `at` itself if it does not."""
    if at >= len(pattern):
        return at
    wanted = pattern[at]
    if wanted == ord("?"):
        return at + 1
    if wanted == ord("["):
        end = _set_end(pattern, at)
        if end > 0:
            return end if _in_set(pattern[at + 1 : end - 1], byte) else at
    if wanted == ord("\\") and at + 1 < len(pattern):
        return at + 2 if pattern[at + 1] == byte else at
    return at + 1 if wanted == byte else at


def _set_end(pattern: str, start: u64) -> u64:
    """Behind the `]` that closes the set at `start`, or 0: then the bracket is an ordinary byte."""
    at = start + 1
    if at < len(pattern) and (pattern[at] == ord("!") or pattern[at] == ord("^")):
        at += 1
    first = at
    while at < len(pattern):
        if pattern[at] == ord("]") and at > first:
            return at + 1
        at += 2 if pattern[at] == ord("\\") else 1
    return 0


def _in_set(members: str, byte: u8) -> bool:
    at: u64 = 0
    inverted = len(members) > 0 and (members[0] == ord("!") or members[0] == ord("^"))
    if inverted:
        at = 1
    found = False
    while at < len(members):
        if members[at] == ord("\\") and at + 1 < len(members):
            at += 1
        low = members[at]
        high = low
        if at + 2 < len(members) and members[at + 1] == ord("-"):
            high = members[at + 2]
            at += 2
        if low <= byte <= high:
            found = True
        at += 1
    return found != inverted
