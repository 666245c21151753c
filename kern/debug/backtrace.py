# SPDX-License-Identifier: GPL-2.0-or-later
"""Backtraces by frame pointers: of this code, of interrupted kernel code, of blocked threads, of user code.

A frame pointer leads to a record of the caller's frame pointer and the return address: it lies FRAME_RECORD bytes below, which the
architecture says. A kernel frame is followed only while it stays in plausible kernel memory and moves up the stack,
a user frame only as far as copies from user memory succeed.
Prints through log.raw: no locks, any context; the user part only where user memory may be touched.
"""

from lang import Error, Sink, Span, Uaddr, array, at, frame_address, struct, u64
from arch import mmu
from arch.abi import FRAME_RECORD
from kern.abi.proc import USER_BASE, USER_TOP
from kern.debug import log
from kern.debug.symbols import Location, find
from kern.mm.umem import load_u64

MAX_FRAMES: u64 = 40
KERNEL_HALF: u64 = 0xFFFF_8000_0000_0000


@struct
class Frame:
    caller: u64                             # frame pointer of the caller
    return_address: u64


def print_pc(pc: u64, is_return: bool) -> None:
    where = Location(function="", file="")
    if not find(pc - 1 if is_return else pc, where):
        log.raw(f"  {pc:#018x}")
    elif where.file:
        log.raw(f"  {pc:#018x} {where.function}  {where.file}:{where.line}")
    else:
        log.raw(f"  {pc:#018x} {where.function}+{where.offset:#x}")


def print_here() -> None:
    """The callers of this code."""
    print_frames(frame_address())


def print_kernel(pc: u64, frame: u64) -> None:
    """Interrupted kernel code: where it was, and its callers."""
    print_pc(pc, False)
    print_frames(frame)


def print_frames(start: u64) -> None:
    pcs = array(MAX_FRAMES, u64)
    callers_of(start, pcs[:MAX_FRAMES])
    for pc in pcs:
        if pc == 0:
            return
        print_pc(pc, True)


def callers_of(start: u64, into: Span[u64]) -> None:
    """The return addresses from a frame on, the innermost first, as many as there is room for; 0 behind the last. Any context."""
    frame = start
    for i in range(len(into)):
        into[i] = 0
        if not is_kernel_frame(frame):
            continue
        current = at(Frame, frame - FRAME_RECORD)
        into[i] = current.return_address
        # Stacks grow down: a caller's frame lies above.
        frame = current.caller if current.return_address != 0 and current.caller > frame else u64(0)


def put_pc(out: Sink, return_address: u64) -> None:
    """A line of a backtrace, for a file."""
    where = Location(function="", file="")
    if not find(return_address - 1, where):
        out.print(f"  {return_address:#x}\n")
    elif where.file:
        out.print(f"  {where.function}  {where.file}:{where.line}\n")
    else:
        out.print(f"  {where.function}+{where.offset:#x}\n")


def is_kernel_frame(frame: u64) -> bool:
    """Whether reading a frame there cannot fault: aligned, and inside the stack of a thread or the boot stack."""
    record = frame - FRAME_RECORD
    return frame >= KERNEL_HALF and frame % 8 == 0 and mmu.is_kernel_mapped(record) and mmu.is_kernel_mapped(record + 8)


def print_user(pc: u64, frame_pointer: u64) -> None:
    """User code of the address space that is loaded: addresses only, its symbols are in its program's file."""
    log.raw(f"  user {pc:#014x}")
    frame = frame_pointer
    for _ in range(MAX_FRAMES):
        if frame < USER_BASE or frame > USER_TOP - 16 or frame % 8 != 0:
            return
        try:
            caller = load_u64(Uaddr(frame - FRAME_RECORD))
            back = load_u64(Uaddr(frame - FRAME_RECORD + 8))
        except Error:
            return
        if back == 0:
            return
        log.raw(f"  user {back:#014x}")
        if caller <= frame:
            return
        frame = caller
