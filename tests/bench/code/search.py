# SPDX-License-Identifier: GPL-2.0-or-later
"""search N ROUNDS: the places of some words in N bytes of text, by Horspool's algorithm (1980)."""

import sys

from lang import array, i32, new, u8, u64

skip = array(256, u64)


def prepare(word: str) -> None:
    n = len(word)
    for i in range(256):
        skip[i] = n
    for i in range(n - 1):
        skip[word[i]] = n - 1 - i


def matches(text: str, at: u64, word: str) -> bool:
    for i in range(len(word)):
        if text[at + i] != word[i]:
            return False
    return True


def occurrences(text: str, word: str) -> u64:
    prepare(word)
    n = len(word)
    last = word[n - 1]
    found: u64 = 0
    at: u64 = 0
    while at + n <= len(text):
        end = text[at + n - 1]
        if end == last and matches(text, at, word):
            found += at + 1
        at += skip[end]
    return found


def main() -> i32:
    n = u64(sys.argv[1])
    rounds = u64(sys.argv[2])
    text = new(array(n, u8))
    state: u64 = 88172645463325252
    for i in range(n):
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        text[i] = u8(ord("a") + (state >> 32) % 6)
    check: u64 = 0
    for _ in range(rounds):
        for word in ("abcdef", "fade", "deadbeef", "cab", "facade"):
            check = check * 31 + occurrences(text, word)
    print(check)
    return 0
