/* SPDX-License-Identifier: LGPL-2.1-or-later
   Where a dynamic program begins: in the dynamic linker (user/ld/start.py), which has to be made fit for the place that it was put at before
   compiled code can run in it. Then it comes back with where the program itself begins. */

#include "asm.inc"

#define RELA_OFFSET 0
#define RELA_ADDEND 16
#define RELA_SIZE   24

.text
/* The kernel leaves argc, argv, envp and auxv on the stack, for whoever begins there. */
FUNCTION linker_start
    NO_CALLER
    movq %rsp, %rbx
    xorl %ebp, %ebp
    andq $-16, %rsp
    /* It is linked for address 0 and refers to nobody else: all relocations are of words that hold an address of its own. */
    leaq __ehdr_start(%rip), %rax
    leaq rela_start(%rip), %rcx
    leaq rela_end(%rip), %rdx
1:  cmpq %rdx, %rcx
    jae 2f
    movq RELA_OFFSET(%rcx), %rsi
    movq RELA_ADDEND(%rcx), %rdi
    addq %rax, %rdi
    movq %rdi, (%rax, %rsi)
    addq $RELA_SIZE, %rcx
    jmp 1b
2:  call user_find_features
    movq %rbx, %rdi
    call link_program
    movq %rbx, %rsp
    xorl %edx, %edx                     /* nothing is to be called at exit (System V ABI, process initialization) */
    jmpq *%rax
END linker_start
