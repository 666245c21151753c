/* SPDX-License-Identifier: GPL-2.0-or-later
   Where the firmware starts the other harts: at the physical address of this code, without translation, a0 = hart id, a1 = physical
   address of the start record (StartRecord of smp.py: satp, stack, per-core words, core). As in boot.S, the instruction after translation is
   switched on faults, and the trap vector holds where it goes on. */

#include "asm.inc"

.text
    .balign 4
    .globl smp_entry
smp_entry:
    csrw sie, zero
    ld s1, 0(a1)
    ld s2, 8(a1)
    ld s3, 16(a1)
    ld s4, 24(a1)
    la t0, smp_high
    li t1, IMAGE_OFFSET
    add t0, t0, t1
    csrw stvec, t0
    sfence.vma
    csrw satp, s1
    unimp
    .balign 4
smp_high:
    mv sp, s2
    csrw sscratch, s3
    ld tp, CORE_DELTA(s3)
    la t0, trap_entry
    csrw stvec, t0
    mv a0, s4
    li s0, 0
    li ra, 0
    call ap_entry
    unimp
