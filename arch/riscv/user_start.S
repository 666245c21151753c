/* SPDX-License-Identifier: LGPL-2.1-or-later
   Where user code begins: a program, a fresh vcore, a fresh uthread. Each ends the chain of stack frames. */

#include "asm.inc"

.text
/* The kernel leaves argc, argv, envp and auxv on the stack. */
FUNCTION _start
    NO_CALLER
    mv a0, sp
    andi sp, sp, -16
    li s0, 0
    li ra, 0
    call rt_start
    unimp
END _start

/* Fresh vcore context: a0 = vcore id. */
FUNCTION vcore_start
    NO_CALLER
    andi sp, sp, -16
    li s0, 0
    li ra, 0
    call vcore_entry
    unimp
END vcore_start

FUNCTION uthread_start
    NO_CALLER
    andi sp, sp, -16
    li s0, 0
    li ra, 0
    call uthread_main
    unimp
END uthread_start

FUNCTION signal_start
    NO_CALLER
    andi sp, sp, -16
    li s0, 0
    li ra, 0
    call signal_main
    unimp
END signal_start

/* jump_to_stack(stack_top, function, arg) */
FUNCTION jump_to_stack
    NO_CALLER
    andi sp, a0, -16
    mv a0, a2
    li s0, 0
    li ra, 0
    jr a1
END jump_to_stack
