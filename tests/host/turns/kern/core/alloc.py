# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: who has which core. Nobody asks for one; a scenario grants it."""

from typing import Literal

from lang import Ref, array, i32, struct, u32, u64
from kern.lib.list import IntrusiveList, ListLink
from kern.proc.proc import Proc
from kern.sync.spinlock import SpinLock


@struct
class CoreSlot:
    id: u32
    alloc: Ref[Proc] | None
    idle_link: ListLink["CoreSlot"]
    turn_link: ListLink["CoreSlot"]
    turn_began_ns: u64
    scp_pid: i32


lock = SpinLock()
slots = array(4, CoreSlot)
idle = IntrusiveList[CoreSlot, Literal["idle_link"]]()
