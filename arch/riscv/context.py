# SPDX-License-Identifier: GPL-2.0-or-later
"""User contexts, fresh or made safe; floating-point registers; and switching kernel stacks. Bodies that are assembly: context.S.

The kernel itself uses no floating point: while it runs the registers are still those of the user thread that was interrupted.
They are saved by need: the processor notes whether they were written since they were loaded (sstatus.FS, Privileged ISA 3.1.6.6), and
what memory holds already is not stored again. No locks; callers have interrupts off.
"""

from typing import Callable, NoReturn

from lang import PerCore, Ref, Uaddr, addr_of, as_bytes, assign, extern, memset, offsetof, starts_stack, struct, u32, u64
from arch import cpu
from arch.abi import ContextKind, FpState, UserContext
from kern.abi.proc import USER_TOP
from kern.mm.kmap import STACK_SIZE


@struct
class KthreadContext:
    """Where a kernel thread left its stack; the registers are on it."""

    sp: u64                                 # offset 0
    fp: u64                                 # 8: for backtraces

    @property
    def frame_pointer(self) -> u64:
        return self.fp


@starts_stack(STACK_SIZE)
@extern("asm_switch_stack_and_call")
def switch_stack_and_call(top: u64, fn: Callable[[u64], NoReturn], arg: u64) -> NoReturn: ...


@starts_stack(STACK_SIZE)
@extern("asm_save_and_switch")
def save_and_switch(into: Ref[KthreadContext], top: u64, fn: Callable[[u64], NoReturn], arg: u64) -> None: ...


@extern("asm_resume")
def resume(context: Ref[KthreadContext]) -> NoReturn: ...


@extern("asm_save_fp")
def asm_save_fp(area: u64) -> None: ...


@extern("asm_restore_fp")
def asm_restore_fp(area: u64) -> None:
    """Load the registers; from then on they count as clean until user code writes one."""
    ...


fresh_fp = FpState()                        # all zero: the same for every thread
loaded_from = PerCore[u64]()                # address of the FpState that this core's registers were loaded from


def init_vcore_context(ctx: UserContext, entry: Uaddr, stack: Uaddr, thread_pointer: Uaddr, vcoreid: u32) -> None:
    """A fresh context that starts at `entry` with the vcore id as first argument; safe whatever the process asked for."""
    memset(as_bytes(ctx), 0)
    ctx.kind = ContextKind.HARDWARE
    ctx.pc = u64(entry)
    ctx.sp = u64(stack)
    ctx.tp = u64(thread_pointer)
    ctx.a0 = u64(vcoreid)
    sanitise(ctx)


def init_process_context(ctx: UserContext, entry: Uaddr, stack: Uaddr) -> None:
    """The first context of a program: `stack` points at argc."""
    init_vcore_context(ctx, entry, stack, Uaddr(0), 0)


def sanitise(ctx: UserContext) -> None:
    """Make a context that a process could have written safe to pop: status bits are not in it, so there is only where it goes on."""
    if ctx.kind != ContextKind.SOFTWARE:
        ctx.kind = ContextKind.HARDWARE
    if ctx.pc >= u64(USER_TOP):
        ctx.pc = 0                          # never mapped: it faults in user mode


def keep(into: UserContext, ctx: UserContext) -> None:
    """Copy this core's own context, to go on with it at any time, anywhere."""
    assign(into, ctx)
    if ctx.kind == ContextKind.CALL:
        memset(as_bytes(into)[offsetof(UserContext, "t0") :], 0)  # what the call spoils
        into.kind = ContextKind.HARDWARE


def divert_call(ctx: UserContext, returning: Uaddr, target: Uaddr) -> bool:
    """Have a system call that would return to `returning` go to `target`, whatever the process says these are. False if it would not."""
    if ctx.kind != ContextKind.CALL or u64(target) >= u64(USER_TOP):
        return False
    if ctx.pc == u64(returning):
        ctx.pc = u64(target)
    return ctx.pc == u64(target)


def copy_sanitised(into: UserContext, source: UserContext) -> None:
    """Copy first: the process may be writing the original."""
    assign(into, source)
    sanitise(into)


def save_fp(into: FpState) -> None:
    """Nothing to do if `into` is what was loaded, and nobody wrote a register since."""
    if fp_is_dirty() or loaded_from.mine != addr_of(into):
        asm_save_fp(addr_of(into))


def restore_fp(state: FpState) -> None:
    """Load the registers; no content of them is refused."""
    loaded_from.mine = addr_of(state)
    asm_restore_fp(addr_of(state))


def init_fp() -> None:
    restore_fp(fresh_fp)


def fp_is_dirty() -> bool:
    return cpu.status() & cpu.STATUS_FS == cpu.STATUS_FS
