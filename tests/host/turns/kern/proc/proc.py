# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: as much of a single-core process as its turns on the cores take."""

from lang import Array, Atomic, array, i32, struct, u32
from kern.lib.list import ListLink

RUNNABLE: u32 = 0
RUNNING: u32 = 1
ENDED: u32 = 2


@struct
class SchedEntry:
    forgotten: bool


@struct
class Mapping:
    pcoreid: u32


@struct
class Info:
    vcoremap: Array[Mapping] = array(1)


@struct
class Proc:
    pid: i32
    is_mcp: bool
    state: Atomic[u32]
    cores: Atomic[u32]  # how many run it
    info: Info
    sched: SchedEntry
    runnable_link: ListLink["Proc"]


def proc_get(p: Proc) -> None:
    pass


def proc_put(p: Proc) -> None:
    pass
