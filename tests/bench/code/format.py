# SPDX-License-Identifier: GPL-2.0-or-later
"""format CASE ROUNDS: one line of text made ROUNDS times, from an f-string."""

import sys

from lang import f64, i32, i64, text, u8, u64

NAMES = ("alpha", "beta", "gamma", "delta")


def main() -> i32:
    case = sys.argv[1]
    rounds = u64(sys.argv[2])
    line = text(200)
    check: u64 = 0
    for i in range(rounds):
        line.clear()
        big = i * 0x9E37_79B9_7F4A_7C15
        match case:
            case "decimal":
                line.write(f"{i} {i64(i) - 500000} {big}")
            case "hexadecimal":
                line.write(f"{i:x} {big:016x} {u8(i & 255):02x}")
            case "strings":
                name = "alpha" if i & 1 == 0 else "delta"
                line.write(f"{name}: {case} and {name}")
            case "widths":
                line.write(f"{i:8} {i & 1023:<6} {'name':<12}|{i & 255:04}")
            case "floats":
                line.write(f"{f64(i) / 7.0:.2f} {f64(i) * 1.5:.3f}")
            case _:
                line.write(f"[{i:>6}] core {i & 15}: {'thread'} at {big:#x} took {f64(i & 1023) / 8.0:.1f} ms\n")
        check = check * 31 + u64(line.view[len(line) - 1]) + len(line)
    print(check)
    return 0
