# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: as much of a process as calls that wait need. It is gone with the last reference, and so are its notes."""

from lang import Atomic, i32, struct, u64
from kern.syscall.parked import ParkedCalls, free_notes


@struct
class Proc:
    pid: i32
    parked: ParkedCalls
    gives_calls_up: Atomic[bool]
    refs: Atomic[u64]


def proc_get(p: Proc) -> None:
    assert p.refs.add(1) > 0, "a reference to a process that is gone"


def proc_put(p: Proc) -> None:
    before = p.refs.sub(1)
    assert before > 0, "a process goes twice"
    if before == 1:
        free_notes(p)
