# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a process is its address space."""

from lang import Atomic, i32, struct, u64
from arch.mmu import AddressSpace


@struct
class Proc:
    pid: i32
    is_mcp: bool
    space: AddressSpace
    refs: Atomic[u64]


def proc_get(p: Proc) -> None:
    p.refs.add(1)


def proc_put(p: Proc) -> None:
    p.refs.sub(1)
