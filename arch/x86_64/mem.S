/* SPDX-License-Identifier: GPL-2.0-or-later OR LGPL-2.1-or-later
   memcpy, memmove, memset, memcmp: the compiler calls them, in the kernel and in user land.

   Words of 8 bytes, many at a time, and one that overlaps at the end instead of single bytes: no vector registers (the kernel's
   are the user's), and no string instructions, which an emulator runs byte by byte. */

#include "asm.inc"

.text
FUNCTION memcpy
    movq %rdi, %rax
copy_forward:
    cmpq $8, %rdx
    jb 5f
    movq -8(%rsi, %rdx), %r11           /* the last word: read first, since the target may reach into the source */
    leaq -8(%rdi, %rdx), %r10
    subq $8 + 64, %rdx
    jb 2f
1:  movq 0(%rsi), %rcx
    movq 8(%rsi), %r8
    movq %rcx, 0(%rdi)
    movq %r8, 8(%rdi)
    movq 16(%rsi), %rcx
    movq 24(%rsi), %r8
    movq %rcx, 16(%rdi)
    movq %r8, 24(%rdi)
    movq 32(%rsi), %rcx
    movq 40(%rsi), %r8
    movq %rcx, 32(%rdi)
    movq %r8, 40(%rdi)
    movq 48(%rsi), %rcx
    movq 56(%rsi), %r8
    movq %rcx, 48(%rdi)
    movq %r8, 56(%rdi)
    addq $64, %rsi
    addq $64, %rdi
    subq $64, %rdx
    jae 1b
2:  addq $64, %rdx
    jz 4f
3:  movq (%rsi), %rcx                   /* the last of these may reach into the last word, which comes after it */
    movq %rcx, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rdx
    ja 3b
4:  movq %r11, (%r10)
    ret
5:  testq %rdx, %rdx
    jz 7f
6:  movb (%rsi), %cl
    movb %cl, (%rdi)
    incq %rsi
    incq %rdi
    decq %rdx
    jnz 6b
7:  ret
END memcpy

FUNCTION memmove
    movq %rdi, %rax
    movq %rdi, %rcx
    subq %rsi, %rcx
    cmpq %rdx, %rcx                     /* unsigned: the target begins inside the source */
    jae copy_forward
    addq %rdx, %rsi
    addq %rdx, %rdi
    cmpq $8, %rdx
    jb 2f
1:  subq $8, %rsi
    subq $8, %rdi
    movq (%rsi), %rcx
    movq %rcx, (%rdi)
    subq $8, %rdx
    cmpq $8, %rdx
    jae 1b
2:  testq %rdx, %rdx
    jz 4f
3:  decq %rsi
    decq %rdi
    movb (%rsi), %cl
    movb %cl, (%rdi)
    decq %rdx
    jnz 3b
4:  ret
END memmove

FUNCTION memset
    movq %rdi, %rax
    movzbl %sil, %ecx
    movabsq $0x0101010101010101, %r8
    imulq %r8, %rcx
    cmpq $8, %rdx
    jb 5f
    movq %rcx, -8(%rdi, %rdx)           /* the last word, which those before it may reach into */
    subq $8 + 128, %rdx
    jb 2f
1:
    movq %rcx, 0(%rdi)
    movq %rcx, 8(%rdi)
    movq %rcx, 16(%rdi)
    movq %rcx, 24(%rdi)
    movq %rcx, 32(%rdi)
    movq %rcx, 40(%rdi)
    movq %rcx, 48(%rdi)
    movq %rcx, 56(%rdi)
    movq %rcx, 64(%rdi)
    movq %rcx, 72(%rdi)
    movq %rcx, 80(%rdi)
    movq %rcx, 88(%rdi)
    movq %rcx, 96(%rdi)
    movq %rcx, 104(%rdi)
    movq %rcx, 112(%rdi)
    movq %rcx, 120(%rdi)
    addq $128, %rdi
    subq $128, %rdx
    jae 1b
2:  addq $128, %rdx
    jz 4f
3:  movq %rcx, (%rdi)
    addq $8, %rdi
    subq $8, %rdx
    ja 3b
4:  ret
5:  testq %rdx, %rdx
    jz 7f
6:  movb %cl, (%rdi)
    incq %rdi
    decq %rdx
    jnz 6b
7:  ret
END memset

FUNCTION memcmp
    cmpq $8, %rdx
    jb 2f
1:  movq (%rdi), %rax
    cmpq (%rsi), %rax
    jne 2f
    addq $8, %rdi
    addq $8, %rsi
    subq $8, %rdx
    cmpq $8, %rdx
    jae 1b
2:  testq %rdx, %rdx
    jz 4f
3:  movzbl (%rdi), %eax
    movzbl (%rsi), %ecx
    subl %ecx, %eax
    jne 5f
    incq %rdi
    incq %rsi
    decq %rdx
    jnz 3b
4:  xorl %eax, %eax
5:  ret
END memcmp

/* The optimiser turns loops that look for a NUL into this. */
FUNCTION strlen
    movq %rdi, %rax
1:  cmpb $0, (%rax)
    je 2f
    incq %rax
    jmp 1b
2:  subq %rdi, %rax
    ret
END strlen

#if CHECKED
/* What the compiler puts behind the objects of a frame and looks for when the function returns. Its zero byte stops string copies. */
.section .rodata.canary, "a"
.balign 8
.globl __stack_chk_guard
__stack_chk_guard: .quad 0x5afe57acc0ded000
#endif
