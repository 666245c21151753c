# SPDX-License-Identifier: GPL-2.0-or-later
"""Floats as text: `{x}` of compiled code against CPython's `repr`, by the thousand in the tests and by the million here.

    python -m tests.compiler.differential.floats --numbers 2000000

Exit status 1 if one differs; it says which.
"""

from __future__ import annotations

import random
import struct
import sys
import time
from collections.abc import Iterator
from itertools import islice

import click

from compiler.host import Unit, load

SHOW = """
from lang import Span, f64


def show(numbers: Span[f64]) -> None:
    for x in numbers:
        print(x)
"""
BATCH = 500
EDGES = [0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e15, 1e16, 9999999999999998.0, 1e22, 1e23, 1e-5, 1e-4]


def numbers(seed: int) -> Iterator[float]:
    """Finite ones without end: any bits, decimals of all lengths, whole numbers, powers of two and what stands beside them."""
    rng = random.Random(seed)
    yield from EDGES
    while True:
        yield from_bits(rng.getrandbits(63) % 0x7FF0_0000_0000_0000)
        yield float(f"{rng.randrange(10 ** rng.randint(1, 18))}e{rng.randint(-330, 290)}")
        yield round(rng.uniform(-1e6, 1e6), rng.randint(0, 6))
        yield float(rng.getrandbits(rng.randint(1, 64)))
        yield from_bits((rng.randrange(2047) << 52) + rng.choice([0, 1, 2, (1 << 52) - 1]))


def from_bits(bits: int) -> float:
    found: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return found


def unit() -> Unit:
    return load(SHOW)


def difference(shown: Unit, batch: list[float]) -> str:
    """What is printed otherwise than CPython does; empty if nothing is."""
    before = len(shown.engine.output)
    shown.call("show", batch)
    printed = b"".join(data for _, data in shown.engine.output[before:]).decode().split("\n")
    del shown.engine.output[before:]
    return next((f"{value!r} is printed as {text}" for value, text in zip(batch, printed, strict=False) if repr(value) != text), "")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--numbers", "count", default=2_000_000, show_default=True, help="How many.")
@click.option("--minutes", type=float, default=None, help="Stop after that time, however many there were.")
@click.option("--seed", type=int, default=None, help="Of the random numbers. By itself a random one.")
def main(count: int, minutes: float | None, seed: int | None) -> None:
    first = seed if seed is not None else random.SystemRandom().randrange(1 << 40)
    shown, source = unit(), numbers(first)
    done, start = 0, time.monotonic()
    while done < count and (minutes is None or time.monotonic() - start < minutes * 60):
        batch = list(islice(source, BATCH))
        found = difference(shown, batch)
        if found:
            print(f"floats: seed {first}: {found}")
            sys.exit(1)
        done += len(batch)
    print(f"floats: {done} numbers from seed {first} in {time.monotonic() - start:.0f} s, no difference")


if __name__ == "__main__":
    main()
