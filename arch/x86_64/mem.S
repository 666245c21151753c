/* SPDX-License-Identifier: GPL-2.0-or-later OR LGPL-2.1-or-later
   memcpy, memmove, memset, memcmp: the compiler calls them, in the kernel and in user land.

   Words of 8 bytes, four at a time: no vector registers (the kernel's are the user's), and no string instructions, which an
   emulator runs byte by byte. */

#include "asm.inc"

.text
FUNCTION memcpy
    movq %rdi, %rax
copy_forward:
    cmpq $32, %rdx
    jb 2f
1:  movq 0(%rsi), %rcx
    movq 8(%rsi), %r8
    movq 16(%rsi), %r9
    movq 24(%rsi), %r10
    movq %rcx, 0(%rdi)
    movq %r8, 8(%rdi)
    movq %r9, 16(%rdi)
    movq %r10, 24(%rdi)
    addq $32, %rsi
    addq $32, %rdi
    subq $32, %rdx
    cmpq $32, %rdx
    jae 1b
2:  cmpq $8, %rdx
    jb 4f
3:  movq (%rsi), %rcx
    movq %rcx, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rdx
    cmpq $8, %rdx
    jae 3b
4:  testq %rdx, %rdx
    jz 6f
5:  movb (%rsi), %cl
    movb %cl, (%rdi)
    incq %rsi
    incq %rdi
    decq %rdx
    jnz 5b
6:  ret
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
    cmpq $32, %rdx
    jb 2f
1:  movq %rcx, 0(%rdi)
    movq %rcx, 8(%rdi)
    movq %rcx, 16(%rdi)
    movq %rcx, 24(%rdi)
    addq $32, %rdi
    subq $32, %rdx
    cmpq $32, %rdx
    jae 1b
2:  cmpq $8, %rdx
    jb 4f
3:  movq %rcx, (%rdi)
    addq $8, %rdi
    subq $8, %rdx
    cmpq $8, %rdx
    jae 3b
4:  testq %rdx, %rdx
    jz 6f
5:  movb %cl, (%rdi)
    incq %rdi
    decq %rdx
    jnz 5b
6:  ret
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
