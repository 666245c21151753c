/* SPDX-License-Identifier: LGPL-2.1-or-later
   Mistakes on purpose, for the program that shows that each kills just its own process. */

#include "asm.inc"

.text
/* trap_divide(): divide by zero. */
FUNCTION trap_divide
    xorl %edx, %edx
    movl $1, %eax
    xorl %ecx, %ecx
    divl %ecx
    ret
END trap_divide

/* trap_privileged(): an instruction that only the kernel may use. */
FUNCTION trap_privileged
    hlt
    ret
END trap_privileged

/* trap_illegal(): an instruction that is none. */
FUNCTION trap_illegal
    ud2
    ret
END trap_illegal

/* trap_jump(address): execute whatever lies there. */
FUNCTION trap_jump
    jmp *%rdi
END trap_jump

/* trap_kernel_instruction(index): execute one. */
FUNCTION trap_kernel_instruction
    leaq kernel_instructions(%rip), %rax
    shlq $4, %rdi
    addq %rax, %rdi
    movl $0, %ecx
    leaq -64(%rsp), %rdx
    jmp *%rdi
END trap_kernel_instruction

/* Each has 16 bytes. */
.set KERNEL_INSTRUCTIONS, 0
.macro FORBIDDEN instructions:vararg
    .balign 16
    \instructions
    ret
    .set KERNEL_INSTRUCTIONS, KERNEL_INSTRUCTIONS + 1
.endm

/* Intel SDM vol. 3, 5.9; the last of them are those that UMIP forbids. */
    .balign 16
kernel_instructions:
    FORBIDDEN cli
    FORBIDDEN sti
    FORBIDDEN hlt
    FORBIDDEN clts
    FORBIDDEN swapgs
    FORBIDDEN invd
    FORBIDDEN wbinvd
    FORBIDDEN rdmsr
    FORBIDDEN wrmsr
    FORBIDDEN rdpmc
    FORBIDDEN xsetbv
    FORBIDDEN stac
    FORBIDDEN clac
    FORBIDDEN movq %cr0, %rax
    FORBIDDEN movq %rax, %cr0
    FORBIDDEN movq %cr2, %rax
    FORBIDDEN movq %cr3, %rax
    FORBIDDEN movq %rax, %cr3
    FORBIDDEN movq %cr4, %rax
    FORBIDDEN movq %rax, %cr4
    FORBIDDEN movq %dr7, %rax
    FORBIDDEN movq %rax, %dr7
    FORBIDDEN lmsw %ax
    FORBIDDEN ltr %ax
    FORBIDDEN lldt %ax
    FORBIDDEN lgdt (%rdx)
    FORBIDDEN lidt (%rdx)
    FORBIDDEN invlpg (%rdx)
    FORBIDDEN inb $0x64, %al
    FORBIDDEN outb %al, $0x64
    FORBIDDEN int $0x02
    FORBIDDEN int $0x08
    FORBIDDEN int $0x30
    FORBIDDEN int $0xf0
    FORBIDDEN int $0xf1
    FORBIDDEN sysretq
    FORBIDDEN sgdt (%rdx)
    FORBIDDEN sidt (%rdx)
    FORBIDDEN sldt %ax
    FORBIDDEN str %ax
    FORBIDDEN smsw %ax

/* trap_kernel_instructions(): how many there are above. */
FUNCTION trap_kernel_instructions
    movl $KERNEL_INSTRUCTIONS, %eax
    ret
END trap_kernel_instructions
