# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: the guards as they are; what is found is an assertion that failed."""

from lang import u64
from kern.abi.guard import Damage, examine, give_out, take_back


def check_given(block: u64, room: u64, size: u64, by: u64, kept: bool) -> None:
    assert give_out(block, room, size, by, kept) == Damage.NONE, "a free block was written to, or given out twice"


def check_freed(block: u64, room: u64, by: u64, kept: bool) -> None:
    assert examine(block, room) == Damage.NONE, "a block was overrun, or freed twice"
    take_back(block, room, by, kept)
