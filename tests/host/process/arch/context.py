# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: contexts are kept and never run; what is in a fresh one tells it from others."""

from lang import Uaddr, assign, u32, u64
from arch.abi import FpState, UserContext

FRESH: u64 = 0xF4E5_0000  # pc of vcore context, with the vcore's id


def init_vcore_context(ctx: UserContext, entry: Uaddr, stack: Uaddr, tls: Uaddr, vcoreid: u32) -> None:
    ctx.rip = FRESH + u64(vcoreid)


def sanitise(ctx: UserContext) -> None:
    pass


def save_fp(area: FpState) -> None:
    pass


def restore_fp(area: FpState) -> None:
    pass


def init_fp() -> None:
    pass


def keep(into: UserContext, ctx: UserContext) -> None:
    assign(into, ctx)


def divert_call(ctx: UserContext, usual: Uaddr, instead: Uaddr) -> bool:
    """No context is in a call."""
    return False
