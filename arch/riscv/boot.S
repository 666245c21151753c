/* SPDX-License-Identifier: GPL-2.0-or-later
   From the firmware to `kernel_start(device tree, hart id)`: boot page tables, cleared .bss, a stack.

   The supervisor binary interface enters one hart at the image's first byte, where it was loaded, without translation: a0 = hart
   id, a1 = physical address of the device tree. The first 64 bytes are also the header that boot loaders want to see.
   The boot tables map the first 128 GiB at the direct map's place, never executable, and the image's pages, each with the rights of its
   section: no page is ever both writable and executable. Nothing is mapped one to one: the first instruction after translation
   is switched on faults, and the trap vector holds the address where it goes on. boot_tables.py replaces the tables. */

#include "asm.inc"

#define IMAGE_TABLES    32              /* of 2 MiB each: link.ld asserts that the image fits */
#define DIRECT_ENTRIES  128
#define PTE_TABLE       0x01
#define PTE_TEXT        0x6b            /* valid, read, execute, global, accessed */
#define PTE_RODATA      0x63
#define PTE_DATA        0xe7            /* valid, read, write, global, accessed, dirty */

/* Entries for the image's pages [start, end). Spoils t0 to t5. */
.macro MAP_IMAGE start, end, bits
    la t0, \start
    la t1, \end
    la t2, boot_image_tables
    li t3, RAM_BASE
    sub t4, t0, t3
    srli t4, t4, 12
    slli t4, t4, 3
    add t2, t2, t4
    li t5, 4096
.Lmap\@:
    srli t4, t0, 2
    ori t4, t4, \bits
    sd t4, 0(t2)
    addi t2, t2, 8
    add t0, t0, t5
    bltu t0, t1, .Lmap\@
.endm

.section .head, "ax"
    .option push
    .option norvc
    .option norelax
    j head_start
    .word 0
    .dword 0x200000                     /* where it wants to be, from the start of memory */
    .dword image_size
    .dword 0
    .word 2                             /* version 0.2 of the header */
    .word 0
    .dword 0
    .ascii "RISCV\0\0\0"
    .ascii "RSC\x05"
    .word 0
    .option pop

head_start:
    csrw sie, zero
    /* OpenSBI 1.1 lets a hart go before it has stored where to: it may come here instead of to smp_entry. */
    la t0, boot_hart_taken
    li t1, 1
    amoswap.w.aqrl t0, t1, (t0)
    bnez t0, other_hart
    mv s1, a0
    mv s2, a1

    /* Nobody has promised that .bss is zero. */
    la t0, bss_start
    la t1, bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b

    la s3, boot_root
    /* The direct map: leaves of 1 GiB in the upper half's first entries. */
    li t0, 2048
    add t0, s3, t0
    li t1, PTE_DATA
    li t2, DIRECT_ENTRIES
    li t3, 0x10000000                   /* 1 GiB, as an entry has it */
2:  sd t1, 0(t0)
    add t1, t1, t3
    addi t0, t0, 8
    addi t2, t2, -1
    bnez t2, 2b

    la t0, boot_image_dir
    srli t1, t0, 2
    ori t1, t1, PTE_TABLE
    li t2, 510 * 8
    add t2, s3, t2
    sd t1, 0(t2)
    la t1, boot_image_tables
    srli t1, t1, 2
    ori t1, t1, PTE_TABLE
    li t2, IMAGE_TABLES
3:  sd t1, 0(t0)
    addi t1, t1, 1024                   /* the next page */
    addi t0, t0, 8
    addi t2, t2, -1
    bnez t2, 3b

    MAP_IMAGE text_start, text_end, PTE_TEXT
    MAP_IMAGE rodata_start, rodata_end, PTE_RODATA
    MAP_IMAGE data_start, data_end, PTE_DATA
    MAP_IMAGE symbols_start, image_end, PTE_RODATA

    la t0, boot_high
    li t1, IMAGE_OFFSET
    add t0, t0, t1
    csrw stvec, t0
    srli t0, s3, 12
    li t1, SATP_SV39
    slli t1, t1, 60
    or t0, t0, t1
    sfence.vma
    csrw satp, t0
    unimp

/* A hart that is not the first one: where smp_entry would have found it, as soon as its record is ready. */
other_hart:
    addi t0, a0, 1
    la t1, start_hart
4:  ld t2, 0(t1)
    bne t2, t0, 4b
    fence r, rw
    la t1, start_record
    ld a1, 0(t1)
    la t0, smp_entry
    jr t0

.data
    .balign 8
boot_hart_taken:    .quad 0
    .globl start_hart
start_hart:         .quad 0             /* 1 + id of the hart whose record is ready; not in .bss, which may be about to be cleared */
    .globl start_record
start_record:       .quad 0             /* physical address of the record */

.text
/* In the higher half. The boot core's per-core area is the section itself: its displacement is 0. */
    .balign 4
boot_high:
    la sp, boot_stack_end
    mv tp, zero
    la t0, percore_delta
    csrw sscratch, t0
    la t1, boot_emergency_end
    sd t1, CORE_EMERGENCY(t0)
    la t0, trap_entry
    csrw stvec, t0
    /* The other cores' areas start as this one is now. */
    la t0, percpu_start
    la t1, percpu_end
    la t2, percpu_template
1:  ld t3, 0(t0)
    sd t3, 0(t2)
    addi t0, t0, 8
    addi t2, t2, 8
    bltu t0, t1, 1b
    mv a0, s2
    mv a1, s1
    li s0, 0                            /* the end of every backtrace */
    li ra, 0
    call kernel_start
    unimp

.bss
    .balign 4096
boot_root:          .skip 4096
boot_image_dir:     .skip 4096
boot_image_tables:  .skip IMAGE_TABLES * 4096
    .globl boot_stack
boot_stack:
    .skip 65536
    .globl boot_stack_end
boot_stack_end:
/* The boot core's stack for traps that find the other one used up, until there is a guarded one. */
    .skip 16384
boot_emergency_end:

    .globl percore_deltas
percore_deltas:
    .skip 256 * 8

.section .percpu, "aw"
    .balign 64
/* CORE_ offsets of asm.inc. */
    .globl percore_delta
percore_delta:      .quad 0             /* this core's area - the section */
    .globl core_kernel_stack
core_kernel_stack:  .quad 0             /* where entries from user space start */
    .globl core_actual_ctx
core_actual_ctx:    .quad 0             /* where they store the user's registers */
core_t0:            .quad 0             /* t0 of what was interrupted, for the first instructions of a trap */
core_busy:          .quad 0             /* the stack pointer while a trap of kernel code stores its first words, else 0 */
    .globl core_emergency
core_emergency:     .quad 0             /* top of the stack for when these words could not be stored */
core_pc:            .quad 0             /* what that trap interrupted */
    .globl core_number
core_number:        .quad 0
