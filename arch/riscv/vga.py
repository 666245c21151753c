# SPDX-License-Identifier: GPL-2.0-or-later
"""The screen: this board has none, so nothing is shown. No locks."""

from lang import u8


def clear() -> None:
    """Nothing to blank."""


def put(byte: u8) -> None:
    """One byte of console output: the port alone shows it."""
