# SPDX-License-Identifier: GPL-2.0-or-later OR LGPL-2.1-or-later
"""The registers of a user thread, as kernel and user land hand them to each other.

A HARDWARE context holds everything but floating point: it was interrupted anywhere, or is in a system call. A SOFTWARE context was left
at a switch between threads: only what the calling convention preserves means something, and not `ra`.
A CALL context has of the integer registers only what a call preserves: only the kernel has such, in the core's own context while that
core is in a system call, and `context.keep` makes a HARDWARE one of the copy.
Floating-point registers are never in here: they stay in the core until someone saves them to an FpState, and no call preserves them.
user_context.S and trap.S know these offsets (asm.inc); `size=` keeps them honest.
"""

from enum import IntEnum

from lang import Array, Sink, array, struct, u8, u16, u32, u64


class ContextKind(u32, IntEnum):
    NONE = 0
    HARDWARE = 1
    SOFTWARE = 2
    CALL = 3


class ContextFlag:
    """Bits of UserContext.flags."""

    FAULTED = 1                             # left by a fault that the 2LS shall look at: trap_number and error_code tell which


@struct(size=288)
class UserContext:
    kind: ContextKind                       # offset 0
    flags: u32                              # 4
    pc: u64                                 # 8
    ra: u64                                 # 16
    sp: u64                                 # 24
    gp: u64                                 # 32
    tp: u64                                 # 40: the thread pointer
    s0: u64                                 # 48: the frame pointer
    s: Array[u64] = array(11)               # 56: s1 to s11
    t0: u64                                 # 144: from here on only of hardware contexts
    t1: u64                                 # 152
    t2: u64                                 # 160
    a0: u64                                 # 168
    a1: u64                                 # 176
    a: Array[u64] = array(6)                # 184: a2 to a7
    t: Array[u64] = array(4)                # 232: t3 to t6
    trap_number: u64                        # 264: scause
    error_code: u64                         # 272: none on this architecture
    fault_address: u64                      # 280: stval

    @property
    def frame_pointer(self) -> u64:
        return self.s0

    @property
    def thread_pointer(self) -> u64:
        return self.tp

    def format(self, sink: Sink) -> None:
        """All registers, for messages."""
        sink.print(f"trap {self.trap_number} error {self.error_code:#x} address {self.fault_address:#x}\n")
        sink.print(f"pc {self.pc:016x} ra {self.ra:016x} sp {self.sp:016x} gp {self.gp:016x} tp {self.tp:016x}\n")
        sink.print(f"s0 {self.s0:016x} t0 {self.t0:016x} t1 {self.t1:016x} t2 {self.t2:016x}\n")
        sink.print(f"a0 {self.a0:016x} a1 {self.a1:016x}")
        for i, value in enumerate(self.a):
            sink.print(f" a{i + 2} {value:016x}")
        for i, value in enumerate(self.s):
            sink.print(f" s{i + 1} {value:016x}")
        for i, value in enumerate(self.t):
            sink.print(f" t{i + 3} {value:016x}")
        sink.put("\n")


@struct(align=64, size=320)
class FpState:
    """Floating-point registers: f0 to f31, then fcsr."""

    area: Array[u8] = array(320)


FRAME_RECORD: u64 = 16                      # how far the caller's frame pointer and the return address lie below a frame pointer
ELF_MACHINE: u16 = 243                      # EM_RISCV: what programs for this architecture say in their headers
