# SPDX-License-Identifier: GPL-2.0-or-later
"""sys: arguments, the standard streams, the status."""

import sys

from lang import i32, u64


def main() -> i32:
    print(len(sys.argv))
    total: u64 = 0
    for i, word in enumerate(sys.argv[1:]):
        print(i, word, len(word), word.isdigit())
        if word.isdigit():
            total += u64(word)
    print("to stderr", file=sys.stderr)
    print(total)
    return 7 if total else 3


if __name__ == "__main__":
    raise SystemExit(main())
