/* SPDX-License-Identifier: LGPL-2.1-or-later
   Leaving one user thread for another. user/parlib/machine.py documents each function; the protocol of leaving vcore context
   is: registers loaded, notif_disabled := 0, full fence, look at notif_pending.

   From the moment that notif_disabled is 0 the kernel may interrupt, and what it saves then is the thread: so all that is
   still needed lies on the thread's own stack, or in registers that a call spoils. */

#include "asm.inc"

#define VCPD_NOTIF_DISABLED 4
#define VCPD_NOTIF_PENDING  8
#define FP_AREA             320
#define RESUME_CALL         -1          /* as a count: resume the context at a0 (trap.py) */

/* Of kern/abi/syscall.py's Syscall. */
#define CALL_FLAGS          16
#define CALL_FOR_THREAD     36          /* UEVENT | UTHREAD */

.text
/* \op what a call preserves but ra, which is spoilt on return from the call at which a thread is left. No floating-point register is among
   these (compiler/backend/target.py). */
.macro KEPT op, ctx
    \op s0, CTX_S0(\ctx)
    \op s1, CTX_S1(\ctx)
    \op s2, CTX_S2(\ctx)
    \op s3, CTX_S3(\ctx)
    \op s4, CTX_S4(\ctx)
    \op s5, CTX_S5(\ctx)
    \op s6, CTX_S6(\ctx)
    \op s7, CTX_S7(\ctx)
    \op s8, CTX_S8(\ctx)
    \op s9, CTX_S9(\ctx)
    \op s10, CTX_S10(\ctx)
    \op s11, CTX_S11(\ctx)
    \op sp, CTX_SP(\ctx)
    \op ra, CTX_PC(\ctx)
.endm

/* Save a software context into \ctx. Not the thread pointer, which a thread's context has from its beginning, and not the rounding
   mode, which is the same in all threads: nothing in the language changes it. */
.macro SAVE_SOFTWARE ctx
    KEPT sd, \ctx
.endm

/* Load the software context at \ctx, where it goes on in ra. */
.macro LOAD_SOFTWARE ctx
    ld tp, CTX_TP(\ctx)
    KEPT ld, \ctx
.endm

/* Notifications on, and into the thread at ra; \vcpd is an argument register. */
.macro ENTER_SOFTWARE vcpd
    addi t1, \vcpd, VCPD_NOTIF_DISABLED
    amoswap.w.aqrl zero, zero, (t1)
    fence rw, rw
    lw t1, VCPD_NOTIF_PENDING(\vcpd)
    bnez t1, late_notification
    ret
.endm

/* switch_out(ctx, stack_top, tp, landing, arg) */
FUNCTION switch_out
    SAVE_SOFTWARE a0
    mv sp, a1
    NO_CALLER
    mv tp, a2
    mv a0, a4
    li s0, 0
    li ra, 0
    jr a3
END switch_out

/* switch_in(ctx, vcpd) */
FUNCTION switch_in
    LOAD_SOFTWARE a0
    ENTER_SOFTWARE a1
END switch_in

/* switch_direct(from, to, vcpd, lock) */
FUNCTION switch_direct
    SAVE_SOFTWARE a0
    LOAD_SOFTWARE a1
    amoswap.w.rl zero, zero, (a3)       /* from here on others may run the thread that we left */
    ENTER_SOFTWARE a2
END switch_direct

/* switch_on_call(from, to, vcpd, call) */
FUNCTION switch_on_call
    SAVE_SOFTWARE a0
    LOAD_SOFTWARE a1
    addi t0, a3, CALL_FLAGS
    li t1, CALL_FOR_THREAD
1:  lr.w.aq t2, (t0)
    bnez t2, call_is_not_plain
    sc.w.rl t2, t1, (t0)                /* from here on others may run the thread that we left */
    bnez t2, 1b
    ENTER_SOFTWARE a2
END switch_on_call

/* On the stack of the thread that is switched to, which goes on at ra; a2: vcpd, a3: the call. */
FUNCTION call_is_not_plain
    addi sp, sp, -16
    sd ra, 8(sp)
    sd a2, 0(sp)
    .cfi_def_cfa sp, 16
    .cfi_offset ra, -8
    mv a0, a3
    call call_has_flags
    ld ra, 8(sp)
    ld a2, 0(sp)
    addi sp, sp, 16
    .cfi_def_cfa sp, 0
    ENTER_SOFTWARE a2
END call_is_not_plain

/* On the stack of a thread that was resumed where it had made a call; ra: where it goes on. */
FUNCTION late_notification
    addi sp, sp, -16
    sd ra, 8(sp)
    .cfi_def_cfa sp, 16
    .cfi_offset ra, -8
    call missed_notification
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
END late_notification

/* A copy of the hardware context at a0 onto its own stack, which is ours then; a0 is the copy. vcpd stays in a1. Nobody else may
   have the original once notifications are on. */
.macro PREPARE_POP
    ld t0, CTX_SP(a0)
    ld tp, CTX_TP(a0)
    andi t0, t0, -16
    addi t0, t0, -CTX_SIZE
    li t1, 0
.Lcopy\@:
    add t2, a0, t1
    ld t3, 0(t2)
    add t2, t0, t1
    sd t3, 0(t2)
    addi t1, t1, 8
    li t2, CTX_SIZE
    bltu t1, t2, .Lcopy\@
    mv sp, t0
    NO_CALLER
    ld s0, CTX_S0(a0)
    mv a0, t0
.endm

/* No instruction of user code loads all registers and jumps: the kernel does. */
.macro FINISH_POP
    mv a0, sp
    li a1, RESUME_CALL
    ecall
    unimp
.endm

/* pop_context(ctx, vcpd) */
FUNCTION pop_context
    PREPARE_POP
    addi t1, a1, VCPD_NOTIF_DISABLED
    amoswap.w.aqrl zero, zero, (t1)
    fence rw, rw
    lw t1, VCPD_NOTIF_PENDING(a1)
    bnez t1, 1f
    FINISH_POP
    /* The thread was interrupted anywhere: its floating-point registers are live, and compiled code may use them. */
1:  addi sp, sp, -FP_AREA
    mv a0, sp
    call save_fp
    call missed_notification
    mv a0, sp
    call restore_fp
    addi sp, sp, FP_AREA
    FINISH_POP
END pop_context

/* pop_context_raw(ctx, vcpd) */
FUNCTION pop_context_raw
    PREPARE_POP
    addi t1, a1, VCPD_NOTIF_DISABLED
    amoswap.w.aqrl zero, zero, (t1)
    fence rw, rw
    FINISH_POP
END pop_context_raw

FUNCTION save_fp
    FP_REGISTERS fsd, a0
    frcsr t0
    sd t0, FP_FCSR(a0)
    ret
END save_fp

FUNCTION restore_fp
    ld t0, FP_FCSR(a0)
    fscsr t0
    FP_REGISTERS fld, a0
    ret
END restore_fp
