/* SPDX-License-Identifier: GPL-2.0-or-later
   The only instructions of the kernel that touch user memory. Each is listed in .extable with the place to go on at when the
   page-fault handler can do nothing; between stac and clac there is nothing else. usercopy.py declares them. */

#include "asm.inc"

/* Of kern/abi/syscall.py's Syscall. */
#define CALL_RETVAL     8
#define CALL_FLAGS      16
#define DONE            1
#define UEVENT          4

.macro ALLOW_USER_ACCESS
    SMAP_INSTRUCTION STAC
.endm

.macro END_USER_ACCESS
    SMAP_INSTRUCTION CLAC
.endm

/* USER fixup, instruction...: the instruction may fault; then go on at fixup. */
.macro USER fixup:req, instruction:vararg
.Luser\@:
    \instruction
    .pushsection .extable, "a"
    .quad .Luser\@, \fixup
    .popsection
.endm

.text
/* copy_user(into, source, size) -> bytes not copied */
FUNCTION copy_user
    movq %rdx, %rcx
    ALLOW_USER_ACCESS
    cmpq $32, %rcx
    jb 2f
    cmpq $512, %rcx
    jae 6f
1:  USER copy_done, movq 0(%rsi), %rax
    USER copy_done, movq 8(%rsi), %rdx
    USER copy_done, movq 16(%rsi), %r8
    USER copy_done, movq 24(%rsi), %r9
    USER copy_done, movq %rax, 0(%rdi)
    USER copy_done, movq %rdx, 8(%rdi)
    USER copy_done, movq %r8, 16(%rdi)
    USER copy_done, movq %r9, 24(%rdi)
    addq $32, %rsi
    addq $32, %rdi
    subq $32, %rcx
    cmpq $32, %rcx
    jae 1b
2:  cmpq $8, %rcx
    jb 4f
3:  USER copy_done, movq (%rsi), %rax
    USER copy_done, movq %rax, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rcx
    cmpq $8, %rcx
    jae 3b
4:  testq %rcx, %rcx
    jz copy_done
5:  USER copy_done, movb (%rsi), %al
    USER copy_done, movb %al, (%rdi)
    incq %rsi
    incq %rdi
    decq %rcx
    jnz 5b
copy_done:
    END_USER_ACCESS
    movq %rcx, %rax
    ret
    /* Long copies by words: an instruction each, and on real processors whole cache lines. What is left when one faults is
       in rcx, in words, with the odd bytes at the end in rdx. */
6:  movq %rcx, %rdx
    andl $7, %edx
    shrq $3, %rcx
    USER words_left, rep movsq
    movq %rdx, %rcx
    jmp 4b
words_left:
    leaq (%rdx, %rcx, 8), %rcx
    jmp copy_done
END copy_user

/* zero_user(into, size) -> bytes not cleared */
FUNCTION zero_user
    xorl %eax, %eax
    ALLOW_USER_ACCESS
    cmpq $8, %rsi
    jb 2f
1:  USER zero_done, movq %rax, (%rdi)
    addq $8, %rdi
    subq $8, %rsi
    cmpq $8, %rsi
    jae 1b
2:  testq %rsi, %rsi
    jz zero_done
3:  USER zero_done, movb %al, (%rdi)
    incq %rdi
    decq %rsi
    jnz 3b
zero_done:
    END_USER_ACCESS
    movq %rsi, %rax
    ret
END zero_user

/* copy_user_string(into, source, room) -> length without NUL, room if there was none, -1 on a fault */
FUNCTION copy_user_string
    ALLOW_USER_ACCESS
    xorl %ecx, %ecx
1:  cmpq %rdx, %rcx
    jae 2f
    USER string_fault, movb (%rsi, %rcx), %al
    movb %al, (%rdi, %rcx)
    testb %al, %al
    jz 2f
    incq %rcx
    jmp 1b
2:  END_USER_ACCESS
    movq %rcx, %rax
    ret
string_fault:
    END_USER_ACCESS
    movq $-1, %rax
    ret
END copy_user_string

/* copy_user_call(into, source) -> 0, or 1 on a fault: number and arguments of a SyscallWords, which are 0 to 7 and 40 to 87. */
FUNCTION copy_user_call
    ALLOW_USER_ACCESS
    USER call_fault, movq (%rsi), %rax
    USER call_fault, movq 40(%rsi), %rcx
    USER call_fault, movq 48(%rsi), %rdx
    USER call_fault, movq 56(%rsi), %r8
    USER call_fault, movq 64(%rsi), %r9
    USER call_fault, movq 72(%rsi), %r10
    USER call_fault, movq 80(%rsi), %r11
    END_USER_ACCESS
    movq %rax, (%rdi)
    movq %rcx, 40(%rdi)
    movq %rdx, 48(%rdi)
    movq %r8, 56(%rdi)
    movq %r9, 64(%rdi)
    movq %r10, 72(%rdi)
    movq %r11, 80(%rdi)
    xorl %eax, %eax
    ret
call_fault:
    END_USER_ACCESS
    movl $1, %eax
    ret
END copy_user_call

/* Single words, each atomic. The last argument is where a 1 goes when the word is not there; the result is then 0. */
FUNCTION load_user_u32
    ALLOW_USER_ACCESS
    USER word_fault_rsi, movl (%rdi), %eax
    END_USER_ACCESS
    ret
END load_user_u32

FUNCTION load_user_u64
    ALLOW_USER_ACCESS
    USER word_fault_rsi, movq (%rdi), %rax
    END_USER_ACCESS
    ret
END load_user_u64

FUNCTION store_user_u32
    ALLOW_USER_ACCESS
    USER word_fault_rdx, movl %esi, (%rdi)
    END_USER_ACCESS
    ret
END store_user_u32

FUNCTION store_user_u64
    ALLOW_USER_ACCESS
    USER word_fault_rdx, movq %rsi, (%rdi)
    END_USER_ACCESS
    ret
END store_user_u64

FUNCTION swap_user_u64
    ALLOW_USER_ACCESS
    movq %rsi, %rax
    USER word_fault_rdx, xchgq %rax, (%rdi)
    END_USER_ACCESS
    ret
END swap_user_u64

FUNCTION add_user_u32
    ALLOW_USER_ACCESS
    movl %esi, %eax
    USER word_fault_rdx, lock xaddl %eax, (%rdi)
    END_USER_ACCESS
    ret
END add_user_u32

FUNCTION add_user_u64
    ALLOW_USER_ACCESS
    movq %rsi, %rax
    USER word_fault_rdx, lock xaddq %rax, (%rdi)
    END_USER_ACCESS
    ret
END add_user_u64

FUNCTION cas_user_u32
    movl %esi, %eax
    movl %edx, %r8d
    movq %rcx, %rdx
    ALLOW_USER_ACCESS
    USER word_fault_rdx, lock cmpxchgl %r8d, (%rdi)
    END_USER_ACCESS
    ret
END cas_user_u32

FUNCTION cas_user_u64
    movq %rsi, %rax
    movq %rdx, %r8
    movq %rcx, %rdx
    ALLOW_USER_ACCESS
    USER word_fault_rdx, lock cmpxchgq %r8, (%rdi)
    END_USER_ACCESS
    ret
END cas_user_u64

/* No instruction returns the old value of an or: compare and swap until nobody came between, a bounded number of times,
   for the word is the user's to change. 64 failures count as a fault. */
.macro BITWISE name, op
FUNCTION \name
    movl $64, %ecx
    ALLOW_USER_ACCESS
    USER word_fault_rdx, movl (%rdi), %eax
1:  movl %eax, %r8d
    \op %esi, %r8d
    USER word_fault_rdx, lock cmpxchgl %r8d, (%rdi)
    je 2f
    decl %ecx
    jnz 1b
    jmp word_fault_rdx
2:  END_USER_ACCESS
    ret
END \name
.endm
BITWISE or_user_u32, orl
BITWISE and_user_u32, andl

/* publish_user(call, value) -> old flags, or -1 on a fault: store the result of a Syscall, then set DONE unless UEVENT is set. Mostly the
   flags are 0. A user that changes them 64 times under us is as good as a fault. */
FUNCTION publish_user
    movl $DONE, %ecx
    ALLOW_USER_ACCESS
    USER publish_fault, movq %rsi, CALL_RETVAL(%rdi)
    xorl %eax, %eax
    USER publish_fault, lock cmpxchgl %ecx, CALL_FLAGS(%rdi)
    jne 2f
1:  END_USER_ACCESS
    ret
2:  movl $64, %ecx
3:  testl $UEVENT, %eax
    jnz 1b
    movl %eax, %edx
    orl $DONE, %edx
    USER publish_fault, lock cmpxchgl %edx, CALL_FLAGS(%rdi)
    je 1b
    decl %ecx
    jnz 3b
publish_fault:
    END_USER_ACCESS
    movq $-1, %rax
    ret
END publish_user

word_fault_rsi:
    movq %rsi, %rdx
word_fault_rdx:
    END_USER_ACCESS
    movl $1, (%rdx)
    xorl %eax, %eax
    ret
