# SPDX-License-Identifier: GPL-2.0-or-later
"""What would interrupt core 0 whatever it does: nothing here can. There is no interrupt that a hart could not mask, and the board has no
watchdog; so cores watch each other (kern/time/watchdog.py).
"""

from lang import u64


def start_watchdog(timeout_ns: u64) -> bool:
    """There is none."""
    return False


def kick_watchdog(timeout_ns: u64) -> None:
    pass


def stop_watchdog() -> None:
    pass


def watchdog_fired() -> bool:
    return False
