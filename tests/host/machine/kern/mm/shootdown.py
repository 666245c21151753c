# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: there is no TLB to shoot at."""

from lang import pause


def relax() -> None:
    pause()
