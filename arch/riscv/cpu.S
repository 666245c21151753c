/* SPDX-License-Identifier: GPL-2.0-or-later
   The processor's instructions that no language has, as functions; cpu.py declares and documents them. */

#include "asm.inc"

.text
FUNCTION asm_irqs_save
    csrrci a0, sstatus, SSTATUS_SIE
    andi a0, a0, SSTATUS_SIE
    ret
END asm_irqs_save

FUNCTION asm_irqs_restore
    andi a0, a0, SSTATUS_SIE
    beqz a0, 1f
    csrsi sstatus, SSTATUS_SIE
    ret
1:  csrci sstatus, SSTATUS_SIE
    ret
END asm_irqs_restore

/* KNOWN number: if it is the register that a0 asks for, read it, and go on at 2. */
.macro KNOWN number
    li t0, \number
    bne a0, t0, .Lnext\@
.Lread\@:
    csrr t1, \number
    j 2f
    .pushsection .extable, "a"
    .dword .Lread\@, no_csr
    .popsection
.Lnext\@:
.endm

/* asm_try_read_csr(number, into) -> 1; 0 if it is not among these, or the processor does not let it be read: the fault goes on at no_csr.
   An instruction names its register, so each is one of its own. */
FUNCTION asm_try_read_csr
    KNOWN 0x100                             /* sstatus */
    KNOWN 0x104                             /* sie */
    KNOWN 0x105                             /* stvec */
    KNOWN 0x106                             /* scounteren */
    KNOWN 0x144                             /* sip */
    KNOWN 0x180                             /* satp */
    KNOWN 0xc00                             /* cycle */
    KNOWN 0xc01                             /* time */
    KNOWN 0xc02                             /* instret */
no_csr:
    li a0, 0
    ret
2:  sd t1, 0(a1)
    li a0, 1
    ret
END asm_try_read_csr

FUNCTION asm_irqs_on
    csrsi sstatus, SSTATUS_SIE
    ret
END asm_irqs_on

FUNCTION asm_irqs_off
    csrci sstatus, SSTATUS_SIE
    ret
END asm_irqs_off

FUNCTION asm_status
    csrr a0, sstatus
    ret
END asm_status

/* With interrupts off wfi still ends when one is pending: none can be slept through. */
FUNCTION asm_halt_with_irqs_on
    addi sp, sp, -16
    sd ra, 8(sp)
    sd s0, 0(sp)
    addi s0, sp, 16
    .cfi_def_cfa s0, 0
    .cfi_offset ra, -8
    .cfi_offset s0, -16
    csrci sstatus, SSTATUS_SIE
    wfi
    csrsi sstatus, SSTATUS_SIE
    ld ra, 8(sp)
    ld s0, 0(sp)
    addi sp, sp, 16
    ret
END asm_halt_with_irqs_on

/* asm_jump(address) */
FUNCTION asm_jump
    jr a0
END asm_jump

FUNCTION asm_halt_forever
    csrci sstatus, SSTATUS_SIE
    csrw sie, zero
1:  wfi
    j 1b
END asm_halt_forever

/* asm_init_core(trap entry, interrupts): vector, interrupt sources, counters for user code, floating point on, no access to user pages. */
FUNCTION asm_flush_caches
    fence
    fence.i
    ret
END asm_flush_caches

FUNCTION asm_init_core
    csrw stvec, a0
    csrw sie, a1
    li t0, 7
    csrw scounteren, t0
    li t0, SSTATUS_SUM
    csrc sstatus, t0
    li t0, SSTATUS_FS_DIRTY
    csrs sstatus, t0
    ret
END asm_init_core

FUNCTION asm_clear_software_interrupt
    csrci sip, 2
    ret
END asm_clear_software_interrupt

FUNCTION asm_write_satp
    csrw satp, a0
    csrr a0, satp
    ret
END asm_write_satp

/* Whole pages, aligned. */
FUNCTION asm_clear_page
    li t0, 8
1:
    .set offset, 0
    .rept 64
    sd zero, offset(a0)
    .set offset, offset + 8
    .endr
    addi a0, a0, 512
    addi t0, t0, -1
    bnez t0, 1b
    ret
END asm_clear_page

/* asm_copy_page(to, from) */
FUNCTION asm_copy_page
    li t0, 8
1:
    .set offset, 0
    .rept 16
    ld t1, offset(a1)
    ld t2, offset + 8(a1)
    ld t3, offset + 16(a1)
    ld t4, offset + 24(a1)
    sd t1, offset(a0)
    sd t2, offset + 8(a0)
    sd t3, offset + 16(a0)
    sd t4, offset + 24(a0)
    .set offset, offset + 32
    .endr
    addi a1, a1, 512
    addi a0, a0, 512
    addi t0, t0, -1
    bnez t0, 1b
    ret
END asm_copy_page

FUNCTION asm_flush_page
    sfence.vma a0, zero
    ret
END asm_flush_page

/* asm_flush_asid(asid): even 0 is an ASID here, not all of them, since it does not come from x0. */
FUNCTION asm_flush_asid
    sfence.vma zero, a0
    ret
END asm_flush_asid

FUNCTION asm_flush_all
    sfence.vma
    ret
END asm_flush_all

/* asm_set_kernel_stack(top) */
FUNCTION asm_set_kernel_stack
    la t0, core_kernel_stack
    add t0, t0, tp
    sd a0, 0(t0)
    ret
END asm_set_kernel_stack

FUNCTION asm_set_actual_ctx
    la t0, core_actual_ctx
    add t0, t0, tp
    sd a0, 0(t0)
    ret
END asm_set_actual_ctx

FUNCTION asm_percore_delta
    mv a0, tp
    ret
END asm_percore_delta

FUNCTION asm_core_number
    la t0, core_number
    add t0, t0, tp
    lw a0, 0(t0)
    ret
END asm_core_number

/* asm_sbi_call(arg0, arg1, arg2, function, extension) -> error */
FUNCTION asm_sbi_call
    mv a6, a3
    mv a7, a4
    ecall
    ret
END asm_sbi_call

/* asm_has_own_timer() -> whether this core may write stimecmp: the firmware must have allowed it, whatever the device tree says. */
FUNCTION asm_has_own_timer
    li a0, 0
.Lprobe:
    csrr t0, CSR_STIMECMP
    li a0, 1
.Lno_timer:
    ret
    .pushsection .extable, "a"
    .quad .Lprobe, .Lno_timer
    .popsection
END asm_has_own_timer

FUNCTION asm_set_own_timer
    csrw CSR_STIMECMP, a0
    ret
END asm_set_own_timer

/* asm_write_message_register(register, value): nobody comes between the two, since interrupt handlers write none. */
FUNCTION asm_write_message_register
    csrw CSR_SISELECT, a0
    csrw CSR_SIREG, a1
    ret
END asm_write_message_register

FUNCTION asm_claim_message
    csrrw a0, CSR_STOPEI, zero
    srli a0, a0, 16
    ret
END asm_claim_message

/* Writes to a device come before what follows, and what comes before is in memory. */
FUNCTION asm_device_fence
    fence iorw, iorw
    ret
END asm_device_fence

FUNCTION asm_read_fence
    fence ir, ir
    ret
END asm_read_fence

FUNCTION asm_write_fence
    fence ow, ow
    ret
END asm_write_fence
