# SPDX-License-Identifier: LGPL-2.1-or-later
"""How threads are laid out on this processor: the thread-local block, and a context that has not run yet.

Thread-local variables lie below the thread pointer (variant II of the ELF TLS models), and the word at the thread
pointer is its own address.
"""

from lang import Ptr, addr_of, i64, u32, u64
from arch.abi import ContextKind, UserContext
from parlib.machine import uthread_start

CONTROL_SIZE: u64 = 64                      # what stands at the thread pointer and above
RFLAGS: u64 = 0x202                         # interrupts on, the bit that is always set
MXCSR: u32 = 0x1F80                         # no floating-point exceptions, round to nearest
FPUCW: u32 = 0x37F

LEFT_BY_CALL = ContextKind.SOFTWARE         # the context of a thread that is interrupted in a system call
INTERRUPT_KEEPS_ALL = True                  # whether that has all registers after `syscall_interrupt`

# Special registers by number, for tests of #arch.
TIME_REGISTER: i64 = 0x10                   # the cycle counter
COUNTER_REGISTER: i64 = 0x309               # a counter of events that programs may set
KERNEL_REGISTER: i64 = 0xC000_0082          # where system calls enter the kernel
MISSING_REGISTER: i64 = 0                   # 0: none that every processor, and emulator, refuses to read
HAS_REAL_MODE = True

# Relocations (System V ABI, AMD64 supplement, table 4.9): what the dynamic linker stores, where a file says so.
RELOCATE_BASE: u32 = 8                      # R_X86_64_RELATIVE: an address in the file itself
RELOCATE_SYMBOL = (u32(1), u32(6), u32(7))  # R_X86_64_64, GLOB_DAT, JUMP_SLOT: a symbol's address
RELOCATE_THREAD: u32 = 18                   # R_X86_64_TPOFF64: a thread-local symbol's distance from the thread pointer
RELOCATE_COPY: u32 = 5                      # R_X86_64_COPY: a library's variable is to be moved into the program


def first_argument(ctx: UserContext) -> u64:
    """Of the function that the context was saved in, if it was at its beginning."""
    return ctx.rdi


def image_start(block: u64, size: u64) -> u64:
    """Where the program's thread-local image, of `size` bytes, lies in a block."""
    return block


def finish_block(block: u64, size: u64) -> u64:
    """Fill in what is not part of the image; the thread pointer."""
    tp = block + size
    Ptr[u64](tp)[0] = tp
    return tp


def block_of(tp: u64, size: u64) -> u64:
    """The block whose thread pointer that is."""
    return tp - size


def thread_distance(offset: u64, size: u64) -> u64:
    """From the thread pointer to what lies at `offset` in an image of `size` bytes."""
    return offset - size


def start_context(ctx: UserContext, stack_top: u64, tp: u64) -> None:
    """Make `ctx` a software context that begins a uthread."""
    ctx.kind = ContextKind.SOFTWARE
    ctx.flags = 0
    ctx.fs_base = tp
    ctx.gs_base = 0
    ctx.rip = addr_of(uthread_start)
    ctx.rsp = stack_top
    ctx.rbp = 0
    ctx.rflags = RFLAGS
    ctx.mxcsr = MXCSR
    ctx.fpucw = FPUCW
