# SPDX-License-Identifier: LGPL-2.1-or-later
"""Thread-local blocks: copies of the program's TLS template, one for each uthread and each vcore.

The architecture says how a block lies around the thread pointer (arch.user_abi). Variables of a block that is not the caller's are
reached by their distance from the thread pointer, which is the same in every block.
"""

from typing import TypeVar

from lang import Ptr, Span, addr_of, array, at, extern_symbol, inline, memcpy, memset, sizeof, thread_pointer, u8, u64
from arch import user_abi
from parlib.current import Current, me
from parlib.machine import set_thread_pointer
from parlib.uthread import thread0
from parlib.vcore import vcores
from kern.abi.proc import PROCDATA_ADDR, ProcData
from rt.memory import allocate, release

T = TypeVar("T")

tls_start = extern_symbol("tls_start")
tls_data_end = extern_symbol("tls_data_end")
tls_image_size = extern_symbol("tls_size")  # absolute symbol: its address is the size
BLOCK_ALIGN: u64 = 64
THREAD0_ROOM: u64 = 4096

thread0_block = array(4096, u8)


def tls_block_size() -> u64:
    """Bytes that a block needs, from an address aligned to BLOCK_ALIGN."""
    return (addr_of(tls_image_size) + user_abi.CONTROL_SIZE + BLOCK_ALIGN - 1) // BLOCK_ALIGN * BLOCK_ALIGN


@inline
def init_tls_block(block: u64) -> u64:
    """Make the memory at `block` a fresh thread-local block; its thread pointer."""
    size = addr_of(tls_image_size)
    start = user_abi.image_start(block, size)
    given = addr_of(tls_data_end) - addr_of(tls_start)
    if given > 0:
        memcpy(Span[u8](start, given), Span[u8](addr_of(tls_start), given))
    if size > sizeof(Current):
        memset(Span[u8](start + given, size - given), 0)
    else:                                   # a program without thread-local variables of its own
        words = Ptr[u64](start)
        words[0], words[1], words[2] = 0, 0, 0
    return user_abi.finish_block(block, size)


def allocate_tls() -> u64:
    """A fresh block of its own; its thread pointer. Raises ENOMEM."""
    return init_tls_block(allocate(tls_block_size(), BLOCK_ALIGN))


def reinit_tls(tp: u64) -> None:
    """Make a block, which nobody runs with, as it was when it was fresh."""
    init_tls_block(user_abi.block_of(tp, addr_of(tls_image_size)))


def free_tls(tp: u64) -> None:
    release(user_abi.block_of(tp, addr_of(tls_image_size)))


def tls_var(mine: T, tp: u64) -> T:
    """What a thread-local object of the caller's, `variable.mine`, is in another block: of a thread, or of a vcore, by thread pointer.
    The caller sees to it that the block stays."""
    return at(T, tp + (addr_of(mine) - thread_pointer()))


def current_of(tp: u64) -> Current:
    """The `me` of another block."""
    return tls_var(me.mine, tp)


def init_thread0_tls() -> None:
    """First thing in a process: thread 0 gets its block, and is the running uthread of vcore 0."""
    start = (addr_of(thread0_block) + BLOCK_ALIGN - 1) // BLOCK_ALIGN * BLOCK_ALIGN
    tp = init_tls_block(start)
    set_thread_pointer(tp)
    vcore = vcores[0]
    vcore.vcpd = addr_of(at(ProcData, PROCDATA_ADDR).vcores[0])
    vcore.current = thread0
    me.mine.uthread = addr_of(thread0)
    me.mine.vcore = addr_of(vcore)
    me.mine.error = addr_of(thread0.error)
    thread0.vars = addr_of(me.mine)
    thread0.tp = tp
    user_abi.start_context(thread0.ctx, 0, tp)
