# SPDX-License-Identifier: GPL-2.0-or-later
"""`with`: released on every way out."""

from lang import Errno, Error, i32, struct, u32


@struct
class Lock:
    held: bool
    taken: u32

    def __enter__(self) -> Lock:
        assert not self.held, "taken twice"
        self.held = True
        self.taken += 1
        print("lock", end=" ")
        return self

    def __exit__(self) -> None:
        self.held = False
        print("unlock", end=" ")


@struct
class Depth:
    level: u32

    def __enter__(self) -> u32:
        self.level += 1
        return self.level

    def __exit__(self) -> None:
        self.level -= 1


lock = Lock()
other = Lock()
depth = Depth()


def early(n: i32) -> i32:
    with lock:
        if n == 1:
            return 10
        if n == 2:
            raise Error(Errno.EAGAIN, "two")
        print("body", end=" ")
    return 20


def looped() -> u32:
    count: u32 = 0
    for i in range(5):
        with lock, other as o:
            if i == 1:
                continue
            if i == 3:
                break
            count += o.taken
    return count


def nested() -> u32:
    with depth as a:
        with depth as b:
            return a * 10 + b


def main() -> i32:
    print(early(0))
    print(early(1))
    try:
        early(2)
    except Error as e:
        print(e.message)
    print(looped())
    print(nested(), depth.level)
    print(lock.taken, lock.held, other.taken)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
