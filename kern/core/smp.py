# SPDX-License-Identifier: GPL-2.0-or-later
"""The other cores: their way into the idle loop, and running a function on many of them.

No locks.
"""

from typing import Callable, NoReturn

from lang import Error, addr_of, at, export, panic, struct, u32, u64
from arch import smp
from kern.core.core_set import CoreSet
from kern.core.idle import smp_idle
from kern.core.kmsg import send_immediate
from kern.core.percore import core
from kern.sync.checklist import Checklist
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
class Call:
    """A function that cores are to run. It stands on the caller's stack: a core's check-in is its last touch."""

    fn: Callable[[u64], None]
    arg: u64
    done: Checklist


def call_on(cores: CoreSet, fn: Callable[[u64], None], arg: u64) -> None:
    """Run fn(arg) on these cores as an immediate message, and wait until all have done it. Interrupts are on, no spinlock is held."""
    call = Call(fn=fn, arg=arg)
    call.done.expect(cores)
    me = core.mine.core_id
    for target in range(u32(0), smp.core_count()):
        if target != me and target in cores:
            send_immediate(target, run_call, addr_of(call), 0, 0)
    # This core last: it does its part at once, and that may wait for the others'.
    if me in cores:
        send_immediate(me, run_call, addr_of(call), 0, 0)
    call.done.wait()


def call_on_core(target: u32, fn: Callable[[u64], None], arg: u64) -> None:
    """The same on one core."""
    cores = CoreSet()
    cores.add(target)
    call_on(cores, fn, arg)


def call_on_all(fn: Callable[[u64], None], arg: u64) -> None:
    """The same on every core that runs, this one included."""
    cores = CoreSet()
    cores.add_all()
    call_on(cores, fn, arg)


def run_call(address: u64, unused1: u64, unused2: u64) -> None:
    call = at(Call, address)
    call.fn(call.arg)
    call.done.check_in()


def all_online() -> bool:
    """Whether every core has reached its idle loop."""
    for target in range(u32(0), smp.core_count()):
        if not core[target].online.load():
            return False
    return True
