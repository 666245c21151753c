# SPDX-License-Identifier: LGPL-2.1-or-later
"""How threads are laid out on this processor: the thread-local block, and a context that has not run yet.

Thread-local variables lie from the thread pointer on (variant I of the ELF TLS models), with nothing else there.
"""

from lang import addr_of, i64, u32, u64
from arch.abi import ContextKind, UserContext
from parlib.machine import uthread_start

CONTROL_SIZE: u64 = 0                       # what stands at the thread pointer beside the image

LEFT_BY_CALL = ContextKind.HARDWARE         # the context of a thread that is interrupted in a system call
INTERRUPT_KEEPS_ALL = False                 # whether that has all registers after `syscall_interrupt`

# Special registers by number, for tests of #arch.
TIME_REGISTER: i64 = 0xC01                  # the counter of time
COUNTER_REGISTER: i64 = 0                   # 0: none that programs may set
KERNEL_REGISTER: i64 = 0x105                # where traps enter the kernel
MISSING_REGISTER: i64 = 0xFFF
HAS_REAL_MODE = False

# Relocations (RISC-V ELF psABI, table 3): what the dynamic linker stores, where a file says so.
RELOCATE_BASE: u32 = 3                      # R_RISCV_RELATIVE: an address in the file itself
RELOCATE_SYMBOL = (u32(2), u32(2), u32(5))  # R_RISCV_64 (for data too), JUMP_SLOT: a symbol's address
RELOCATE_THREAD: u32 = 11                   # R_RISCV_TLS_TPREL64: a thread-local symbol's distance from the thread pointer
RELOCATE_COPY: u32 = 4                      # R_RISCV_COPY: a library's variable is to be moved into the program


def first_argument(ctx: UserContext) -> u64:
    """Of the function that the context was saved in, if it was at its beginning."""
    return ctx.a0


def image_start(block: u64, size: u64) -> u64:
    """Where the program's thread-local image, of `size` bytes, lies in a block."""
    return block


def finish_block(block: u64, size: u64) -> u64:
    """Fill in what is not part of the image; the thread pointer."""
    return block


def block_of(tp: u64, size: u64) -> u64:
    """The block whose thread pointer that is."""
    return tp


def thread_distance(offset: u64, size: u64) -> u64:
    """From the thread pointer to what lies at `offset` in an image of `size` bytes."""
    return offset


def start_context(ctx: UserContext, stack_top: u64, tp: u64) -> None:
    """Make `ctx` a software context that begins a uthread."""
    ctx.kind = ContextKind.SOFTWARE
    ctx.flags = 0
    ctx.tp = tp
    ctx.pc = addr_of(uthread_start)
    ctx.ra = 0
    ctx.sp = stack_top
    ctx.s0 = 0
