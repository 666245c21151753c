/* SPDX-License-Identifier: GPL-2.0-or-later OR LGPL-2.1-or-later
   memcpy, memmove, memset, memcmp: the compiler calls them, in the kernel and in user land.

   Words of 8 bytes, four at a time, where both sides are aligned alike; never a misaligned access, which the firmware may have to emulate. */

#include "asm.inc"

.text
FUNCTION memcpy
    mv t0, a0
copy_forward:                               /* to t0 from a1, a2 bytes */
    xor t1, t0, a1
    andi t1, t1, 7
    bnez t1, 5f
1:  andi t1, t0, 7
    beqz t1, 2f
    beqz a2, 6f
    lbu t2, 0(a1)
    sb t2, 0(t0)
    addi a1, a1, 1
    addi t0, t0, 1
    addi a2, a2, -1
    j 1b
2:  li t6, 32
    bltu a2, t6, 4f
3:  ld t2, 0(a1)
    ld t3, 8(a1)
    ld t4, 16(a1)
    ld t5, 24(a1)
    sd t2, 0(t0)
    sd t3, 8(t0)
    sd t4, 16(t0)
    sd t5, 24(t0)
    addi a1, a1, 32
    addi t0, t0, 32
    addi a2, a2, -32
    bgeu a2, t6, 3b
4:  li t6, 8
    bltu a2, t6, 5f
    ld t2, 0(a1)
    sd t2, 0(t0)
    addi a1, a1, 8
    addi t0, t0, 8
    addi a2, a2, -8
    j 4b
5:  beqz a2, 6f
    lbu t2, 0(a1)
    sb t2, 0(t0)
    addi a1, a1, 1
    addi t0, t0, 1
    addi a2, a2, -1
    j 5b
6:  ret
END memcpy

FUNCTION memmove
    mv t0, a0
    sub t1, a0, a1
    bgeu t1, a2, copy_forward               /* unless the target begins inside the source */
    add a1, a1, a2
    add t0, a0, a2
    xor t1, t0, a1
    andi t1, t1, 7
    bnez t1, 3f
1:  andi t1, t0, 7
    beqz t1, 2f
    beqz a2, 4f
    addi a1, a1, -1
    addi t0, t0, -1
    lbu t2, 0(a1)
    sb t2, 0(t0)
    addi a2, a2, -1
    j 1b
2:  li t6, 8
    bltu a2, t6, 3f
    addi a1, a1, -8
    addi t0, t0, -8
    ld t2, 0(a1)
    sd t2, 0(t0)
    addi a2, a2, -8
    j 2b
3:  beqz a2, 4f
    addi a1, a1, -1
    addi t0, t0, -1
    lbu t2, 0(a1)
    sb t2, 0(t0)
    addi a2, a2, -1
    j 3b
4:  ret
END memmove

FUNCTION memset
    mv t0, a0
    andi a1, a1, 255
    slli t1, a1, 8
    or a1, a1, t1
    slli t1, a1, 16
    or a1, a1, t1
    slli t1, a1, 32
    or a1, a1, t1
1:  andi t1, t0, 7
    beqz t1, 2f
    beqz a2, 6f
    sb a1, 0(t0)
    addi t0, t0, 1
    addi a2, a2, -1
    j 1b
2:  li t6, 32
    bltu a2, t6, 4f
3:  sd a1, 0(t0)
    sd a1, 8(t0)
    sd a1, 16(t0)
    sd a1, 24(t0)
    addi t0, t0, 32
    addi a2, a2, -32
    bgeu a2, t6, 3b
4:  li t6, 8
    bltu a2, t6, 5f
    sd a1, 0(t0)
    addi t0, t0, 8
    addi a2, a2, -8
    j 4b
5:  beqz a2, 6f
    sb a1, 0(t0)
    addi t0, t0, 1
    addi a2, a2, -1
    j 5b
6:  ret
END memset

FUNCTION memcmp
    or t0, a0, a1
    andi t0, t0, 7
    bnez t0, 2f
    li t6, 8
1:  bltu a2, t6, 2f
    ld t1, 0(a0)
    ld t2, 0(a1)
    bne t1, t2, 2f
    addi a0, a0, 8
    addi a1, a1, 8
    addi a2, a2, -8
    j 1b
2:  beqz a2, 3f
    lbu t1, 0(a0)
    lbu t2, 0(a1)
    bne t1, t2, 4f
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
    j 2b
3:  li a0, 0
    ret
4:  sub a0, t1, t2
    ret
END memcmp

/* The optimiser turns loops that look for a NUL into this. */
FUNCTION strlen
    mv t0, a0
1:  lbu t1, 0(t0)
    beqz t1, 2f
    addi t0, t0, 1
    j 1b
2:  sub a0, t0, a0
    ret
END strlen

#if CHECKED
/* What the compiler puts behind the objects of a frame and looks for when the function returns. Its zero byte stops string copies. */
.section .rodata.canary, "a"
.balign 8
.globl __stack_chk_guard
__stack_chk_guard: .dword 0x5afe57acc0ded000
#endif
