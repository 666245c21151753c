# SPDX-License-Identifier: GPL-2.0-or-later
"""Imported by `shapes`, and imports it back."""

import parts.shapes
from lang import u32, u8


def doubled(n: u32) -> u32:
    return n * 2


def wrapped(n: u8) -> u8:
    n += 200
    return n


def unit() -> u32:
    return parts.shapes.UNIT
