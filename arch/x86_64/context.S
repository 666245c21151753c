/* SPDX-License-Identifier: GPL-2.0-or-later
   Leaving one kernel stack for another, and extended registers to and from memory; context.py declares them. */

#include "asm.inc"

.text
/* asm_switch_stack_and_call(top, fn, arg): what is on this stack is forgotten. */
FUNCTION asm_switch_stack_and_call
    movq %rdi, %rsp
    NO_CALLER
    movq %rdx, %rdi
    xorl %ebp, %ebp                     /* the end of the backtrace */
    pushq $0
    pushq $0
    callq *%rsi
    ud2
END asm_switch_stack_and_call

/* asm_save_and_switch(into, top, fn, arg): saves what a call preserves on the old stack and where that is in `into`
   (KthreadContext: rsp, rbp). Returns, on whatever core, when asm_resume is given `into`. */
FUNCTION asm_save_and_switch
    pushq %rbp
    movq %rsp, %rbp
    .cfi_def_cfa %rbp, 16
    .cfi_offset %rbp, -16
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, 0(%rdi)
    movq %rbp, 8(%rdi)
    movq %rsi, %rsp
    NO_CALLER
    movq %rcx, %rdi
    xorl %ebp, %ebp
    pushq $0
    pushq $0
    callq *%rdx
    ud2
END asm_save_and_switch

FUNCTION asm_resume
    movq 0(%rdi), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
END asm_resume

/* asm_complete_call(ctx): what a CALL context does not hold yet. The user's GS base is in the MSR until the way back. */
FUNCTION asm_complete_call
    stmxcsr CTX_MXCSR(%rdi)
    fnstcw CTX_FPUCW(%rdi)
    movl $MSR_FS_BASE, %ecx
    rdmsr
    movl %eax, CTX_FS(%rdi)
    movl %edx, CTX_FS + 4(%rdi)
    movl $MSR_KERNEL_GS, %ecx
    rdmsr
    movl %eax, CTX_GS(%rdi)
    movl %edx, CTX_GS + 4(%rdi)
    movl $CTX_SOFTWARE, CTX_KIND(%rdi)
    ret
END asm_complete_call

FUNCTION asm_save_fp
    cmpb $0, cpu_has_xsave(%rip)
    je 1f
    movl cpu_xsave_mask(%rip), %eax
    xorl %edx, %edx
    xsave64 (%rdi)
    ret
1:  fxsave64 (%rdi)
    ret
END asm_save_fp

/* asm_restore_fp(state) -> 0, or 1 when the processor refused the state (a process may have written it). */
FUNCTION asm_restore_fp
    movl cpu_xsave_mask(%rip), %eax
    xorl %edx, %edx
    cmpb $0, cpu_has_xsave(%rip)
    je restore_fx
restore_x:
    xrstor64 (%rdi)
    xorl %eax, %eax
    ret
restore_fx:
    fxrstor64 (%rdi)
    xorl %eax, %eax
    ret
restore_refused:
    movl $1, %eax
    ret
END asm_restore_fp

.section .extable, "a"
    .quad restore_x, restore_refused
    .quad restore_fx, restore_refused
