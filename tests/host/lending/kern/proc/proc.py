# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: as much of a process, of either kind, as the scheduler of a machine with one core looks at."""

from lang import Array, Atomic, array, i32, struct, u32, u64
from kern.abi.proc import ProcState
from kern.core.sched import SchedEntry
from kern.lib.list import ListLink
from kern.sync.spinlock import SpinLock


@struct
class Mapping:
    pcoreid: u32


@struct
class Info:
    vcoremap: Array[Mapping] = array(1)


@struct
class Wanted:
    amt_wanted: Atomic[u64]


@struct
class Data:
    res_req: Array[Wanted] = array(2)


@struct
class Proc:
    pid: i32
    is_mcp: bool
    lock: SpinLock
    state: Atomic[u32]
    info: Info
    data: Data
    sched: SchedEntry
    runnable_link: ListLink["Proc"]
    mcp_link: ListLink["Proc"]
    num_vcores: u32
    max_vcores: u32 = 1
    turns: u64  # how often it got the core

    def is_in(self, state: ProcState) -> bool:
        return self.state.load() == u32(state)

    def set_state(self, state: ProcState) -> None:
        self.state.store(u32(state))


def proc_get(p: Proc) -> None:
    pass


def proc_put(p: Proc) -> None:
    pass
