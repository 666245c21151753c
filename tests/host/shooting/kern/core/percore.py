# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: each thread of the host is a core."""

from lang import PerCore, Ref, struct, u32
from arch.abi import UserContext
from compiler.runtime.hosted import host_thread
from kern.proc.proc import Proc
from kern.sync.kthread import Kthread

NO_VCORE: u32 = 0xFFFF_FFFF


@struct
class CoreInfo:
    lock_depth: u32
    irq_depth: u32
    own: Kthread  # the thread of this core
    owning_vcoreid: u32
    held: bool
    owning_proc: Ref[Proc] | None
    cur_proc: Ref[Proc] | None
    cur_ctx: Ref[UserContext] | None

    @property
    def core_id(self) -> u32:
        return u32(host_thread())


core = PerCore[CoreInfo]()
