# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: change_vcore is the step of the kernel that counts. Nothing else is asked for."""

from lang import Error, Uaddr, i32, u32, u64
from kern.abi.errno import Errno
from kern.abi.proc import Resource
from kern.abi.syscall import Syscall
from kern.core.percore import core
from kern.proc.change_vcore import try_change


def submit_change_vcore(call: Syscall, vcoreid: u32, enable_my_notif: bool) -> None:
    """If the vcore goes, this does not return: the error ends what the thread of the host does as this vcore. The same if its core is being
    taken, but not before it has been told so: it has been resumed, and has asked again."""
    p = core.mine.owning_proc
    assert p is not None
    me = core.mine.owning_vcoreid
    call.flags.store(u32(1))
    if try_change(p, me, vcoreid, core.mine.core_id, enable_my_notif):
        raise Error(Errno.ESRCH, "the vcore has left its core")
    if p.has_preempt_in_flight(me):
        if core.mine.refused:
            raise Error(Errno.ESRCH, "the vcore was taken")
        core.mine.refused = True
        call.err = u32(Errno.EAGAIN)
    else:
        call.err = u32(Errno.EBUSY)


def refuse(call: Syscall) -> None:
    call.err = u32(Errno.EINVAL)
    call.flags.store(u32(1))


def submit_vc_entry(call: Syscall) -> None:
    refuse(call)


def submit_poke_ksched(call: Syscall, pid: i32, kind: Resource) -> None:
    refuse(call)


def submit_self_notify(call: Syscall, vcoreid: u32, ev_type: u32, msg: Uaddr, private: bool) -> None:
    refuse(call)


def submit_munmap(call: Syscall, address: Uaddr, length: u64) -> None:
    refuse(call)
