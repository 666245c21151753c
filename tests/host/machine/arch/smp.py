# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: as many cores as the explorer has threads."""

from lang import u32


def core_count() -> u32:
    return 4
