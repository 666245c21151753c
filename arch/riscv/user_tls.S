/* SPDX-License-Identifier: LGPL-2.1-or-later
   The thread pointer is a register like others. */

#include "asm.inc"

.text
/* set_thread_pointer(tp) */
FUNCTION set_thread_pointer
    mv tp, a0
    ret
END set_thread_pointer
