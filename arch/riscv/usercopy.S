/* SPDX-License-Identifier: GPL-2.0-or-later
   The only instructions of the kernel that touch user memory. Each is listed in .extable with the place to go on at when the
   page-fault handler can do nothing; only between these macros does the processor allow it (SUM). usercopy.py declares them. */

#include "asm.inc"

/* Of kern/abi/syscall.py's Syscall. */
#define CALL_RETVAL     8
#define CALL_FLAGS      16
#define DONE            1
#define UEVENT          4

/* Spoils t6. */
.macro ALLOW_USER_ACCESS
    li t6, SSTATUS_SUM
    csrs sstatus, t6
.endm

.macro END_USER_ACCESS
    li t6, SSTATUS_SUM
    csrc sstatus, t6
.endm

/* USER fixup, instruction...: the instruction may fault; then go on at fixup. */
.macro USER fixup:req, instruction:vararg
.Luser\@:
    \instruction
    .pushsection .extable, "a"
    .quad .Luser\@, \fixup
    .popsection
.endm

.text
/* copy_user(into, source, size) -> bytes not copied */
FUNCTION copy_user
    ALLOW_USER_ACCESS
    xor t0, a0, a1
    andi t0, t0, 7
    bnez t0, 5f
1:  andi t0, a0, 7
    beqz t0, 2f
    beqz a2, copy_done
    USER copy_done, lbu t1, 0(a1)
    USER copy_done, sb t1, 0(a0)
    addi a1, a1, 1
    addi a0, a0, 1
    addi a2, a2, -1
    j 1b
2:  li t5, 32
    bltu a2, t5, 4f
3:  USER copy_done, ld t0, 0(a1)
    USER copy_done, ld t1, 8(a1)
    USER copy_done, ld t2, 16(a1)
    USER copy_done, ld t3, 24(a1)
    USER copy_done, sd t0, 0(a0)
    USER copy_done, sd t1, 8(a0)
    USER copy_done, sd t2, 16(a0)
    USER copy_done, sd t3, 24(a0)
    addi a1, a1, 32
    addi a0, a0, 32
    addi a2, a2, -32
    bgeu a2, t5, 3b
4:  li t5, 8
    bltu a2, t5, 5f
    USER copy_done, ld t0, 0(a1)
    USER copy_done, sd t0, 0(a0)
    addi a1, a1, 8
    addi a0, a0, 8
    addi a2, a2, -8
    j 4b
5:  beqz a2, copy_done
    USER copy_done, lbu t1, 0(a1)
    USER copy_done, sb t1, 0(a0)
    addi a1, a1, 1
    addi a0, a0, 1
    addi a2, a2, -1
    j 5b
copy_done:
    END_USER_ACCESS
    mv a0, a2
    ret
END copy_user

/* zero_user(into, size) -> bytes not cleared */
FUNCTION zero_user
    ALLOW_USER_ACCESS
1:  andi t0, a0, 7
    beqz t0, 2f
    beqz a1, zero_done
    USER zero_done, sb zero, 0(a0)
    addi a0, a0, 1
    addi a1, a1, -1
    j 1b
2:  li t5, 8
3:  bltu a1, t5, 4f
    USER zero_done, sd zero, 0(a0)
    addi a0, a0, 8
    addi a1, a1, -8
    j 3b
4:  beqz a1, zero_done
    USER zero_done, sb zero, 0(a0)
    addi a0, a0, 1
    addi a1, a1, -1
    j 4b
zero_done:
    END_USER_ACCESS
    mv a0, a1
    ret
END zero_user

/* copy_user_string(into, source, room) -> length without NUL, room if there was none, -1 on a fault */
FUNCTION copy_user_string
    ALLOW_USER_ACCESS
    li t0, 0
1:  bgeu t0, a2, 2f
    USER string_fault, lbu t1, 0(a1)
    sb t1, 0(a0)
    beqz t1, 2f
    addi a1, a1, 1
    addi a0, a0, 1
    addi t0, t0, 1
    j 1b
2:  END_USER_ACCESS
    mv a0, t0
    ret
string_fault:
    END_USER_ACCESS
    li a0, -1
    ret
END copy_user_string

/* copy_user_call(into, source) -> 0, or 1 on a fault: number and arguments of a SyscallWords, which are 0 to 7 and 40 to 87. */
FUNCTION copy_user_call
    ALLOW_USER_ACCESS
    USER call_fault, ld t0, 0(a1)
    USER call_fault, ld t1, 40(a1)
    USER call_fault, ld t2, 48(a1)
    USER call_fault, ld t3, 56(a1)
    USER call_fault, ld t4, 64(a1)
    USER call_fault, ld t5, 72(a1)
    USER call_fault, ld a2, 80(a1)
    END_USER_ACCESS
    sd t0, 0(a0)
    sd t1, 40(a0)
    sd t2, 48(a0)
    sd t3, 56(a0)
    sd t4, 64(a0)
    sd t5, 72(a0)
    sd a2, 80(a0)
    li a0, 0
    ret
call_fault:
    END_USER_ACCESS
    li a0, 1
    ret
END copy_user_call

/* Single words, each atomic. The last argument is where a 1 goes when the word is not there; the result is then 0.
   Loads and stores are sequentially consistent, as the language's are. */
.macro WORD fault
    mv t5, \fault
    ALLOW_USER_ACCESS
.endm

FUNCTION load_user_u32
    WORD a1
    fence rw, rw
    USER word_fault, lw a0, 0(a0)
    fence r, rw
    END_USER_ACCESS
    ret
END load_user_u32

FUNCTION load_user_u64
    WORD a1
    fence rw, rw
    USER word_fault, ld a0, 0(a0)
    fence r, rw
    END_USER_ACCESS
    ret
END load_user_u64

FUNCTION store_user_u32
    WORD a2
    fence rw, w
    USER word_fault, sw a1, 0(a0)
    fence rw, rw
    END_USER_ACCESS
    ret
END store_user_u32

FUNCTION store_user_u64
    WORD a2
    fence rw, w
    USER word_fault, sd a1, 0(a0)
    fence rw, rw
    END_USER_ACCESS
    ret
END store_user_u64

.macro ATOMIC name, instruction
FUNCTION \name
    WORD a2
    USER word_fault, \instruction a0, a1, (a0)
    END_USER_ACCESS
    ret
END \name
.endm
ATOMIC swap_user_u64, amoswap.d.aqrl
ATOMIC add_user_u32, amoadd.w.aqrl
ATOMIC add_user_u64, amoadd.d.aqrl
ATOMIC or_user_u32, amoor.w.aqrl
ATOMIC and_user_u32, amoand.w.aqrl

/* The store fails only when somebody else came between, who may be the process itself: a bounded number of times. 64 count as a fault. */
.macro COMPARE_AND_SWAP name, load, store
FUNCTION \name
    WORD a3
    li t4, 64
1:  USER word_fault, \load t0, (a0)
    bne t0, a1, 2f
    USER word_fault, \store t1, a2, (a0)
    beqz t1, 2f
    addi t4, t4, -1
    bnez t4, 1b
    j word_fault
2:  END_USER_ACCESS
    mv a0, t0
    ret
END \name
.endm

FUNCTION cas_user_u32
    sext.w a1, a1
    j cas_word
END cas_user_u32
COMPARE_AND_SWAP cas_word, lr.w.aqrl, sc.w.rl
COMPARE_AND_SWAP cas_user_u64, lr.d.aqrl, sc.d.rl

/* publish_user(call, value) -> old flags, or -1 on a fault: store the result of a Syscall, then set DONE unless UEVENT is set. 64 failed
   stores count as a fault. */
FUNCTION publish_user
    ALLOW_USER_ACCESS
    USER publish_fault, sd a1, CALL_RETVAL(a0)
    addi a2, a0, CALL_FLAGS
    li a3, 64
1:  USER publish_fault, lr.w.aqrl a0, (a2)
    andi a4, a0, UEVENT
    bnez a4, 2f
    ori a4, a0, DONE
    USER publish_fault, sc.w.rl a4, a4, (a2)
    bnez a4, 3f
2:  END_USER_ACCESS
    ret
3:  addi a3, a3, -1
    bnez a3, 1b
publish_fault:
    END_USER_ACCESS
    li a0, -1
    ret
END publish_user

word_fault:
    END_USER_ACCESS
    li t0, 1
    sw t0, 0(t5)
    li a0, 0
    ret
