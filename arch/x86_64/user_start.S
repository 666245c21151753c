/* SPDX-License-Identifier: LGPL-2.1-or-later
   Where user code begins: a program, a fresh vcore, a fresh uthread. Each ends the chain of stack frames. */

#include "asm.inc"

.text
/* The kernel leaves argc, argv, envp and auxv on the stack. */
FUNCTION _start
    NO_CALLER
    movq %rsp, %rbx
    xorl %ebp, %ebp
    andq $-16, %rsp
    call user_find_features
    movq %rbx, %rdi
    call rt_start
    ud2
END _start

/* Fresh vcore context: %rdi = vcore id. */
FUNCTION vcore_start
    NO_CALLER
    xorl %ebp, %ebp
    andq $-16, %rsp
    call vcore_entry
    ud2
END vcore_start

FUNCTION uthread_start
    NO_CALLER
    xorl %ebp, %ebp
    andq $-16, %rsp
    call uthread_main
    ud2
END uthread_start

FUNCTION signal_start
    NO_CALLER
    xorl %ebp, %ebp
    andq $-16, %rsp
    call signal_main
    ud2
END signal_start

/* jump_to_stack(stack_top, function, arg) */
FUNCTION jump_to_stack
    NO_CALLER
    movq %rdi, %rsp
    movq %rdx, %rdi
    xorl %ebp, %ebp
    andq $-16, %rsp
    callq *%rsi
    ud2
END jump_to_stack

/* What the processor has and the kernel has switched on, asked once: CPUID is slow under a hypervisor. */
FUNCTION user_find_features
    pushq %rbx
    xorl %eax, %eax
    cpuid
    cmpl $7, %eax
    jb 1f
    movl $7, %eax
    xorl %ecx, %ecx
    cpuid
    andb $1, %bl
    movb %bl, user_has_fsgsbase(%rip)
1:  movl $1, %eax
    cpuid
    testl $(1 << 27), %ecx              /* OSXSAVE */
    jz 2f
    xorl %ecx, %ecx
    xgetbv
    movl %eax, user_xsave_mask(%rip)
2:  popq %rbx
    ret
END user_find_features

.data
    .balign 4
    .globl user_xsave_mask
user_xsave_mask:    .long 0             /* 0: the processor has only FXSAVE */
    .globl user_has_fsgsbase
user_has_fsgsbase:  .byte 0
