/* SPDX-License-Identifier: LGPL-2.1-or-later
   The trap into the kernel. It preserves what a C call preserves, and nothing else. */

#include "asm.inc"

.text
/* syscall_trap(call, count) -> 0: the results come in the structures. */
FUNCTION syscall_trap
    syscall
    .globl syscall_return
syscall_return:                         /* or to `calls_finished` instead, as if that were called here last */
    ret
END syscall_trap

/* The same through the interrupt table, for who must keep all other registers: it preserves them. */
FUNCTION syscall_interrupt
    int $0xE0                           /* cpu.SYSCALL_VECTOR */
    ret
END syscall_interrupt
