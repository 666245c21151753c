/* SPDX-License-Identifier: LGPL-2.1-or-later
   Mistakes on purpose, for the program that shows that each kills just its own process. */

#include "asm.inc"

.text
/* trap_divide(): this processor's divisions by zero have a result; the trap that a checker of them takes is the breakpoint. */
FUNCTION trap_divide
    ebreak
    ret
END trap_divide

/* trap_privileged(): an instruction that only the kernel may use. */
FUNCTION trap_privileged
    csrr a0, sstatus
    ret
END trap_privileged

/* trap_illegal(): an instruction that is none. */
FUNCTION trap_illegal
    unimp
    ret
END trap_illegal

/* trap_jump(address): execute whatever lies there. */
FUNCTION trap_jump
    jr a0
END trap_jump
