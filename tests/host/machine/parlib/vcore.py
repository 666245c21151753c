# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: each thread of the host is a vcore in vcore context: nothing interrupts it, nothing takes it away."""

from lang import pause, struct, u32


ANY_VCORE: u32 = 0xFFFF_FFFE


@struct
class Vcore:
    id: u32


def disable_notifs() -> None:
    pass


def enable_notifs() -> None:
    pass


def relax_for(vcoreid: u32) -> None:
    pause()
