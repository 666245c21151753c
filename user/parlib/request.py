# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asking for vcores, and for fewer. What is wanted stands in memory that the kernel reads; it is poked when there is more to give.

Requests only raise the number; `want_one_less` lowers it when a vcore leaves. Any context; no locks.
"""

from lang import RELAXED, Atomic, noinline, u32, u64
from kern.abi.proc import Resource
from kern.abi.syscall import Syscall
from parlib.control import control
from parlib.poke import Poke
from parlib.vcore import is_mcp, max_vcores, num_vcores, proc_data, wait_spinning
from syscalls import submit_poke_ksched

kernel_poke = Poke()
pokes_made: u64 = 0                         # calls of poke_kernel: one at a time


def vcore_request_total(total: u32) -> None:
    """Ask for `total` vcores in all, if fewer were asked for: as many as there can be at most, and as the program wants. They come, or
    not, whenever the kernel has them."""
    wanted = min(total, control.vcore_limit)
    if wanted_cores().load(order=RELAXED) < u64(wanted) and not control.never_vc_request:
        raise_wanted(wanted)


def vcore_request_more(count: u32) -> None:
    """Ask for so many more than there are now."""
    vcore_request_total(num_vcores() + min(count, control.vcore_limit))


def vcore_request_exactly(total: u32) -> None:
    """The program itself says how many it wants, whatever its 2LS thinks; see Control.never_vc_request."""
    wanted_cores().store(u64(min(max(total, u32(1)), max_vcores())))
    kernel_poke.poke(poke_kernel)


@noinline
def raise_wanted(wanted: u32) -> None:
    amount = wanted_cores()
    while True:
        before = amount.load(order=RELAXED)
        if before >= u64(wanted):
            return
        if amount.cas(before, u64(wanted)):
            if is_mcp():
                kernel_poke.poke(poke_kernel)  # of several at once one makes the call, again if need be
            return


def wanted_cores() -> Atomic[u64]:
    return proc_data().res_req[u32(Resource.CORES)].amt_wanted


def poke_kernel() -> None:
    global pokes_made
    pokes_made += 1
    call = Syscall()
    submit_poke_ksched(call, 0, Resource.CORES)
    wait_spinning(call)


def want_one_less() -> None:
    """Before giving a core back: otherwise the kernel takes us to have changed our mind."""
    amount = wanted_cores()
    while True:
        before = amount.load(order=RELAXED)
        # More may be wanted than we ever got; what counts is to want less than we have.
        less = min(before, u64(num_vcores()))
        if before == 0 or amount.cas(before, less - 1 if less > 0 else u64(0)):
            return
