/* SPDX-License-Identifier: GPL-2.0-or-later
   Leaving one kernel stack for another, and floating-point registers to and from memory; context.py declares them. */

#include "asm.inc"

    .option arch, +f, +d                /* for the user's registers: the kernel computes with none of them */

#define SAVED_SIZE 112                  /* ra, s0 to s11, and padding */

.macro SAVED op
    \op s1, 8(sp)
    \op s2, 16(sp)
    \op s3, 24(sp)
    \op s4, 32(sp)
    \op s5, 40(sp)
    \op s6, 48(sp)
    \op s7, 56(sp)
    \op s8, 64(sp)
    \op s9, 72(sp)
    \op s10, 80(sp)
    \op s11, 88(sp)
    \op s0, 96(sp)
    \op ra, 104(sp)
.endm

.text
/* asm_switch_stack_and_call(top, fn, arg): what is on this stack is forgotten. */
FUNCTION asm_switch_stack_and_call
    mv sp, a0
    NO_CALLER
    mv a0, a2
    li s0, 0                            /* the end of the backtrace */
    li ra, 0
    jr a1
END asm_switch_stack_and_call

/* asm_save_and_switch(into, top, fn, arg): saves what a call preserves on the old stack and where that is in `into`
   (KthreadContext: sp, fp). Returns, on whatever core, when asm_resume is given `into`. */
FUNCTION asm_save_and_switch
    addi sp, sp, -SAVED_SIZE
    .cfi_def_cfa sp, SAVED_SIZE
    SAVED sd
    sd sp, 0(a0)
    addi t0, sp, SAVED_SIZE
    sd t0, 8(a0)
    mv sp, a1
    NO_CALLER
    mv a0, a3
    li s0, 0
    li ra, 0
    jr a2
END asm_save_and_switch

FUNCTION asm_resume
    ld sp, 0(a0)
    SAVED ld
    addi sp, sp, SAVED_SIZE
    ret
END asm_resume

FUNCTION asm_save_fp
    FP_REGISTERS fsd, a0
    frcsr t0
    sd t0, FP_FCSR(a0)
    ret
END asm_save_fp

FUNCTION asm_restore_fp
    ld t0, FP_FCSR(a0)
    andi t0, t0, 255
    fscsr t0
    FP_REGISTERS fld, a0
    li t0, SSTATUS_FS_DIRTY & ~SSTATUS_FS_CLEAN
    csrc sstatus, t0
    ret
END asm_restore_fp
