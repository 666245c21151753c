/* SPDX-License-Identifier: LGPL-2.1-or-later
   The trap into the kernel. It preserves what a C call preserves, and nothing else. */

#include "asm.inc"

.text
/* syscall_trap(call, count) -> 0: the results come in the structures. */
FUNCTION syscall_trap
    ecall
    .globl syscall_return
syscall_return:                         /* or to `calls_finished` instead, as if that were called here last */
    li a0, 0
    ret
END syscall_trap

/* There is one way into the kernel, and it is the same. */
FUNCTION syscall_interrupt
    ecall
    li a0, 0
    ret
END syscall_interrupt
