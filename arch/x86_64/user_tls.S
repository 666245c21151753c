/* SPDX-License-Identifier: LGPL-2.1-or-later
   The thread pointer: FS base, set by instruction where the processor has it, else by the kernel's fast call. */

#include "asm.inc"

.text
/* set_thread_pointer(tp): spoils only rax, rcx, rsi, r10, r11 (switch_in and pop_context count on that). */
FUNCTION set_thread_pointer
    cmpb $0, user_has_fsgsbase(%rip)
    je 1f
    wrfsbase %rdi
    ret
1:  movq $-1, %rsi                      /* a count of -1 is the fast call; it goes through no Syscall structure */
    syscall
    ret
END set_thread_pointer
