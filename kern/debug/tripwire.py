# SPDX-License-Identifier: GPL-2.0-or-later
"""Panics on purpose, which do not end the machine: how the kernel's tests show what its checks find, in checked builds only.

`said_by_panic(fn, …)` runs a function that must panic, on a kernel stack of its own. The panic is told like any other, with its
backtrace; then, instead of stopping the machine, that stack is left for good and the caller goes on with what the panic said. What
the function had taken stays taken: it breaks objects of its own only. One at a time, on the core of the kernel's tests.
"""

from typing import Callable, NoReturn

from lang import Error, Raises, Text, struct, text, u32, u64
from arch import context, cpu
from arch.context import KthreadContext
from kern.core.percore import core
from kern.sync.kthread import current_kthread, give_back, new_kthread
from kern.sync.lockcheck import held_here

NOBODY: u32 = 0xFFFF_FFFF


@struct
class Tripwire:
    context: KthreadContext                 # where the test goes on
    core: u32 = NOBODY                      # where a panic is expected
    fn: Callable[[u64], Raises[None]] | None
    arg: u64
    message: Text = text(1200)


wire = Tripwire()


def said_by_panic(fn: Callable[[u64], Raises[None]], arg: u64) -> str:
    """Run fn(arg), which should panic on this core. What it said, valid until the next; nothing if it returned. May raise ENOMEM."""
    stack = new_kthread()
    locks = core.mine.lock_depth
    held = held_here.mine.count
    qlocks = current_kthread().qlocks.count
    depth = core.mine.irq_depth
    saved = cpu.irqs_save()
    cpu.irqs_restore(saved)
    wire.fn = fn
    wire.arg = arg
    wire.message.clear()
    wire.core = core.mine.core_id
    context.save_and_switch(wire.context, stack.stack_top, walk_into, 0)
    wire.core = NOBODY
    core.mine.lock_depth = locks
    held_here.mine.count = held
    current_kthread().qlocks.count = qlocks
    core.mine.irq_depth = depth
    cpu.irqs_restore(saved)
    give_back(stack)
    return wire.message.view


def walk_into(unused: u64) -> NoReturn:
    fn = wire.fn
    if fn is not None:
        try:
            fn(wire.arg)
        except Error as e:
            wire.message.write(f"no panic, but an error: {e.message}")
    context.resume(wire.context)


def is_expected() -> bool:
    """Whether this core is about to panic on purpose."""
    return wire.core == core.mine.core_id


def spring(message: str) -> NoReturn:
    """The panic has been told: back to who wanted it."""
    wire.message.append(message)
    context.resume(wire.context)
