# SPDX-License-Identifier: GPL-2.0-or-later OR LGPL-2.1-or-later
"""The registers of a user thread, as kernel and user land hand them to each other.

A HARDWARE context holds everything: it was interrupted anywhere. A SOFTWARE context was left at a call (a system call or
a switch between threads): only what the calling convention preserves means something, which is the first part of the structure.
A CALL context is a SOFTWARE one whose thread pointer and control words are in the processor still: only the kernel has such, in the
core's own context while that core is in a system call, and `context.keep` completes the copy.
Extended registers (x87, SSE, AVX) are never in here: they stay in the core until someone saves them to an FpState.
arch/x86_64/user_context.S, trap.S and context.S know these offsets (ctx.inc); `size=` keeps them honest.
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


@struct(size=208)
class UserContext:
    kind: ContextKind                       # offset 0
    flags: u32                              # 4
    fs_base: u64                            # 8: the thread pointer
    gs_base: u64                            # 16
    rbx: u64                                # 24
    rbp: u64                                # 32
    r12: u64                                # 40
    r13: u64                                # 48
    r14: u64                                # 56
    r15: u64                                # 64
    rip: u64                                # 72
    rsp: u64                                # 80
    rflags: u64                             # 88
    mxcsr: u32                              # 96: software contexts of user land; the kernel leaves it alone
    fpucw: u32                              # 100: likewise
    rax: u64                                # 104: from here on only of hardware contexts
    rcx: u64                                # 112
    rdx: u64                                # 120
    rsi: u64                                # 128
    rdi: u64                                # 136
    r8: u64                                 # 144
    r9: u64                                 # 152
    r10: u64                                # 160
    r11: u64                                # 168
    trap_number: u64                        # 176: vector that saved it
    error_code: u64                         # 184
    fault_address: u64                      # 192: CR2 of a page fault
    unused: u64                             # 200

    @property
    def pc(self) -> u64:
        return self.rip

    @pc.setter
    def pc(self, value: u64) -> None:
        self.rip = value

    @property
    def sp(self) -> u64:
        return self.rsp

    @property
    def frame_pointer(self) -> u64:
        return self.rbp

    @property
    def thread_pointer(self) -> u64:
        return self.fs_base

    def format(self, sink: Sink) -> None:
        """All registers, for messages."""
        sink.print(f"trap {self.trap_number} error {self.error_code:#x} address {self.fault_address:#x}\n")
        sink.print(f"rip {self.rip:016x} rsp {self.rsp:016x} rflags {self.rflags:08x} fs {self.fs_base:016x}\n")
        sink.print(f"rax {self.rax:016x} rbx {self.rbx:016x} rcx {self.rcx:016x} rdx {self.rdx:016x}\n")
        sink.print(f"rsi {self.rsi:016x} rdi {self.rdi:016x} rbp {self.rbp:016x} r8  {self.r8:016x}\n")
        sink.print(f"r9  {self.r9:016x} r10 {self.r10:016x} r11 {self.r11:016x} r12 {self.r12:016x}\n")
        sink.print(f"r13 {self.r13:016x} r14 {self.r14:016x} r15 {self.r15:016x}\n")


@struct(align=64, size=1088)
class FpState:
    """Extended registers as XSAVE lays them out: 512 bytes of FXSAVE, 64 of header, 256 of AVX upper halves; room to spare."""

    area: Array[u8] = array(1088)


FRAME_RECORD: u64 = 0                       # how far the caller's frame pointer and the return address lie below a frame pointer
ELF_MACHINE: u16 = 62                       # EM_X86_64: what programs for this architecture say in their headers
