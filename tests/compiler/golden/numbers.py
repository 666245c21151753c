from lang import Paddr, Uaddr, i8, i32, i64, u8, u16, u32, u64, wrap

BIG: u8 = 256
SHIFTED = 1 << 3


def widths(a: u32, b: u64, c: i64) -> u64:
    x = a + b
    y = b + c
    z: u8 = 300
    w = u8(1000)
    v = a << 40
    q = b // 0
    r = b / 2
    s = b ** a
    t = wrap(u8, 1000)
    return a


def addresses(p: Paddr, u: Uaddr, n: u64) -> Paddr:
    a = p + u
    b = p + n
    c = p == u
    d = u64(p) + n
    return n


def signs(a: i8, b: bool) -> i32:
    c: u16 = -1
    d = b + 1
    if a == b:
        return 1
    return a


def texts(a: str, n: u64) -> str:
    b = a + "x"
    c = a * 2
    d = a[-1]
    e = a == n
    return n


def main() -> i32:
    return 0
