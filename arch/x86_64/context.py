# SPDX-License-Identifier: GPL-2.0-or-later
"""User contexts, fresh or made safe; extended registers; and switching kernel stacks. Bodies that are assembly: context.S.

The kernel itself uses no extended registers: while it runs they are still those of the user thread that was interrupted.
No locks.
"""

from typing import Callable, NoReturn

from lang import Ref, Uaddr, addr_of, as_bytes, assign, extern, memset, starts_stack, struct, u32, u64
from arch.abi import ContextKind, FpState, UserContext
from kern.abi.proc import USER_TOP
from kern.mm.kmap import STACK_SIZE

# What user code may have in RFLAGS: CF PF AF ZF SF TF DF OF AC ID. IF is always on, IOPL always 0.
USER_FLAGS: u64 = 0x24_0DD5
FIXED_FLAGS: u64 = 0x202
DEFAULT_MXCSR: u32 = 0x1F80                 # all exceptions masked
DEFAULT_FPUCW: u32 = 0x37F
CANONICAL_USER: u64 = 0x8000_0000_0000


@struct
class KthreadContext:
    """Where a kernel thread left its stack; the registers are on it."""

    rsp: u64                                # offset 0
    rbp: u64                                # 8: for backtraces

    @property
    def frame_pointer(self) -> u64:
        return self.rbp


@starts_stack(STACK_SIZE)
@extern("asm_switch_stack_and_call")
def switch_stack_and_call(top: u64, fn: Callable[[u64], NoReturn], arg: u64) -> NoReturn: ...


@starts_stack(STACK_SIZE)
@extern("asm_save_and_switch")
def save_and_switch(into: Ref[KthreadContext], top: u64, fn: Callable[[u64], NoReturn], arg: u64) -> None: ...


@extern("asm_resume")
def resume(context: Ref[KthreadContext]) -> NoReturn: ...


@extern("asm_complete_call")
def complete_call(ctx: Ref[UserContext]) -> None:
    """Store what is in this core's registers still."""
    ...


@extern("asm_save_fp")
def asm_save_fp(area: u64) -> None: ...


@extern("asm_restore_fp")
def asm_restore_fp(area: u64) -> u32: ...


fresh_fp = FpState()                        # made at first use: the same for every thread
fresh_fp_made: bool = False


def init_vcore_context(ctx: UserContext, entry: Uaddr, stack: Uaddr, thread_pointer: Uaddr, vcoreid: u32) -> None:
    """A fresh context that starts at `entry` with the vcore id as first argument; safe whatever the process asked for."""
    clear(ctx)
    ctx.kind = ContextKind.HARDWARE
    ctx.rip = u64(entry)
    ctx.rsp = u64(stack)
    ctx.fs_base = u64(thread_pointer)
    ctx.rdi = u64(vcoreid)
    sanitise(ctx)


def init_process_context(ctx: UserContext, entry: Uaddr, stack: Uaddr) -> None:
    """The first context of a program: `stack` points at argc."""
    init_vcore_context(ctx, entry, stack, Uaddr(0), 0)


def clear(ctx: UserContext) -> None:
    memset(as_bytes(ctx), 0)
    ctx.mxcsr = DEFAULT_MXCSR
    ctx.fpucw = DEFAULT_FPUCW


def sanitise(ctx: UserContext) -> None:
    """Make a context that a process could have written safe to pop: no instruction of the way out may fault."""
    if ctx.kind != ContextKind.SOFTWARE:
        ctx.kind = ContextKind.HARDWARE
    if ctx.rip >= u64(USER_TOP):
        ctx.rip = 0                         # never mapped: it faults in user mode
    if ctx.rsp >= CANONICAL_USER:
        ctx.rsp = 0
    if ctx.fs_base >= CANONICAL_USER:
        ctx.fs_base = 0
    if ctx.gs_base >= CANONICAL_USER:
        ctx.gs_base = 0
    ctx.rflags = (ctx.rflags & USER_FLAGS) | FIXED_FLAGS


def keep(into: UserContext, ctx: UserContext) -> None:
    """Copy this core's own context, to go on with it at any time, anywhere. Its user code ran here last."""
    assign(into, ctx)
    if ctx.kind == ContextKind.CALL:
        complete_call(into)


def divert_call(ctx: UserContext, returning: Uaddr, target: Uaddr) -> bool:
    """Have a system call that would return to `returning` go to `target`, whatever the process says these are. False if it would not."""
    if ctx.kind != ContextKind.CALL or u64(target) >= u64(USER_TOP):
        return False
    if ctx.rip == u64(returning):
        ctx.rip = u64(target)
    return ctx.rip == u64(target)


def copy_sanitised(into: UserContext, source: UserContext) -> None:
    """Copy first: the process may be writing the original."""
    assign(into, source)
    sanitise(into)


def save_fp(into: FpState) -> None:
    asm_save_fp(addr_of(into))


def restore_fp(state: FpState) -> None:
    """Load extended registers; what the processor would refuse loads as fresh ones."""
    if asm_restore_fp(addr_of(state)) != 0:
        init_fp()


def init_fp() -> None:
    if not fresh_fp_made:
        make_fresh_fp()
    asm_restore_fp(addr_of(fresh_fp))


def make_fresh_fp() -> None:
    """An image with all registers zero and exceptions masked. Two cores that both make it write the same."""
    global fresh_fp_made
    area = fresh_fp.area
    area[0] = 0x7F                          # FCW 0x037f
    area[1] = 0x03
    area[24] = 0x80                         # MXCSR 0x1f80
    area[25] = 0x1F
    area[512] = 3                           # XSTATE_BV: x87 and SSE from here, AVX in its initial state
    fresh_fp_made = True
