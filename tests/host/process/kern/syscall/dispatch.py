# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: calls are done when they return (syscalls.py)."""

from lang import i64


def finish_current_call(value: i64) -> None:
    pass
