# SPDX-License-Identifier: LGPL-2.1-or-later
"""false: fails."""

from lang import i32


def main() -> i32:
    return 1
