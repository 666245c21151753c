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
