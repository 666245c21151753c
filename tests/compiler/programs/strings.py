# SPDX-License-Identifier: GPL-2.0-or-later
"""str: bytes of UTF-8, slices, searching, parsing, comparison."""

from lang import Errno, Error, i32, i64, u8, u64

GREETING = "hello, wörld"
WORDS = ("alpha", "beta", "gamma")


def count(text: str, byte: u8) -> u64:
    found: u64 = 0
    for b in text:
        if b == byte:
            found += 1
    return found


def words(text: str) -> None:
    rest = text.strip()
    while rest:
        word, rest = rest.split1(" ")
        print(f"<{word}>", end="")
        rest = rest.lstrip()
    print()


def number(text: str) -> i64:
    try:
        return i64(text)
    except Error as e:
        print(e.message, e.errno == Errno.EINVAL, end=" ")
        return -1


def main() -> i32:
    print(GREETING, len(GREETING), GREETING[0], GREETING[8], GREETING[7:9] == "wö"[0:2])
    print(GREETING[:5], GREETING[7:], GREETING.find("l"), GREETING.rfind("l"), GREETING.find("zz"), GREETING.find(""))
    print(GREETING.startswith("hell"), GREETING.endswith("rld"), GREETING.startswith("x"), "12a".isdigit(), "120".isdigit(), "".isdigit())
    print("[", "  padded ".strip(), "]", "\t x".lstrip(), "x \n".rstrip(), "|")
    before, after = "key=value=more".split1("=")
    print(before, after)
    a, b = "nothing".split1("=")
    print(a, len(b), b == "")
    words("  the quick   brown fox ")
    print(count("mississippi", ord("s")), "abc" == "abc", "abc" != "abd", "abc" < "abd", "ab" < "abc", "b" > "abc", "" < "a")
    for word in WORDS:
        print(word, len(word), end=" ")
    print(len(WORDS))
    print(number("42"), number("-9223372036854775808"), number("+7"), number("4 2"), number("--1"))
    print(f"{GREETING!r} {before!r:>8}", "a" in ("a", "b"), "c" not in ("a", "b"))
    empty = ""
    if not empty:
        print("empty")
    print("multipart", "tab\there", 'quote"', "single'", "back\\slash")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
