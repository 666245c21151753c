# SPDX-License-Identifier: GPL-2.0-or-later
"""A program of several modules: imports in both forms, constants and variables of other modules, a cycle."""

import parts.shapes
from lang import i32
from parts import tools
from parts.shapes import Square, how_many, square
from parts.tools import doubled as twice


def main() -> i32:
    print(square(4), twice(3), tools.wrapped(100), tools.unit())
    s = Square(side=65536)
    print(s.area(), parts.shapes.UNIT, parts.shapes.Square(3).area())
    square(1)
    print(how_many(), parts.shapes.made)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
