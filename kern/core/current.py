# SPDX-License-Identifier: GPL-2.0-or-later
"""Which address space a core is in: entering one, leaving it, and borrowing another's for a while.

The reference in `cur_proc` belongs to the core. Each function here leaves "page tables loaded" and `cur_proc` agreed,
with interrupts off while they differ. A process' last reference may drop here, so no spinlock may be held.
No locks.
"""

from lang import never_blocks, u32
from arch import cpu, mmu
from kern.core.percore import NO_VCORE, core
from kern.proc.proc import Proc, proc_get, proc_put
from kern.sync.kthread import current_kthread


def current_proc() -> Proc | None:
    """The process whose address space is loaded: in a system call, the caller."""
    return core.mine.cur_proc


@never_blocks
def enter_address_space(p: Proc) -> None:
    """Load p's page tables and make it `cur_proc`, with a reference of its own. Nothing if it is there already."""
    old = core.mine.cur_proc
    if old is not None and old is p:
        return                              # no interrupt leaves another one behind
    saved = cpu.irqs_save()
    proc_get(p)
    core.mine.cur_proc = p                  # first: a shootdown that does not see us here precedes the load
    mmu.load(p.space)
    cpu.irqs_restore(saved)
    if old is not None:
        proc_put(old)


@never_blocks
def abandon_core() -> None:
    """Leave the address space that is loaded, unless its process owns this core. The core then runs on kernel tables."""
    saved = cpu.irqs_save()
    old = core.mine.cur_proc
    if old is None or core.mine.owning_proc is not None:
        cpu.irqs_restore(saved)
        return
    mmu.load_kernel()
    core.mine.cur_proc = None
    cpu.irqs_restore(saved)
    proc_put(old)


@never_blocks
def clear_owning_proc() -> None:
    """Forget who owns this core, and give back that reference. The context to resume goes with it."""
    saved = cpu.irqs_save()
    mine = core.mine
    owner = mine.owning_proc
    mine.owning_proc = None
    mine.held = False
    mine.owning_vcoreid = NO_VCORE
    mine.cur_ctx = None
    cpu.irqs_restore(saved)
    if owner is not None:
        proc_put(owner)


def set_owning_proc(p: Proc, vcoreid: u32) -> None:
    """Make `p` the owner of this core, as its vcore `vcoreid`. Takes over the caller's reference. Interrupts are off."""
    mine = core.mine
    assert mine.owning_proc is None, "the core has an owner already"
    mine.owning_proc = p
    mine.held = p.is_mcp and mine.core_id != 0
    mine.owning_vcoreid = vcoreid


def switch_to(p: Proc) -> Proc | None:
    """Work in p's address space for a while. Give the result to `switch_back`. The thread may block in between."""
    kthread = current_kthread()
    old = core.mine.cur_proc
    if kthread.borrowing == 0:
        kthread.home = old
    kthread.borrowing += 1
    if old is not None:
        proc_get(old)
    enter_address_space(p)
    return old


def switch_back(old: Proc | None) -> None:
    """End what `switch_to` began: back into `old`, or out of any address space."""
    current_kthread().borrowing -= 1
    if old is not None:
        enter_address_space(old)
        proc_put(old)
        return
    leave_address_space()


def leave_address_space() -> None:
    saved = cpu.irqs_save()
    old = core.mine.cur_proc
    mmu.load_kernel()
    core.mine.cur_proc = None
    cpu.irqs_restore(saved)
    if old is not None:
        proc_put(old)
