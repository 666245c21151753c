from lang import i32, u64


def nothing() -> None:
    a = [1, 2]
    b = {1: 2}
    c = {1, 2}
    d = [x for x in range(3)]
    e = lambda x: x
    f = (x for x in range(3))
    del a
    import sys
    def inner() -> None:
        pass
    class Inner:
        pass
    g = f"{1} and {2}"
    h = 3 @ 4
    yield 3
    isinstance(a, u64)
    i = 1j
    j = ...


async def later() -> None:
    await later()


def stars(*args: u64, **kwargs: u64) -> None:
    pass


def main() -> i32:
    stars(1)
    return 0
