# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions of floats. As compiled code they are single instructions, which answer with NaN where Python's `math` raises."""

from __future__ import annotations

import math


def sqrt(x: float) -> float:
    return math.sqrt(x) if x >= 0.0 else math.nan
