/* SPDX-License-Identifier: LGPL-2.1-or-later
   Leaving one user thread for another. user/parlib/machine.py documents each function; the protocol of leaving vcore context
   is: registers loaded, notif_disabled := 0, full fence, look at notif_pending.

   From the moment that notif_disabled is 0 the kernel may interrupt, and what it saves then is the thread: so all that is
   still needed lies on the thread's own stack. */

#include "asm.inc"

#define VCPD_NOTIF_DISABLED 4
#define VCPD_NOTIF_PENDING  8
#define RED_ZONE            128

.text
/* switch_out(ctx, stack_top, tp, landing, arg) */
FUNCTION switch_out
    movq %rbx, CTX_RBX(%rdi)
    movq %rbp, CTX_RBP(%rdi)
    movq %r12, CTX_R12(%rdi)
    movq %r13, CTX_R13(%rdi)
    movq %r14, CTX_R14(%rdi)
    movq %r15, CTX_R15(%rdi)
    movq (%rsp), %rax
    movq %rax, CTX_RIP(%rdi)
    leaq 8(%rsp), %rax
    movq %rax, CTX_RSP(%rdi)
    movq $0x202, CTX_RFLAGS(%rdi)
    stmxcsr CTX_MXCSR(%rdi)
    fnstcw CTX_FPUCW(%rdi)
    movq %fs:0, %rax                    /* the word at the thread pointer is its own address */
    movq %rax, CTX_FS(%rdi)
    movq $0, CTX_GS(%rdi)
    movq $CTX_SOFTWARE, CTX_KIND(%rdi)
    movq %rcx, %rbx
    movq %r8, %r12
    movq %rsi, %rsp
    andq $-16, %rsp
    xorl %ebp, %ebp
    movq %rdx, %rdi
    call set_thread_pointer
    movq %r12, %rdi
    callq *%rbx
    ud2
END switch_out

/* switch_in(ctx, vcpd) */
FUNCTION switch_in
    movq %rdi, %rdx
    movq %rsi, %r8
    movq CTX_FS(%rdx), %rdi
    call set_thread_pointer
    movq CTX_RBX(%rdx), %rbx
    movq CTX_RBP(%rdx), %rbp
    movq CTX_R12(%rdx), %r12
    movq CTX_R13(%rdx), %r13
    movq CTX_R14(%rdx), %r14
    movq CTX_R15(%rdx), %r15
    ldmxcsr CTX_MXCSR(%rdx)
    fldcw CTX_FPUCW(%rdx)
    movq CTX_RSP(%rdx), %rsp
    pushq CTX_RIP(%rdx)                 /* a thread that was left at a call uses nothing below its stack pointer */
    xorl %eax, %eax
    xchgl %eax, VCPD_NOTIF_DISABLED(%r8)        /* and a full fence */
    cmpl $0, VCPD_NOTIF_PENDING(%r8)
    jne 1f
    ret
1:  pushq %rbx
    movq %rsp, %rbx
    andq $-16, %rsp
    call missed_notification
    movq %rbx, %rsp
    popq %rbx
    ret
END switch_in

/* Onto the stack of the hardware context at %rdx, below its red zone: what `leave` takes off again; %rsp ends there.
   Callee-saved registers and the thread pointer are loaded at once. vcpd stays in %r8. */
.macro PREPARE_POP
    movq %rdi, %rdx
    movq %rsi, %r8
    movq CTX_FS(%rdx), %rdi
    call set_thread_pointer
    movq CTX_RSP(%rdx), %rsp
    leaq -RED_ZONE(%rsp), %rsp
    pushq CTX_RIP(%rdx)
    pushq CTX_RFLAGS(%rdx)
    pushq CTX_RAX(%rdx)
    pushq CTX_RCX(%rdx)
    pushq CTX_RDX(%rdx)
    pushq CTX_RSI(%rdx)
    pushq CTX_RDI(%rdx)
    pushq CTX_R8(%rdx)
    pushq CTX_R9(%rdx)
    pushq CTX_R10(%rdx)
    pushq CTX_R11(%rdx)
    movq CTX_RBX(%rdx), %rbx
    movq CTX_RBP(%rdx), %rbp
    movq CTX_R12(%rdx), %r12
    movq CTX_R13(%rdx), %r13
    movq CTX_R14(%rdx), %r14
    movq CTX_R15(%rdx), %r15
.endm

.macro FINISH_POP
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    popfq
    ret $RED_ZONE
.endm

/* pop_context(ctx, vcpd) */
FUNCTION pop_context
    PREPARE_POP
    xorl %eax, %eax
    xchgl %eax, VCPD_NOTIF_DISABLED(%r8)
    cmpl $0, VCPD_NOTIF_PENDING(%r8)
    jne 1f
    FINISH_POP
    /* The thread was interrupted anywhere: its extended registers are live, and compiled code may use them. */
1:  pushq %rbx
    movq %rsp, %rbx
    subq $1088, %rsp
    andq $-64, %rsp
    movq %rsp, %rdi
    call save_fp
    call missed_notification
    movq %rsp, %rdi
    call restore_fp
    movq %rbx, %rsp
    popq %rbx
    FINISH_POP
END pop_context

/* pop_context_raw(ctx, vcpd) */
FUNCTION pop_context_raw
    PREPARE_POP
    xorl %eax, %eax
    xchgl %eax, VCPD_NOTIF_DISABLED(%r8)
    FINISH_POP
END pop_context_raw

/* save_fp(area): XSAVE leaves most of the header alone, and XRSTOR wants zeros there. */
FUNCTION save_fp
    movl user_xsave_mask(%rip), %eax
    testl %eax, %eax
    jz 1f
    xorl %edx, %edx
    movq $0, 512(%rdi)
    movq $0, 520(%rdi)
    movq $0, 528(%rdi)
    movq $0, 536(%rdi)
    movq $0, 544(%rdi)
    movq $0, 552(%rdi)
    movq $0, 560(%rdi)
    movq $0, 568(%rdi)
    xsave64 (%rdi)
    ret
1:  fxsave64 (%rdi)
    ret
END save_fp

FUNCTION restore_fp
    movl user_xsave_mask(%rip), %eax
    testl %eax, %eax
    jz 1f
    xorl %edx, %edx
    xrstor64 (%rdi)
    ret
1:  fxrstor64 (%rdi)
    ret
END restore_fp
