# SPDX-License-Identifier: GPL-2.0-or-later
"""What every core knows about itself: the process that it runs and owes itself to, its thread, its queues.

`core.mine` is this core's record, `core[n]` core n's.
`cur_proc`, `owning_proc`, `owning_vcoreid` and `cur_ctx` change only on their own core and only with interrupts off.
`cur_proc` (whose page tables are loaded) and `owning_proc` (who runs here when the kernel has nothing else to do)
are independent, and each holds one counted reference. `cur_ctx` never points at a kernel context.
The architecture sets the per-core base register before any of this is used.
"""

from lang import Atomic, PerCore, Ref, struct, u32, u64
from arch.abi import UserContext
from kern.abi.errno import Errno
from kern.core.kmsg import KmsgQueue
from kern.proc.proc import Proc
from kern.sync.kthread import Kthread
from kern.time.alarm import TimerChain

NO_VCORE: u32 = 0xFFFF_FFFF                 # poison of owning_vcoreid when the core embodies no vcore


@struct(align=64)
class CoreInfo:
    core_id: u32                            # 0 is the management core
    online: Atomic[bool]                    # the core has reached its idle loop
    resting: Atomic[bool]                   # it has found nothing to do, and nothing has come since (kern/core/runqueue.py)
    owning_vcoreid: u32 = NO_VCORE          # which vcore of owning_proc this core embodies
    irq_depth: u32                          # nesting of interrupt handlers and immediate messages
    lock_depth: u32                         # spinlocks held by the code that runs here
    copy_fault: Errno                       # why the kernel's last access to user memory that failed here did
    cur_proc: Ref[Proc] | None              # whose page tables are loaded
    owning_proc: Ref[Proc] | None           # who runs here when the kernel has nothing else to do
    held: bool                              # ... and is a many-core process; never on core 0
    cur_ctx: Ref[UserContext] | None        # what to resume; usually actual_ctx, or the process' scp_ctx
    cur_kthread: Ref[Kthread] | None        # the thread whose stack is in use
    spare: Ref[Kthread] | None              # a thread with a stack, ready for the next block
    # How often the kernel was entered here, by what; interrupts of the kernel itself count as well
    system_calls: u64
    faults: u64                             # of user code, and the kernel's own on user memory
    ipis: u64                               # interrupts from other cores
    timer_irqs: u64                         # interrupts of its timer
    device_irqs: u64                        # all other interrupts
    nmis: u64
    switches: u64                           # times that a thread left its stack here to wait
    idle_since_ns: u64                      # 0 while the core does something
    idle_ns: u64                            # time spent halted since boot
    immediate: KmsgQueue
    routine: KmsgQueue
    alarms: TimerChain
    actual_ctx: UserContext                 # storage of the user context copied out of the trap frame


core = PerCore[CoreInfo]()


def is_held(target: u32) -> bool:
    """Whether a many-core process has that core, which is not to be disturbed on behalf of others. Another core's answer may be old."""
    return core[target].held


def owner_is(p: Proc) -> bool:
    """Whether this core belongs to `p`. Meaningful only with interrupts off, or on p's own core in a call."""
    owner = core.mine.owning_proc
    return owner is not None and owner is p
