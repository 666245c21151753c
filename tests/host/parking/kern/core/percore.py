# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: each thread of the host is a core, with the address space of a process loaded."""

from lang import PerCore, Ref, struct, u32
from compiler.runtime.hosted import host_thread
from kern.proc.proc import Proc
from kern.sync.kthread import Kthread


@struct
class CoreInfo:
    lock_depth: u32
    irq_depth: u32
    spare: Ref[Kthread] | None
    own: Kthread  # the thread of this core
    owning_proc: Ref[Proc] | None
    cur_proc: Ref[Proc] | None

    @property
    def core_id(self) -> u32:
        return u32(host_thread())


core = PerCore[CoreInfo]()
