# SPDX-License-Identifier: GPL-2.0-or-later
"""The error in flight is the one that leaves, whatever was raised and caught on its way."""

from lang import Errno, Error, i32, struct, u64


def swallowed() -> None:
    try:
        u64("x")
    except Error:
        pass


def through_finally() -> None:
    try:
        raise Error(Errno.EINVAL, " x ")
    finally:
        swallowed()


def through_inner_finally() -> None:
    try:
        raise Error(Errno.EPERM, "inner")
    finally:
        try:
            raise Error(Errno.ENOENT, "other")
        except Error as other:
            print(other.message)


@struct
class Section:
    name: str

    def __enter__(self) -> None:
        print(self.name)

    def __exit__(self, *args: object) -> None:
        swallowed()


def through_exit() -> None:
    with Section(name="section"):
        raise Error(Errno.EAGAIN, "from within")


def raised_again() -> None:
    try:
        raise Error(Errno.EBUSY, "first")
    except Error:
        try:
            raise Error(Errno.ENOMEM, "second")
        except Error as second:
            print(second.message)
            swallowed()
        swallowed()
        raise


def raised_within(again: bool) -> None:
    try:
        raise Error(Errno.EBUSY, "outer")
    except Error:
        swallowed()
        try:
            raise
        except Error as same:
            print("once more", same.message)
            swallowed()
            if again:
                raise


def left_by_another() -> None:
    try:
        raise Error(Errno.EBUSY, "first")
    finally:
        swallowed()
        raise Error(Errno.EIO, "instead")


def shown(number: i32) -> None:
    try:
        if number == 0:
            through_finally()
        elif number == 1:
            through_inner_finally()
        elif number == 2:
            through_exit()
        elif number == 3:
            raised_again()
        elif number == 4:
            raised_within(True)
        elif number == 5:
            raised_within(False)
        else:
            left_by_another()
        print("nothing")
    except Error as e:
        print(number, e.errno, e.message)


def main() -> i32:
    for number in range(7):
        shown(i32(number))
    return 0
