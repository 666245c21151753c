/* SPDX-License-Identifier: GPL-2.0-or-later
   Every way into the kernel after boot, and the way back to user space.

   From user space: the registers go straight into the core's UserContext (`core_actual_ctx`), the handler starts on an
   empty kernel stack, and does not return here: the way out is `pop_user_context`. A system call stores only what a call preserves, and
   returns when its caller goes on at once: the handler has preserved it.
   From the kernel: a TrapFrame on the current stack, and back to the interrupted code. While its first words are stored `core_busy` is
   set: a second trap finds it so when the stack has run into its guard page, and goes on with the emergency stack.
   sscratch holds the address of the per-core words, in the kernel as in user space. */

#include "asm.inc"

/* trap.py's TrapFrame, and behind it a frame record, so that backtraces go on in what was interrupted. */
#define FRAME_PC        0               /* then x1 to x31, each at 8 * its number */
#define FRAME_STATUS    256
#define FRAME_CAUSE     264
#define FRAME_VALUE     272
#define FRAME_CALLER    288
#define FRAME_RETURN    296
#define FRAME_SIZE      304

#define USER_CALL       8               /* scause of `ecall` (Privileged ISA, table 4.2) */
#define CALL_SIZE       4               /* of that instruction */

/* All registers but sp, tp, t0, t1 and s0, which go one by one. */
.macro FRAME_REGISTERS op
    \op x1, 8(sp)
    \op x3, 24(sp)
    \op x7, 56(sp)
    \op x9, 72(sp)
    \op x10, 80(sp)
    \op x11, 88(sp)
    \op x12, 96(sp)
    \op x13, 104(sp)
    \op x14, 112(sp)
    \op x15, 120(sp)
    \op x16, 128(sp)
    \op x17, 136(sp)
    \op x18, 144(sp)
    \op x19, 152(sp)
    \op x20, 160(sp)
    \op x21, 168(sp)
    \op x22, 176(sp)
    \op x23, 184(sp)
    \op x24, 192(sp)
    \op x25, 200(sp)
    \op x26, 208(sp)
    \op x27, 216(sp)
    \op x28, 224(sp)
    \op x29, 232(sp)
    \op x30, 240(sp)
    \op x31, 248(sp)
.endm

/* Nothing of the kernel's shows in what a call spoils. */
.macro CLEAR_SPOILED
    .irp n, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
    li x\n, 0
    .endr
.endm

/* For debuggers: where the callers of these entries have their registers. Call frame information by hand (DWARF 5, 6.4), since the
   assembler's directives do not mark a frame as a signal's ("S"), without which gdb takes the user's stack, far below the kernel's, for a
   corrupt one. Until its call, and from the second instruction after it, an entry has no caller. Registers have their own numbers; the program counter, which has none,
   goes by column 64. */
#define CFA_ADVANCE     0x04                    /* by how many bytes of code */
#define CFA_OFFSET      0x05                    /* a register of a large number is saved at an offset */
#define CFA_UNDEFINED   0x07                    /* a register */
#define CFA_DEFINE      0x0c                    /* the frame's address: a register, an offset */
#define PC_COLUMN       64

    .section .debug_frame, "", @progbits
entry_cie:
    .long 2f - 1f
1:  .long -1
    .byte 4                                     /* version */
    .asciz "S"
    .byte 8, 0                                  /* bytes of an address, of a segment */
    .uleb128 1
    .sleb128 8                                  /* unit of the offsets below */
    .uleb128 PC_COLUMN
    .byte CFA_DEFINE, 2, 0, CFA_UNDEFINED, PC_COLUMN
    .balign 8, 0
2:

.macro SAVED register, offset
    .byte 0x80 | \register
    .uleb128 (\offset) / 8
.endm

/* The frame of entry \name, whose call is between the labels \call and \after; what follows until END_FRAME is true there. */
.macro FRAME name, call
    .pushsection .debug_frame, "", @progbits
    .long frame_end_\name - frame_\name
frame_\name:
    .long entry_cie
    .quad \name, end_\name - \name
    .byte CFA_ADVANCE
    .long \call - \name
.endm

.macro END_FRAME name, call, after, pc
    .byte CFA_OFFSET, PC_COLUMN
    .uleb128 (\pc) / 8
    .byte CFA_ADVANCE
    .long \after - \call
    .byte CFA_UNDEFINED, PC_COLUMN
    .balign 8, 0
frame_end_\name:
    .popsection
.endm

/* The registers are in the TrapFrame at sp. */
.macro CALLER_IN_FRAME name, call, after
    FRAME \name, \call
    .byte CFA_DEFINE, 2, 0
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    SAVED \n, 8 * \n
    .endr
    END_FRAME \name, \call, \after, FRAME_PC
.endm

/* The registers of user code are in the context at s1, which calls preserve. */
.macro CALLER_IN_CONTEXT name, call, after
    FRAME \name, \call
    .byte CFA_DEFINE, 9, 0
    .irp n, 1, 2, 3, 4                          /* ra sp gp tp */
    SAVED \n, CTX_RA + 8 * (\n - 1)
    .endr
    .irp n, 5, 6, 7                             /* t0 to t2 */
    SAVED \n, CTX_T0 + 8 * (\n - 5)
    .endr
    .irp n, 8, 9                                /* s0 s1 */
    SAVED \n, CTX_S0 + 8 * (\n - 8)
    .endr
    .irp n, 10, 11, 12, 13, 14, 15, 16, 17      /* a0 to a7 */
    SAVED \n, CTX_A0 + 8 * (\n - 10)
    .endr
    .irp n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27      /* s2 to s11 */
    SAVED \n, CTX_S2 + 8 * (\n - 18)
    .endr
    .irp n, 28, 29, 30, 31                      /* t3 to t6 */
    SAVED \n, CTX_T3 + 8 * (\n - 28)
    .endr
    END_FRAME \name, \call, \after, CTX_PC
.endm

.text
    .globl trap_entry
    .type trap_entry, @function
    .balign 4
trap_entry:
    csrrw tp, sscratch, tp
    sd t0, CORE_T0(tp)
    csrr t0, sstatus
    andi t0, t0, SSTATUS_SPP
    bnez t0, trap_kernel

    ld t0, CORE_CTX(tp)
    PRESERVED sd, t0
    sd gp, CTX_GP(t0)
    sd sp, CTX_SP(t0)
    csrr sp, scause
    addi sp, sp, -USER_CALL
    beqz sp, syscall_entry
    SPOILED sd, t0
    sd a0, CTX_A0(t0)
    ld t1, CORE_T0(tp)
    sd t1, CTX_T0(t0)
    csrrw t1, sscratch, tp
    sd t1, CTX_TP(t0)
    csrr t1, sepc
    sd t1, CTX_PC(t0)
    csrr t1, scause
    sd t1, CTX_TRAP(t0)
    sd zero, CTX_ERROR(t0)
    csrr t1, stval
    sd t1, CTX_FAULT(t0)
    li t1, CTX_HARDWARE
    sd t1, CTX_KIND(t0)                 /* and no flags */
    ld sp, CORE_STACK(tp)
    ld tp, CORE_DELTA(tp)
    mv a0, t0
    mv s1, t0                           /* for a debugger */
    li s0, 0
    li ra, 0
entry_call:
    call trap_from_user
    unimp
end_trap_entry:
    .size trap_entry, . - trap_entry
    CALLER_IN_CONTEXT trap_entry, entry_call, end_trap_entry

/* `ecall`, whose caller expects nothing in the registers that a call spoils. When the handler returns, with interrupts off, it goes on
   at once; then sstatus is as the processor left it, since what interrupts the kernel puts it back. */
    .type syscall_entry, @function
    .balign 4
syscall_entry:
    csrrw t1, sscratch, tp
    sd t1, CTX_TP(t0)
    csrr t1, sepc
    addi t1, t1, CALL_SIZE
    sd t1, CTX_PC(t0)
    li t1, CTX_CALL
    sd t1, CTX_KIND(t0)                 /* and no flags */
    ld sp, CORE_STACK(tp)
    ld tp, CORE_DELTA(tp)
    mv a2, t0
    mv s1, t0                           /* for a debugger, too */
    li s0, 0
    csrsi sstatus, SSTATUS_SIE
    addi t0, a1, 1
    beqz t0, resume_call                /* a count of -1 */
system_call_call:
    call handle_syscall
    ld t0, CTX_PC(s1)
system_call_called:
    csrw sepc, t0
    ld ra, CTX_RA(s1)
    ld s0, CTX_S0(s1)
    ld sp, CTX_SP(s1)
    ld tp, CTX_TP(s1)
    ld s1, CTX_S1(s1)
    CLEAR_SPOILED
    sret
resume_call:
    call resume_from_user
    unimp
end_syscall_entry:
    .size syscall_entry, . - syscall_entry
    CALLER_IN_CONTEXT syscall_entry, system_call_call, system_call_called

    .type trap_kernel, @function
    .balign 4
trap_kernel:
    mv t0, tp
    csrrw tp, sscratch, t0              /* both as they were */
    ld t0, CORE_BUSY(t0)
    bnez t0, trap_without_stack
    csrr t0, sscratch
    sd sp, CORE_BUSY(t0)
    addi sp, sp, -FRAME_SIZE
    sd t1, 48(sp)
    sd t1, FRAME_PC(sp)                 /* the lowest word: the page may be missing */
    sd zero, CORE_BUSY(t0)
    j 1f
/* t0 is not needed any more; the trap that found the guard page has replaced scause and sepc. */
trap_without_stack:
    csrr t0, sscratch
    sd sp, CORE_PC(t0)                  /* kept for a debugger */
    ld sp, CORE_EMERGENCY(t0)
    addi sp, sp, -FRAME_SIZE
    sd zero, CORE_BUSY(t0)
    sd t1, 48(sp)
1:  FRAME_REGISTERS sd
    ld t1, CORE_T0(t0)
    sd t1, 40(sp)
    sd tp, 32(sp)
    sd s0, 64(sp)
    addi t1, sp, FRAME_SIZE
    sd t1, 16(sp)
    csrr t1, sepc
    sd t1, FRAME_PC(sp)
    sd t1, FRAME_RETURN(sp)
    sd s0, FRAME_CALLER(sp)
    addi s0, sp, FRAME_SIZE
    csrr t1, scause
    sd t1, FRAME_CAUSE(sp)
    csrr t1, stval
    sd t1, FRAME_VALUE(sp)
    csrr t1, sstatus
    sd t1, FRAME_STATUS(sp)
    li t1, SSTATUS_SUM                  /* it may have interrupted a copy from user memory */
    csrc sstatus, t1
    mv a0, sp
kernel_call:
    call trap_from_kernel
    /* tp stays, and so does what the processor notes of floating-point registers: a copy that waited for a page may go on on another core. */
    ld t1, FRAME_STATUS(sp)
kernel_called:
    li t0, SSTATUS_FS_DIRTY
    csrr t2, sstatus
    xor t2, t2, t1
    and t2, t2, t0
    xor t1, t1, t2
    csrw sstatus, t1
    ld t1, FRAME_PC(sp)
    csrw sepc, t1
    FRAME_REGISTERS ld
    ld t0, 40(sp)
    ld t1, 48(sp)
    ld s0, 64(sp)
    addi sp, sp, FRAME_SIZE
    sret
end_trap_kernel:
    .size trap_kernel, . - trap_kernel
    CALLER_IN_FRAME trap_kernel, kernel_call, kernel_called

/* pop_user_context(ctx): resume user code. Interrupts are off, ctx is sane: no instruction here may fault. */
FUNCTION pop_user_context
    li t0, SSTATUS_SPP | SSTATUS_SUM
    csrc sstatus, t0
    li t0, SSTATUS_SPIE
    csrs sstatus, t0
    ld t0, CTX_PC(a0)
    csrw sepc, t0
    PRESERVED ld, a0
    ld gp, CTX_GP(a0)
    lw t0, CTX_KIND(a0)
    addi t0, t0, -CTX_CALL
    bnez t0, 1f
    ld sp, CTX_SP(a0)
    ld tp, CTX_TP(a0)
    CLEAR_SPOILED
    sret
1:
    SPOILED ld, a0
    ld t0, CTX_T0(a0)
    ld sp, CTX_SP(a0)
    ld tp, CTX_TP(a0)
    ld a0, CTX_A0(a0)
    sret
END pop_user_context
