# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: nobody knows who calls."""

from lang import Span, u64


def callers_of(start: u64, into: Span[u64]) -> None:
    for i in range(len(into)):
        into[i] = 0
