# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors: raise, except, else, finally, re-raise, subclasses, through many frames."""

from lang import Errno, Error, i32, u32, u64


class ParseError(Error):
    pass


class RangeError(ParseError):
    pass


def check(n: i32) -> i32:
    if n < 0:
        raise Error(Errno.EINVAL, f"negative: {n}")
    if n > 100:
        raise RangeError(Errno.ERANGE, f"{n} is over {100}")
    if n == 13:
        raise ParseError(Errno.EDOM, "unlucky")
    return n * 2


def nested(n: i32) -> i32:
    try:
        return check(n) + 1
    finally:
        print("leaving", n)


def kind_of(n: i32) -> str:
    try:
        value = nested(n)
    except RangeError as e:
        print("range", e.errno, e.message)
        return "range"
    except ParseError as e:
        print("parse", e.errno.name, e.message)
        return "parse"
    except Error as e:
        print("error", e.errno == Errno.EINVAL, e.message)
        return "error"
    else:
        print("value", value)
    return "fine"


def again(n: i32) -> None:
    try:
        check(n)
    except Error as e:
        print("first:", e.message)
        raise


def translate(n: i32) -> None:
    try:
        check(n)
    except Error as e:
        raise Error(Errno.EIO, f"while checking: {e.message}")


def count_down(n: u32) -> u32:
    if n == 0:
        raise Error(Errno.ENOENT, "bottom")
    return count_down(n - 1) + 1


def loop_with_errors() -> u64:
    caught: u64 = 0
    for i in range(10):
        try:
            if i % 3 == 0:
                continue
            if i == 8:
                break
            check(i32(i) - 4)
        except Error:
            caught += 1
        finally:
            caught += 100
    return caught


def parse(word: str) -> u64:
    try:
        return u64(word)
    except Error as e:
        print(e.errno, e.message)
        return 0


def overriding() -> i32:
    try:
        check(-1)
        return 1
    except Error:
        return 2
    finally:
        print("finally")


def main() -> i32:
    for n in (5, -1, 101, 13):
        print(kind_of(i32(n)))
    try:
        again(-9)
    except Error as e:
        print("second:", e.message)
    try:
        translate(500)
    except Error as e:
        print(e.errno, e.message)
    try:
        print(count_down(20))
    except Error as e:
        print(e.message)
    print(loop_with_errors())
    print(parse("17"), parse("x17"), parse("99999999999999999999"), parse(""))
    print(overriding())
    word = "x"
    try:
        raise Error(Errno.E2BIG, f"{word:>200}")
    except Error as e:
        print(len(e.message), e.errno)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
