/* SPDX-License-Identifier: GPL-2.0-or-later
   Where the other cores start: real mode, at the page below 1 MiB that smp.py copied `smp_trampoline` to.

   Position-independent up to 32-bit mode; smp.py stores the page's address in the three `patch` words of the copy.
   Then each core takes one start record (`ap_record`, published one at a time) and the stack, number and per-core area in it.
   A core that comes when there is none waits: whoever comes takes the next, so a late one harms nobody. */

#include "asm.inc"

.section .rodata.trampoline, "a"
    .balign 16
    .code16
    .globl smp_trampoline
smp_trampoline:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    lgdtl smp_gdtr - smp_trampoline
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl *(smp_far32 - smp_trampoline)

    .code32
smp_32:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $CR4_BOOT, %eax
    movl %eax, %cr4
    movl $boot_pml4, %eax               /* these tables still map the first 4 GiB one to one */
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $(EFER_LME | EFER_NXE), %eax
    wrmsr
    movl $CR0_BOOT, %eax
    movl %eax, %cr0
    .byte 0xea                          /* ljmp $0x18, $smp_64 of the copy */
    .globl smp_patch_far64
smp_patch_far64:
    .long smp_64 - smp_trampoline
    .short 0x18

    .code64
smp_64:
    movabsq $ap_high, %rax
    jmpq *%rax

    .balign 16
smp_gdt:
    .quad 0
    .quad 0x00cf9a000000ffff            /* 0x08: 32-bit code */
    .quad 0x00cf92000000ffff            /* 0x10: data */
    .quad 0x00af9a000000ffff            /* 0x18: 64-bit code */
smp_gdtr:
    .short smp_gdtr - smp_gdt - 1
    .globl smp_patch_gdt
smp_patch_gdt:
    .long smp_gdt - smp_trampoline
smp_far32:
    .globl smp_patch_far32
smp_patch_far32:
    .long smp_32 - smp_trampoline
    .short 0x08
    .globl smp_trampoline_end
smp_trampoline_end:

.text
    .code64
/* On the boot tables, without a stack. */
ap_high:
    lgdt ap_gdtr(%rip)           /* the trampoline's page may be used again */
    movw $KERNEL_SS, %ax
    movw %ax, %ss
    movw %ax, %ds
    movw %ax, %es
    xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    .globl ap_without_record
ap_without_record:
    xorl %ebx, %ebx
    xchgq %rbx, ap_record(%rip)
    testq %rbx, %rbx
    jnz 2f
    pause
    jmp ap_without_record
2:  movq 0(%rbx), %rax                  /* StartRecord of smp.py: root, stack, delta, core */
    movq %rax, %cr3
    movq 8(%rbx), %rsp
    movl $MSR_GS_BASE, %ecx
    movl 16(%rbx), %eax
    movl 20(%rbx), %edx
    wrmsr
    pushq $KERNEL_CS                    /* %cs still holds the trampoline's selector */
    leaq 3f(%rip), %rax
    pushq %rax
    lretq
3:  movl 24(%rbx), %edi
    xorl %ebp, %ebp
    call ap_entry
    ud2

.data
    .balign 8
    .globl ap_record
ap_record:
    .quad 0
/* Until cpu.py gives the core its own: the start-up part of the image, with the boot core's first GDT, is not mapped now. */
ap_gdt:
    .quad 0
    .quad 0x00af9a000000ffff
    .quad 0x00cf92000000ffff
ap_gdtr:
    .short . - ap_gdt - 1
    .quad ap_gdt
