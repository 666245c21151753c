/* SPDX-License-Identifier: LGPL-2.1-or-later
   Mistakes on purpose, for the program that shows that each kills just its own process. */

#include "asm.inc"

.text
/* trap_divide(): this processor's divisions by zero have a result; the trap that a checker of them takes is the breakpoint. */
FUNCTION trap_divide
    ebreak
    ret
END trap_divide

/* trap_privileged(): an instruction that only the kernel may use. */
FUNCTION trap_privileged
    csrr a0, sstatus
    ret
END trap_privileged

/* trap_illegal(): an instruction that is none. */
FUNCTION trap_illegal
    unimp
    ret
END trap_illegal

/* trap_jump(address): execute whatever lies there. */
FUNCTION trap_jump
    jr a0
END trap_jump

/* trap_kernel_instruction(index): execute one. */
FUNCTION trap_kernel_instruction
    lla t0, kernel_instructions
    slli a0, a0, 4
    add t0, t0, a0
    li t1, 0
    jr t0
END trap_kernel_instruction

/* Each has 16 bytes. */
.set KERNEL_INSTRUCTIONS, 0
.macro FORBIDDEN instructions:vararg
    .balign 16
    \instructions
    ret
    .set KERNEL_INSTRUCTIONS, KERNEL_INSTRUCTIONS + 1
.endm

/* RISC-V privileged 1.12, 2.1 and 3.3; what user code may read is time, cycle and instret. */
    .balign 16
kernel_instructions:
    FORBIDDEN csrr t0, sstatus
    FORBIDDEN csrw sstatus, t1
    FORBIDDEN csrr t0, sie
    FORBIDDEN csrw sie, t1
    FORBIDDEN csrr t0, stvec
    FORBIDDEN csrw stvec, t1
    FORBIDDEN csrw scounteren, t1
    FORBIDDEN csrr t0, sscratch
    FORBIDDEN csrw sscratch, t1
    FORBIDDEN csrr t0, sepc
    FORBIDDEN csrw sepc, t1
    FORBIDDEN csrr t0, scause
    FORBIDDEN csrr t0, stval
    FORBIDDEN csrr t0, sip
    FORBIDDEN csrw sip, t1
    FORBIDDEN csrr t0, satp
    FORBIDDEN csrw satp, t1
    FORBIDDEN csrr t0, mstatus
    FORBIDDEN csrw mstatus, t1
    FORBIDDEN csrr t0, mhartid
    FORBIDDEN csrr t0, medeleg
    FORBIDDEN csrw mtvec, t1
    FORBIDDEN csrr t0, pmpcfg0
    FORBIDDEN csrw pmpaddr0, t1
    FORBIDDEN csrw time, t1
    FORBIDDEN csrw cycle, t1
    FORBIDDEN sfence.vma
    FORBIDDEN sret
    FORBIDDEN mret
    FORBIDDEN wfi

/* trap_kernel_instructions(): how many there are above. */
FUNCTION trap_kernel_instructions
    li a0, KERNEL_INSTRUCTIONS
    ret
END trap_kernel_instructions
