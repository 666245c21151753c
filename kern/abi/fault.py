# SPDX-License-Identifier: GPL-2.0-or-later OR LGPL-2.1-or-later
"""What a context with ContextFlag.FAULTED tells of its fault in `error_code`, beside what the processor said (the low 31 bits)."""

from enum import IntEnum

from lang import u32, u64
from kern.abi.errno import Errno

FAULT_BACKED: u64 = 1 << 31                 # a page fault that is none: the page must be read from its file; sys_populate_va does
PROBLEM_SHIFT: u64 = 32
KIND_SHIFT: u64 = 48
PROCESSORS: u64 = FAULT_BACKED - 1


class TrapKind(u32, IntEnum):
    """Why user code cannot go on."""

    DIVIDE = 0
    BREAKPOINT = 1
    OVERFLOW = 2
    ILLEGAL_INSTRUCTION = 3
    PROTECTION = 4                          # privileged instruction, non-canonical address, bad segment
    PAGE_FAULT = 5                          # ctx.fault_address
    FLOATING_POINT = 6
    ALIGNMENT = 7
    DEBUG = 8
    OTHER = 9                               # ctx.trap_number


def told(error_code: u64, kind: TrapKind, problem: Errno) -> u64:
    """The error code with what kind of fault it is, and of a page fault why: EFAULT nothing is mapped, EPERM not with these rights, ESPIPE
    beyond the end of the file, ENOMEM, or what reading the file gave."""
    backed = FAULT_BACKED if problem == Errno.EAGAIN else u64(0)
    return error_code & PROCESSORS | backed | u64(problem) << PROBLEM_SHIFT | u64(kind) << KIND_SHIFT


def is_backed(error_code: u64) -> bool:
    return error_code & FAULT_BACKED != 0


def problem_of(error_code: u64) -> u32:
    """The Errno in an error code, 0 for faults that are not about a page."""
    return u32(error_code >> PROBLEM_SHIFT & 0xFFFF)


def kind_of(error_code: u64) -> TrapKind:
    """Of a context that the kernel made."""
    return TrapKind(u32(error_code >> KIND_SHIFT & 0xFF))
