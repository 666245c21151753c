# SPDX-License-Identifier: GPL-2.0-or-later
"""Bit-fields are values: under CPython parameters, loop variables and parts of tuples were one object with what they came from."""

from lang import Array, Bits, array, bit, bits, i32, struct, u16


class W(Bits[u16]):
    a = bits(0, 3)
    b = bit(4)


@struct
class P:
    w: W
    ws: Array[W] = array(2)


table = array(3, W)


def change(w: W) -> u16:
    w.a = 7
    return w.raw


def give(p: P) -> W:
    return p.w


def pair(w: W) -> tuple[W, u16]:
    return w, 3


def main() -> i32:
    for e in table:
        e.a = 5
    for i, e in enumerate(table):
        e.b = True
    for e, f in zip(table, reversed(table)):
        e.b = True
        f.a = 2
    print(table[0].raw, table[1].raw)
    print(change(table[0]), table[0].raw)
    p = P()
    print(change(p.w), p.w.raw)
    g = give(p)
    g.a = 3
    print(p.w.raw, g.raw)
    t = pair(p.w)
    p.w.a = 1
    print(t[0].raw, p.w.raw)
    x, n = pair(p.w)
    x.a = 9
    print(p.w.raw, x.raw)
    y = p.w if n == 3 else g
    y.b = True
    print(p.w.raw, g.raw)
    u = (p.w, g)
    p.w.a = 12
    print(u[0].raw)
    p.ws[0] = p.w
    p.w.a = 0
    print(p.ws[0].raw)
    table[0], table[1] = p.ws[0], table[0]
    table[0].a = 1
    print(p.ws[0].raw, table[0].raw, table[1].raw)
    return 0
