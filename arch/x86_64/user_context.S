/* SPDX-License-Identifier: LGPL-2.1-or-later
   Leaving one user thread for another. user/parlib/machine.py documents each function; the protocol of leaving vcore context
   is: registers loaded, notif_disabled := 0, full fence, look at notif_pending.

   From the moment that notif_disabled is 0 the kernel may interrupt, and what it saves then is the thread: so all that is
   still needed lies on the thread's own stack. */

#include "asm.inc"

#define VCPD_NOTIF_DISABLED 4
#define VCPD_NOTIF_PENDING  8
#define RED_ZONE            128

/* Of kern/abi/syscall.py's Syscall. */
#define CALL_FLAGS          16
#define CALL_FOR_THREAD     36          /* UEVENT | UTHREAD */

.text
/* Save what a call preserves into the context at \ctx. Not the thread pointer, which a thread's context has from its beginning, and
   not the floating-point control words, which are the same in all threads: nothing in the language changes them. */
.macro SAVE_SOFTWARE ctx
    movq %rbx, CTX_RBX(\ctx)
    movq %rbp, CTX_RBP(\ctx)
    movq %r12, CTX_R12(\ctx)
    movq %r13, CTX_R13(\ctx)
    movq %r14, CTX_R14(\ctx)
    movq %r15, CTX_R15(\ctx)
    movq (%rsp), %rax
    movq %rax, CTX_RIP(\ctx)
    leaq 8(%rsp), %rax
    movq %rax, CTX_RSP(\ctx)
.endm

/* set_thread_pointer in place, for the context at %rsi; spoils rax, rdi, r8 to r11. */
.macro SET_THREAD_POINTER
    movq CTX_FS(%rsi), %rdi
    cmpb $0, user_has_fsgsbase(%rip)
    je 8f
    wrfsbase %rdi
.subsection 1
8:  movq %rsi, %r8
    movq %rcx, %r9
    call set_thread_pointer
    movq %r8, %rsi
    movq %r9, %rcx
    jmp 9f
.previous
9:
.endm

/* Load the rest of the software context at \ctx; its return address is on its stack then. A thread that was left at a call uses
   nothing below its stack pointer. */
.macro LOAD_SOFTWARE ctx
    movq CTX_RBX(\ctx), %rbx
    movq CTX_RBP(\ctx), %rbp
    movq CTX_R12(\ctx), %r12
    movq CTX_R13(\ctx), %r13
    movq CTX_R14(\ctx), %r14
    movq CTX_R15(\ctx), %r15
    movq CTX_RSP(\ctx), %rsp
    pushq CTX_RIP(\ctx)
.endm

/* switch_out(ctx, stack_top, tp, landing, arg) */
FUNCTION switch_out
    SAVE_SOFTWARE %rdi
    movq %rcx, %rbx
    movq %r8, %r12
    movq %rsi, %rsp
    NO_CALLER
    xorl %ebp, %ebp
    movq %rdx, %rdi
    call set_thread_pointer
    movq %r12, %rdi
    callq *%rbx
    ud2
END switch_out

/* Notifications on, which is a full fence, and into the thread; %rdx: vcpd. */
.macro ENTER_SOFTWARE
    xorl %eax, %eax
    xchgl %eax, VCPD_NOTIF_DISABLED(%rdx)
    cmpl $0, VCPD_NOTIF_PENDING(%rdx)
    jne late_notification
    ret
.endm

/* switch_in(ctx, vcpd) */
FUNCTION switch_in
    movq %rsi, %rdx
    movq %rdi, %rsi
    SET_THREAD_POINTER
    LOAD_SOFTWARE %rsi
    ENTER_SOFTWARE
END switch_in

/* switch_direct(from, to, vcpd, lock) */
FUNCTION switch_direct
    SAVE_SOFTWARE %rdi
    SET_THREAD_POINTER
    LOAD_SOFTWARE %rsi
    movl $0, (%rcx)                     /* from here on others may run the thread that we left */
    ENTER_SOFTWARE
END switch_direct

/* switch_on_call(from, to, vcpd, call) */
FUNCTION switch_on_call
    SAVE_SOFTWARE %rdi
    SET_THREAD_POINTER
    LOAD_SOFTWARE %rsi
    xorl %eax, %eax
    movl $CALL_FOR_THREAD, %esi
    lock cmpxchgl %esi, CALL_FLAGS(%rcx) /* from here on others may run the thread that we left */
    jne call_is_not_plain
    ENTER_SOFTWARE
END switch_on_call

/* On the stack of the thread that is switched to; %rdx: vcpd, %rcx: the call. */
FUNCTION call_is_not_plain
    pushq %rbx
    pushq %rdx
    leaq 8(%rsp), %rbx
    .cfi_def_cfa %rbx, 16
    .cfi_offset %rbx, -16
    andq $-16, %rsp
    movq %rcx, %rdi
    call call_has_flags
    movq -8(%rbx), %rdx
    movq %rbx, %rsp
    popq %rbx
    .cfi_def_cfa %rsp, 8
    ENTER_SOFTWARE
END call_is_not_plain

/* On the stack of a thread that was resumed where it had made a call. */
FUNCTION late_notification
    pushq %rbx
    movq %rsp, %rbx
    .cfi_def_cfa %rbx, 16
    .cfi_offset %rbx, -16
    andq $-16, %rsp
    call missed_notification
    movq %rbx, %rsp
    popq %rbx
    ret
END late_notification

/* Onto the stack of the hardware context at %rdx, below its red zone: what `leave` takes off again; %rsp ends there.
   Callee-saved registers and the thread pointer are loaded at once. vcpd stays in %r8. */
.macro PREPARE_POP
    movq %rdi, %rdx
    movq %rsi, %r8
    movq CTX_FS(%rdx), %rdi
    call set_thread_pointer
    movq CTX_RSP(%rdx), %rsp
    leaq -RED_ZONE(%rsp), %rsp
    NO_CALLER
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
