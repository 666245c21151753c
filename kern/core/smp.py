# SPDX-License-Identifier: GPL-2.0-or-later
"""The other cores: their way into the idle loop, and running a function on many of them.

No locks.
"""

from typing import Callable, NoReturn

from lang import Atomic, Error, addr_of, at, export, panic, struct, u32, u64
from arch import smp
from kern.core.idle import smp_idle
from kern.core.kmsg import send_immediate
from kern.core.percore import core
from kern.mm.shootdown import relax
from kern.sync.kthread import adopt_boot_stack


@export("ap_main")
def ap_main(core_id: u32) -> NoReturn:
    """First code of a core that was started: on its boot stack, interrupts off."""
    core.mine.core_id = core_id
    try:
        adopt_boot_stack()
    except Error as e:
        panic(f"no stack for core {core_id}: {e.message}")
    smp_idle()


@struct
class CallState:
    fn: Callable[[u64], None]
    left: Atomic[u32]


def call_on_all(fn: Callable[[u64], None], arg: u64) -> None:
    """Run fn(arg) on every core as an immediate message, this one included, and wait until all have done it.

    Interrupts are on, no spinlock is held.
    """
    state = CallState(fn=fn)
    state.left.store(smp.core_count())
    me = core.mine.core_id
    for target in range(u32(0), smp.core_count()):
        if target != me:
            send_immediate(target, run_call, addr_of(state), arg, 0)
    # This core last: it does its part at once, and that may wait for the others'.
    send_immediate(me, run_call, addr_of(state), arg, 0)
    while state.left.load() != 0:
        relax()


def run_call(address: u64, arg: u64, unused: u64) -> None:
    state = at(CallState, address)
    state.fn(arg)
    state.left.sub(1)                       # the last touch: it stands on the caller's stack


def all_online() -> bool:
    """Whether every core has reached its idle loop."""
    for target in range(u32(0), smp.core_count()):
        if not core[target].online.load():
            return False
    return True
