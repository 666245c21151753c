# SPDX-License-Identifier: GPL-2.0-or-later
"""The idle loop: where every core ends up when its work is done, and whence it goes to user space.

One pass, with interrupts off: run one routine message; else resume the process that owns the core; else ask the
scheduler for work; else halt. "Nothing to do" is tested and the halt entered with interrupts off, and the halt turns
them on atomically, so a message sent in between always starts another pass.
Resuming user code is a consequence of `owning_proc` being set when the core gets here, never a jump from a handler.
No locks.
"""

from typing import NoReturn

from lang import CHECKED, RELAXED, SEQ_CST, fence, never_blocks, u64
from arch import context, cpu, timer, trap
from kern.core import sched
from kern.core.cpu_state import CpuState, enter_state
from kern.core.current import abandon_core, enter_address_space
from kern.core.kmsg import routine_pending, run_one_routine
from kern.core.percore import core
from kern.mm.pages import clear_ahead
from kern.sync.kthread import current_kthread
from kern.sync.lockcheck import check_none_held


def smp_idle() -> NoReturn:
    """Give the core up: forget all that is on this stack and start the idle loop at its top."""
    cpu.irqs_off()
    core.mine.online.store(True)
    context.switch_stack_and_call(current_kthread().stack_top, idle_loop, 0)


def leave_kernel() -> NoReturn:
    """End of a trap or system call from user space: what is pending first, then whatever owns the core.

    The common case, the same process with nothing pending, goes straight back.
    """
    cpu.irqs_off()
    if not routine_pending():
        resume_owner()
    smp_idle()


def idle_loop(unused: u64) -> NoReturn:
    """The loop itself, from the top of the current thread's stack, interrupts off."""
    while True:
        cpu.irqs_off()
        if CHECKED:
            check_none_held("idle loop")
        current_kthread().become_plain()
        if routine_pending():
            # Whoever has work for a core that rests finds another. One message a pass: it may change who owns this core.
            core.mine.resting.store(False, order=RELAXED)
            run_one_routine()
            continue
        resume_owner()
        abandon_core()
        sched.core_idle()
        # That nobody owns this core is known before we look for messages: pairs with the fence in leave_routine.
        fence(SEQ_CST)
        if not routine_pending() and core.mine.owning_proc is None and not clear_ahead():
            halt()


@never_blocks
def resume_owner() -> None:
    """Return to the owning process' context, if this core has both. Interrupts are off; returns only if it has not."""
    mine = core.mine
    owner = mine.owning_proc
    if owner is None:
        return
    loaded = mine.cur_proc
    if loaded is None or loaded is not owner:
        enter_address_space(owner)
    if CHECKED:
        check_none_held("return to user space")
    ctx = mine.cur_ctx
    if ctx is not None:
        enter_state(CpuState.USER)
        trap.pop_user(ctx)


def halt() -> None:
    """Halt until an interrupt came, and count the time as idle. Interrupts are off before and after."""
    mine = core.mine
    mine.idle_since_ns = timer.now_ns()
    enter_state(CpuState.IDLE)
    cpu.halt_with_irqs_on()
    cpu.irqs_off()
    enter_state(CpuState.KERNEL)
    mine.idle_ns += timer.now_ns() - mine.idle_since_ns
    mine.idle_since_ns = 0
