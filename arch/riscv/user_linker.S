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
    mv s1, sp
    andi sp, sp, -16
    li s0, 0
    li ra, 0
    /* It is linked for address 0 and refers to nobody else: all relocations are of words that hold an address of its own. */
    lla a0, __ehdr_start
    lla a1, rela_start
    lla a2, rela_end
1:  bgeu a1, a2, 2f
    ld a3, RELA_OFFSET(a1)
    ld a4, RELA_ADDEND(a1)
    add a3, a3, a0
    add a4, a4, a0
    sd a4, 0(a3)
    addi a1, a1, RELA_SIZE
    j 1b
2:  mv a0, s1
    call link_program
    mv sp, s1
    jr a0
END linker_start
