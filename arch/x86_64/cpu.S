/* SPDX-License-Identifier: GPL-2.0-or-later
   The processor's instructions that no language has, as functions; cpu.py declares and documents them. */

#include "asm.inc"

.data
/* Set once by cpu.py, read by the entry paths. */
    .globl cpu_has_fsgsbase
cpu_has_fsgsbase:   .byte 0
    .globl cpu_has_xsave
cpu_has_xsave:      .byte 0
    .balign 4
    .globl cpu_xsave_mask
cpu_xsave_mask:     .long 0             /* XCR0's low word */

.text
FUNCTION asm_irqs_save
    pushfq
    popq %rax
    cli
    ret
END asm_irqs_save

FUNCTION asm_irqs_restore
    testl $0x200, %edi
    jz 1f
    sti
    ret
1:  cli
    ret
END asm_irqs_restore

FUNCTION asm_irqs_on
    sti
    ret
END asm_irqs_on

FUNCTION asm_irqs_off
    cli
    ret
END asm_irqs_off

FUNCTION asm_flags
    pushfq
    popq %rax
    ret
END asm_flags

/* sti takes effect after the next instruction: no interrupt can come between the two. */
FUNCTION asm_halt_with_irqs_on
    pushq %rbp
    movq %rsp, %rbp
    .cfi_def_cfa %rbp, 16
    .cfi_offset %rbp, -16
    sti
    hlt
    popq %rbp
    .cfi_def_cfa %rsp, 8
    ret
END asm_halt_with_irqs_on

/* asm_jump(address) */
FUNCTION asm_jump
    jmp *%rdi
END asm_jump

FUNCTION asm_halt_forever
    pushq %rbp
    movq %rsp, %rbp
    .cfi_def_cfa %rbp, 16
    .cfi_offset %rbp, -16
1:  cli
    hlt
    jmp 1b
END asm_halt_forever

FUNCTION asm_flush_caches
    wbinvd
    ret
END asm_flush_caches

FUNCTION asm_rdmsr
    movl %edi, %ecx
    rdmsr
    shlq $32, %rdx
    orq %rdx, %rax
    ret
END asm_rdmsr

/* asm_try_rdmsr(msr, into) -> 1; 0 if the processor has no such register: the general protection fault goes on behind it (trap.py). */
FUNCTION asm_try_rdmsr
    movl %edi, %ecx
.Ltry_rdmsr:
    rdmsr
    movl %eax, (%rsi)
    movl %edx, 4(%rsi)
    movl $1, %eax
    ret
.Lno_msr:
    xorl %eax, %eax
    ret
    .pushsection .extable, "a"
    .quad .Ltry_rdmsr, .Lno_msr
    .popsection
END asm_try_rdmsr

/* asm_try_wrmsr(msr, value) -> 1; 0 if there is no such register, or it cannot hold the value. */
FUNCTION asm_try_wrmsr
    movl %edi, %ecx
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
.Ltry_wrmsr:
    wrmsr
    movl $1, %eax
    ret
.Lcannot_wrmsr:
    xorl %eax, %eax
    ret
    .pushsection .extable, "a"
    .quad .Ltry_wrmsr, .Lcannot_wrmsr
    .popsection
END asm_try_wrmsr

FUNCTION asm_wrmsr
    movl %edi, %ecx
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
    wrmsr
    ret
END asm_wrmsr

/* asm_cpuid(leaf, subleaf, out): eax, ebx, ecx, edx into out[0..3]. */
FUNCTION asm_cpuid
    pushq %rbx
    movq %rdx, %r8
    movl %edi, %eax
    movl %esi, %ecx
    cpuid
    movl %eax, 0(%r8)
    movl %ebx, 4(%r8)
    movl %ecx, 8(%r8)
    movl %edx, 12(%r8)
    popq %rbx
    ret
END asm_cpuid

FUNCTION asm_read_cr2
    movq %cr2, %rax
    ret
END asm_read_cr2

FUNCTION asm_read_cr3
    movq %cr3, %rax
    ret
END asm_read_cr3

FUNCTION asm_write_cr3
    movq %rdi, %cr3
    ret
END asm_write_cr3

FUNCTION asm_read_cr4
    movq %cr4, %rax
    ret
END asm_read_cr4

FUNCTION asm_write_cr4
    movq %rdi, %cr4
    ret
END asm_write_cr4

/* The image's text is read-only; whoever changes it is alone, with interrupts off. A jump does what the Intel SDM, vol. 3, 9.1.3 asks for. */
FUNCTION asm_patch_text
    movq %cr0, %rax
    movq %rax, %rcx
    andq $~CR0_WP, %rcx
    movq %rcx, %cr0
    movb %sil, (%rdi)
    movq %rax, %cr0
    jmp 1f
1:  ret
END asm_patch_text

FUNCTION asm_write_xcr0
    xorl %ecx, %ecx
    movl %edi, %eax
    xorl %edx, %edx
    xsetbv
    ret
END asm_write_xcr0

/* Whole pages, aligned, 16 bytes at a time. The vector registers are the user's: the one that is used is put back, and no interrupt comes
   meanwhile that would save it as the user's. */
FUNCTION asm_clear_page
    pushfq
    .cfi_adjust_cfa_offset 8
    cli
    subq $16, %rsp
    .cfi_adjust_cfa_offset 16
    movups %xmm0, (%rsp)
    xorps %xmm0, %xmm0
    movl $4, %ecx
1:
    .set offset, 0
    .rept 64
    movaps %xmm0, offset(%rdi)
    .set offset, offset + 16
    .endr
    addq $1024, %rdi
    decl %ecx
    jnz 1b
    movups (%rsp), %xmm0
    addq $16, %rsp
    .cfi_adjust_cfa_offset -16
    popfq
    .cfi_adjust_cfa_offset -8
    ret
END asm_clear_page

/* asm_copy_page(to, from) */
FUNCTION asm_copy_page
    pushfq
    .cfi_adjust_cfa_offset 8
    cli
    subq $16, %rsp
    .cfi_adjust_cfa_offset 16
    movups %xmm0, (%rsp)
    movl $8, %ecx
1:
    .set offset, 0
    .rept 32
    movaps offset(%rsi), %xmm0
    movaps %xmm0, offset(%rdi)
    .set offset, offset + 16
    .endr
    addq $512, %rsi
    addq $512, %rdi
    decl %ecx
    jnz 1b
    movups (%rsp), %xmm0
    addq $16, %rsp
    .cfi_adjust_cfa_offset -16
    popfq
    .cfi_adjust_cfa_offset -8
    ret
END asm_copy_page

FUNCTION asm_invlpg
    invlpg (%rdi)
    ret
END asm_invlpg

/* asm_load_tables(gdtr, idtr, tss selector): the two point at (limit u16, base u64). Reloads the segments. */
FUNCTION asm_load_tables
    lgdt (%rdi)
    lidt (%rsi)
    ltr %dx
    movl $KERNEL_SS, %eax
    movw %ax, %ss
    movw %ax, %ds
    movw %ax, %es
    pushq $KERNEL_CS
    leaq 1f(%rip), %rax
    pushq %rax
    lretq
1:  ret
END asm_load_tables

/* Where entries from user space start: the TSS for traps, a word of our own for `syscall`. */
FUNCTION asm_set_kernel_stack
    movq %rdi, %gs:core_kernel_stack
    movq %rdi, %gs:core_tss + 4
    ret
END asm_set_kernel_stack

FUNCTION asm_set_actual_ctx
    movq %rdi, %gs:core_actual_ctx
    ret
END asm_set_actual_ctx

FUNCTION asm_percore_delta
    movq %gs:percore_delta, %rax
    ret
END asm_percore_delta

FUNCTION asm_core_number
    movl %gs:core_number, %eax
    ret
END asm_core_number

FUNCTION asm_in8
    movl %edi, %edx
    xorl %eax, %eax
    inb %dx, %al
    ret
END asm_in8

FUNCTION asm_in16
    movl %edi, %edx
    xorl %eax, %eax
    inw %dx, %ax
    ret
END asm_in16

FUNCTION asm_in32
    movl %edi, %edx
    inl %dx, %eax
    ret
END asm_in32

FUNCTION asm_out8
    movl %edi, %edx
    movl %esi, %eax
    outb %al, %dx
    ret
END asm_out8

FUNCTION asm_out16
    movl %edi, %edx
    movl %esi, %eax
    outw %ax, %dx
    ret
END asm_out16

FUNCTION asm_out32
    movl %edi, %edx
    movl %esi, %eax
    outl %eax, %dx
    ret
END asm_out32

/* An empty IDT and a trap: the processor shuts down, and the board resets. */
FUNCTION asm_triple_fault
    pushq $0
    pushq $0
    lidt (%rsp)
    ud2
END asm_triple_fault

/* A number from the processor's source of noise, or 0 if it has none ready: it may be exhausted for a moment. */
FUNCTION asm_rdseed
    rdseed %rax
    jc 1f
    xorl %eax, %eax
1:  ret
END asm_rdseed

FUNCTION asm_rdrand
    rdrand %rax
    jc 1f
    xorl %eax, %eax
1:  ret
END asm_rdrand

FUNCTION asm_device_fence
    mfence
    ret
END asm_device_fence

FUNCTION asm_read_fence
    lfence
    ret
END asm_read_fence

FUNCTION asm_write_fence
    sfence
    ret
END asm_write_fence
