# SPDX-License-Identifier: LGPL-2.1-or-later
"""What parlib asks of the processor: traps, thread pointers, switching contexts. Bodies stand in arch/<arch>/user_*.S.

Contexts are `arch.abi.UserContext`, by address. A *software* context is what a function call preserves, and the thread pointer, which
is filled in once (user_abi.start_context); a *hardware* context is everything but the extended registers. `vcpd` is the address of
the vcore's VcorePreemptData: `notif_disabled` at 4, `notif_pending` at 8.

Assembly also defines entry points that only have addresses here: `vcore_start` (a fresh vcore context: vcore id as first argument;
aligns the stack, ends the frame chain, calls the exported `vcore_entry(vcoreid)`) and `uthread_start` (a fresh uthread: aligns the stack,
ends the frame chain, calls the exported `uthread_main()`);
`signal_start` does the same with `signal_main()`; and where `syscall_trap` comes back from the kernel, `syscall_return`.
And it calls the exported `missed_notification()` and `call_has_flags(call)`.
"""

from typing import NoReturn

from lang import extern, extern_symbol, u64

vcore_start = extern_symbol("vcore_start")
uthread_start = extern_symbol("uthread_start")
signal_start = extern_symbol("signal_start")
syscall_return = extern_symbol("syscall_return")


@extern
def syscall_trap(call: u64, count: u64) -> u64:
    """Submit `count` Syscall structures, one after the other from address `call`. May return before they are done."""
    ...


@extern
def syscall_interrupt(call: u64, count: u64) -> u64:
    """The same by the other entry of processors that have two. Slower; where it interrupts its caller, that leaves a hardware context."""
    ...


@extern
def set_thread_pointer(tp: u64) -> None:
    """Make `tp` the thread pointer; what is thread-local changes at once."""
    ...


@extern
def switch_out(ctx: u64, stack_top: u64, tp: u64, landing: u64, arg: u64) -> None:
    """Save a software context into `ctx`, then, on the stack `stack_top` (aligned to 16) and with thread pointer `tp`, call
    `landing(arg)`, which never returns. Returns when `ctx` is resumed."""
    ...


@extern
def switch_in(ctx: u64, vcpd: u64) -> NoReturn:
    """Leave vcore context for the software context `ctx`: load it (thread pointer first), notif_disabled := 0, full fence, and if
    notif_pending is set then, on the thread's own stack, call `missed_notification()`; return into the thread."""
    ...


@extern
def switch_direct(from_ctx: u64, to_ctx: u64, vcpd: u64, lock: u64) -> None:
    """From one uthread to another without going through vcore context; notifications are disabled. Saves a software context, loads
    the other's, then clears the u32 at `lock` (what keeps others from running the first one before it is saved) and goes on like
    `switch_in`. Returns when `from_ctx` is resumed."""
    ...


@extern
def switch_on_call(from_ctx: u64, to_ctx: u64, vcpd: u64, call: u64) -> None:
    """`switch_direct` of a thread that waits for the Syscall at `call`, whose `ev_q` and `u_data` are filled in. There is no lock: once the
    thread is saved UEVENT and UTHREAD are set, if the call's flags are 0 still. If they are not, it calls `call_has_flags(call)` on the
    other thread's stack, notifications still disabled, and only then goes on."""
    ...


@extern
def pop_context(ctx: u64, vcpd: u64) -> NoReturn:
    """The same for a hardware context: all registers, as they were. What is still needed after notif_disabled := 0 lies below the
    red zone of the thread's own stack, since an interruption right then saves that very point as the thread's context."""
    ...


@extern
def pop_context_raw(ctx: u64, vcpd: u64) -> NoReturn:
    """`pop_context` without looking at notif_pending afterwards."""
    ...


@extern
def jump_to_stack(stack_top: u64, function: u64, arg: u64) -> NoReturn:
    """Call `function(arg)`, which never returns, at the top of another stack; what was on it is gone."""
    ...


@extern
def save_fp(area: u64) -> None:
    """Save the extended registers to an FpState."""
    ...


@extern
def restore_fp(area: u64) -> None: ...
