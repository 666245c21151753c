# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: there are more cores than one, so none is lent."""

from lang import u64


def waiting() -> u64:
    return 0


def end_turn() -> None:
    pass
