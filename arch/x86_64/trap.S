/* SPDX-License-Identifier: GPL-2.0-or-later
   Every way into the kernel after boot, and the way back to user space.

   From user space: the registers go straight into the core's UserContext (`core_actual_ctx`), the handler starts on an
   empty kernel stack, and does not return here: the way out is `pop_user_context`. A system call stores only what a call preserves, and
   returns when its caller goes on at once: the handler has preserved it.
   From the kernel: a TrapFrame on the current stack, and back to the interrupted code.
   NMI, double fault, machine check and debug may hit any instruction, with either GS base or stack: they have stacks of
   their own (IST), whose top word says what this core's GS base must be, and put back what they found. */

#include "asm.inc"

/* trap.py's TrapFrame: these, then vector, error code and what the processor pushed. */
.macro PUSH_REGISTERS
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm

.macro POP_REGISTERS
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
.endm
#define FRAME_RBP       80
#define FRAME_RIP       136
#define FRAME_RSP       160
#define IST_STEP        16384           /* what each level of nesting has of an IST stack; as in trap.py */
#define FRAME_IST_TOP   176             /* of a frame on an IST stack: the word above what the processor pushed */

/* For debuggers: where the callers of these entries have their registers. Call frame information by hand (DWARF 5, 6.4), since the
   assembler's directives do not mark a frame as a signal's ("S"), without which gdb takes the user's stack, far below the kernel's, for a
   corrupt one. Until its call, and from the second instruction after it, an entry has no caller. */
#define CFA_ADVANCE     0x04            /* by how many bytes of code */
#define CFA_UNDEFINED   0x07            /* a register */
#define CFA_DEFINE      0x0c            /* the frame's address: a register, an offset */
#define RBX             3               /* numbers of the psABI, figure 3.36 */
#define RSP             7
#define RETURN_ADDRESS  16

    .section .debug_frame, "", @progbits
entry_cie:
    .long 2f - 1f
1:  .long -1
    .byte 4                             /* version */
    .asciz "S"
    .byte 8, 0                          /* bytes of an address, of a segment */
    .uleb128 1
    .sleb128 8                          /* unit of the offsets below */
    .uleb128 RETURN_ADDRESS
    .byte CFA_DEFINE, RSP, 0, CFA_UNDEFINED, RETURN_ADDRESS
    .balign 8, 0
2:

.macro SAVED register, offset
    .byte 0x80 | \register
    .uleb128 (\offset) / 8
.endm

/* The frame of entry \name, whose call is between the labels \call and \after; what follows until END_FRAME is true there. */
.macro FRAME name, call, after
    .pushsection .debug_frame, "", @progbits
    .long frame_end_\name - frame_\name
frame_\name:
    .long entry_cie
    .quad \name, end_\name - \name
    .byte CFA_ADVANCE
    .long \call - \name
.endm

.macro END_FRAME name, call, after
    .byte CFA_ADVANCE
    .long \after - \call
    .byte CFA_UNDEFINED, RETURN_ADDRESS
    .balign 8, 0
frame_end_\name:
    .popsection
.endm

/* The registers are in the TrapFrame 16 bytes above the stack pointer. */
.macro CALLER_IN_FRAME name, call, after
    FRAME \name, \call, \after
    .byte CFA_DEFINE, RSP, 16
    SAVED 15, 0                         /* r15 to r8 */
    SAVED 14, 8
    SAVED 13, 16
    SAVED 12, 24
    SAVED 11, 32
    SAVED 10, 40
    SAVED 9, 48
    SAVED 8, 56
    SAVED 5, 64                         /* rdi */
    SAVED 4, 72                         /* rsi */
    SAVED 6, FRAME_RBP
    SAVED 1, 88                         /* rdx */
    SAVED 2, 96                         /* rcx */
    SAVED RBX, 104
    SAVED 0, 112                        /* rax */
    SAVED RETURN_ADDRESS, FRAME_RIP
    SAVED RSP, FRAME_RSP
    END_FRAME \name, \call, \after
.endm

/* The registers of user code are in the context at %rbx, which calls preserve; of a software context only the first of them mean anything. */
.macro CALLER_IN_CONTEXT name, call, after
    FRAME \name, \call, \after
    .byte CFA_DEFINE, RBX, 0
    SAVED RBX, CTX_RBX
    SAVED 6, CTX_RBP
    SAVED 12, CTX_R12
    SAVED 13, CTX_R13
    SAVED 14, CTX_R14
    SAVED 15, CTX_R15
    SAVED RETURN_ADDRESS, CTX_RIP
    SAVED RSP, CTX_RSP
    SAVED 0, CTX_RAX
    SAVED 2, CTX_RCX
    SAVED 1, CTX_RDX
    SAVED 4, CTX_RSI
    SAVED 5, CTX_RDI
    SAVED 8, CTX_R8
    SAVED 9, CTX_R9
    SAVED 10, CTX_R10
    SAVED 11, CTX_R11
    END_FRAME \name, \call, \after
.endm

/* User code may have set AC, which would let the kernel touch user pages. */
.macro FORBID_USER_ACCESS
    SMAP_INSTRUCTION CLAC
.endm

/* Puts MSR \msr into \offset(%rbx). Spoils rax, rcx, rdx. */
.macro SAVE_MSR msr, offset
    movl $\msr, %ecx
    rdmsr
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, \offset(%rbx)
.endm

/* Loads MSR \msr from \offset(%rdi). Spoils rax, rcx, rdx. */
.macro LOAD_MSR msr, offset
    movl $\msr, %ecx
    movl \offset(%rdi), %eax
    movl \offset + 4(%rdi), %edx
    wrmsr
.endm

.macro PRESERVED_REGISTERS
    movq CTX_RBX(%rdi), %rbx
    movq CTX_RBP(%rdi), %rbp
    movq CTX_R12(%rdi), %r12
    movq CTX_R13(%rdi), %r13
    movq CTX_R14(%rdi), %r14
    movq CTX_R15(%rdi), %r15
.endm

/* To the user's code at rcx, with its flags in r11, its stack and its GS base: nothing of the kernel's shows in what a call spoils. */
.macro RETURN_FROM_CALL
    xorl %eax, %eax
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    sysretq
.endm

.text
/* One stub of 16 bytes for each vector; after it every trap has an error code and its vector on the stack. */
    .balign 16
    .globl trap_stubs
trap_stubs:
    vector = 0
    .rept 256
    .balign 16
    .if (vector != 8) && (vector != 10) && (vector != 11) && (vector != 12) && (vector != 13) && (vector != 14) && (vector != 17) && (vector != 21) && (vector != 29) && (vector != 30)
    pushq $0
    .endif
    pushq $vector
    .if (vector == 1) || (vector == 2) || (vector == 8) || (vector == 18)
    jmp trap_anywhere
    .else
    jmp trap_common
    .endif
    vector = vector + 1
    .endr

    .type trap_common, @function
trap_common:
    testb $3, 24(%rsp)                  /* privilege of the code segment that was interrupted */
    jnz trap_user
    PUSH_REGISTERS
    cld
    FORBID_USER_ACCESS
    pushq FRAME_RIP(%rsp)               /* a stack frame as if the interrupted function had called us: backtraces go on */
    pushq FRAME_RBP + 8(%rsp)
    movq %rsp, %rbp
    leaq 16(%rsp), %rdi
common_call:
    call trap_from_kernel
    addq $16, %rsp
common_called:
    POP_REGISTERS
    addq $16, %rsp
    iretq
end_trap_common:
    .size trap_common, . - trap_common
    CALLER_IN_FRAME trap_common, common_call, common_called

    .type trap_user, @function
trap_user:
    pushq %rbx
    pushq %rax
    pushq %rcx
    pushq %rdx
    cld
    FORBID_USER_ACCESS
    cmpb $0, cpu_has_fsgsbase(%rip)
    je 1f
    rdgsbase %rax
    rdfsbase %rcx
    swapgs
    movq %gs:core_actual_ctx, %rbx
    movq %rax, CTX_GS(%rbx)
    movq %rcx, CTX_FS(%rbx)
    jmp 2f
1:  swapgs
    movq %gs:core_actual_ctx, %rbx
    SAVE_MSR MSR_FS_BASE, CTX_FS
    SAVE_MSR MSR_KERNEL_GS, CTX_GS
2:  popq CTX_RDX(%rbx)
    popq CTX_RCX(%rbx)
    popq CTX_RAX(%rbx)
    popq CTX_RBX(%rbx)
    movq %rbp, CTX_RBP(%rbx)
    movq %rsi, CTX_RSI(%rbx)
    movq %rdi, CTX_RDI(%rbx)
    movq %r8, CTX_R8(%rbx)
    movq %r9, CTX_R9(%rbx)
    movq %r10, CTX_R10(%rbx)
    movq %r11, CTX_R11(%rbx)
    movq %r12, CTX_R12(%rbx)
    movq %r13, CTX_R13(%rbx)
    movq %r14, CTX_R14(%rbx)
    movq %r15, CTX_R15(%rbx)
    popq CTX_TRAP(%rbx)
    popq CTX_ERROR(%rbx)
    popq CTX_RIP(%rbx)
    addq $8, %rsp
    popq CTX_RFLAGS(%rbx)
    popq CTX_RSP(%rbx)
    movq $CTX_HARDWARE, CTX_KIND(%rbx)  /* and no flags */
    movq %rbx, %rdi
    movq %gs:core_kernel_stack, %rsp
    xorl %ebp, %ebp
user_call:
    call trap_from_user
    ud2
end_trap_user:
    .size trap_user, . - trap_user
    CALLER_IN_CONTEXT trap_user, user_call, end_trap_user

/* `syscall`: interrupts are masked, %rcx = user rip, %r11 = user rflags, the stack pointer is still the user's.
   A call preserves what the C convention preserves, so that is all that is saved; the bases of FS and GS stay in the processor. When the
   handler returns, with interrupts off, the caller goes on at once. */
    .globl syscall_entry
    .type syscall_entry, @function
    .balign 16
syscall_entry:
    swapgs
    movq %gs:core_actual_ctx, %rdx
    movq %rsp, CTX_RSP(%rdx)
    movq %gs:core_kernel_stack, %rsp
    movq %rbx, CTX_RBX(%rdx)
    movq %rbp, CTX_RBP(%rdx)
    movq %r12, CTX_R12(%rdx)
    movq %r13, CTX_R13(%rdx)
    movq %r14, CTX_R14(%rdx)
    movq %r15, CTX_R15(%rdx)
    movq %rcx, CTX_RIP(%rdx)
    movq %r11, CTX_RFLAGS(%rdx)
    movq $CTX_CALL, CTX_KIND(%rdx)      /* and no flags */
    movq %rdx, %rbx                     /* for a debugger, too */
    xorl %ebp, %ebp
    sti
syscall_call:
    call handle_syscall
    movq CTX_RIP(%rbx), %rcx
syscall_called:
    movq CTX_RFLAGS(%rbx), %r11
    movq CTX_RSP(%rbx), %rsp
    movq CTX_RBP(%rbx), %rbp
    movq CTX_RBX(%rbx), %rbx
    swapgs
    RETURN_FROM_CALL
end_syscall_entry:
    .size syscall_entry, . - syscall_entry
    CALLER_IN_CONTEXT syscall_entry, syscall_call, syscall_called

/* The same where user code cannot set its FS base itself: a count of -1 is the fast call that does it. It runs on the user's stack pointer
   but never uses it. Spoils rax, rcx, rsi, r10, r11. A thread pointer outside user space becomes 0. */
    .globl syscall_entry_without_fsgsbase
    .type syscall_entry_without_fsgsbase, @function
    .balign 16
syscall_entry_without_fsgsbase:
    cmpq $-1, %rsi
    jne syscall_entry
    movq %rcx, %rsi
    movq %rdx, %r10
    movq %rdi, %rax
    movq %rdi, %rdx
    shrq $32, %rdx
    cmpl $0x8000, %edx
    jb 3f
    xorl %eax, %eax
    xorl %edx, %edx
3:  movl $MSR_FS_BASE, %ecx
    wrmsr
    movq %rsi, %rcx
    movq %r10, %rdx                     /* the user's switching code counts on it */
    sysretq
    .size syscall_entry_without_fsgsbase, . - syscall_entry_without_fsgsbase

/* pop_user_context(ctx): resume user code. Interrupts are off, ctx is sane: no instruction here may fault. */
FUNCTION pop_user_context
    cmpl $CTX_CALL, CTX_KIND(%rdi)
    je 4f                               /* its bases are in the processor */
    cmpb $0, cpu_has_fsgsbase(%rip)
    je 1f
    movq CTX_FS(%rdi), %rax
    movq CTX_GS(%rdi), %rcx
    wrfsbase %rax
    swapgs
    wrgsbase %rcx
    jmp 2f
1:  LOAD_MSR MSR_FS_BASE, CTX_FS
    LOAD_MSR MSR_KERNEL_GS, CTX_GS
    swapgs
2:  PRESERVED_REGISTERS
    cmpl $CTX_SOFTWARE, CTX_KIND(%rdi)
    jne 3f
    movq CTX_RIP(%rdi), %rcx
    movq CTX_RFLAGS(%rdi), %r11
    movq CTX_RSP(%rdi), %rsp
    RETURN_FROM_CALL
4:  PRESERVED_REGISTERS
    movq CTX_RIP(%rdi), %rcx
    movq CTX_RFLAGS(%rdi), %r11
    movq CTX_RSP(%rdi), %rsp
    swapgs
    RETURN_FROM_CALL
3:  pushq $USER_SS
    pushq CTX_RSP(%rdi)
    pushq CTX_RFLAGS(%rdi)
    pushq $USER_CS
    pushq CTX_RIP(%rdi)
    movq CTX_RAX(%rdi), %rax
    movq CTX_RCX(%rdi), %rcx
    movq CTX_RDX(%rdi), %rdx
    movq CTX_RSI(%rdi), %rsi
    movq CTX_R8(%rdi), %r8
    movq CTX_R9(%rdi), %r9
    movq CTX_R10(%rdi), %r10
    movq CTX_R11(%rdi), %r11
    movq CTX_RDI(%rdi), %rdi
    iretq
END pop_user_context

/* On an IST stack. A debug trap of user code is an ordinary trap: it moves to the ordinary stack.
   While a handler runs, the same IST entry starts IST_STEP lower: a fault in an NMI handler ends in iretq, which lets the
   next NMI in, and that must not overwrite this frame. */
    .type trap_anywhere, @function
trap_anywhere:
    PUSH_REGISTERS
    cld
    FORBID_USER_ACCESS
    movl $MSR_GS_BASE, %ecx
    rdmsr
    movl %eax, %r12d
    movl %edx, %r13d
    movq FRAME_IST_TOP(%rsp), %rbx
    movl %ebx, %eax
    movq %rbx, %rdx
    shrq $32, %rdx
    wrmsr
    cmpq $1, 120(%rsp)                  /* vector */
    jne 1f
    testb $3, FRAME_RIP + 8(%rsp)
    jnz debug_from_user
1:  movq 120(%rsp), %rax
    movl $36, %ecx                      /* offsets of IST entries in the TSS, as cpu.py assigns them */
    cmpl $2, %eax
    je 2f
    movl $44, %ecx
    cmpl $8, %eax
    je 2f
    movl $52, %ecx
    cmpl $18, %eax
    je 2f
    movl $60, %ecx
2:  leaq core_tss(%rbx, %rcx), %r14
    movq %rbx, FRAME_IST_TOP - IST_STEP(%rsp)
    subq $IST_STEP, (%r14)
    pushq FRAME_RIP(%rsp)
    pushq FRAME_RBP + 8(%rsp)
    movq %rsp, %rbp
    leaq 16(%rsp), %rdi
anywhere_call:
    call trap_on_ist
    addq $16, %rsp
anywhere_called:
    addq $IST_STEP, (%r14)
    movl $MSR_GS_BASE, %ecx
    movl %r12d, %eax
    movl %r13d, %edx
    wrmsr
    POP_REGISTERS
    addq $16, %rsp
    iretq
debug_from_user:
    movl $MSR_GS_BASE, %ecx             /* the user's again, and then the entry from user space */
    movl %r12d, %eax
    movl %r13d, %edx
    wrmsr
    POP_REGISTERS
    jmp trap_user
end_trap_anywhere:
    .size trap_anywhere, . - trap_anywhere
    CALLER_IN_FRAME trap_anywhere, anywhere_call, anywhere_called
