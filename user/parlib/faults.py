# SPDX-License-Identifier: LGPL-2.1-or-later
"""A fault that the kernel handed to the 2LS rather than kill the process: told, then it ends the process all the same.

Page faults of mapped files are settled by the kernel before they come here.
"""

from lang import i32
from parlib.uthread import Uthread
from rt.exit import exit_now
from rt.hooks import print_frames
from rt.io import STDERR, print_to

FAULT_STATUS: i32 = 139


def die_of_fault(uthread: Uthread) -> None:
    """In vcore context. Does not return."""
    ctx = uthread.ctx
    print_to(
        STDERR, f"thread {uthread.id}: trap {ctx.trap_number} (error {ctx.error_code:#x}, address {ctx.fault_address:#x}) at {ctx.pc:#x}\n"
    )
    print_frames(ctx.frame_pointer)
    exit_now(FAULT_STATUS)
