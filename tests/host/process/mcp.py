# SPDX-License-Identifier: GPL-2.0-or-later
"""A many-core process for scenarios of the explorer: it lies at its fixed addresses, and its vcores run on the cores of the same number."""

from lang import Array, Ref, addr_of, array, at, new, struct, u8, u32, u64
from arch.abi import UserContext
from kern.abi.event import MailboxKind
from kern.abi.proc import PROCDATA_ADDR, PROCINFO_ADDR, ProcData, ProcInfo, ProcState, VcoreFlag
from kern.core.percore import core
from kern.proc.proc import Proc, Vcore
from parlib import vcore as user
from parlib.current import me
from parlib.ucq import ucq_init

PAGE: u64 = 4096
VCORES: u64 = 3


@struct
class Room:
    bytes: Array[u8] = array(53248)  # of message queues: two pages for each of six, and what aligns them


@struct
class Process:
    """A many-core process of three vcores, of which the first ones run: vcore 0 on core 0, vcore 1 on core 1, vcore 2 on core 2."""

    p: Ref[Proc] | None
    contexts: Array[UserContext] = array(VCORES)
    room: Room

    @property
    def proc(self) -> Proc:
        p = self.p
        assert p is not None
        return p

    def begin(self, running: u32) -> None:
        p = new(Proc, info=at(ProcInfo, PROCINFO_ADDR), data=at(ProcData, PROCDATA_ADDR), vcores=new(array(VCORES, Vcore)))
        self.p = p
        p.is_mcp = True
        p.info.is_mcp = 1
        p.max_vcores = u32(VCORES)
        p.info.max_vcores = u32(VCORES)
        p.state_bits.store(u32(ProcState.RUNNING_M))
        pages = (addr_of(self.room) + PAGE - 1) // PAGE * PAGE
        for v in range(u32(VCORES)):
            p.vcores[v].id = v
            data = p.vcpd(v)
            for mailbox in (data.public_mbox, data.private_mbox):
                mailbox.kind = u32(MailboxKind.UCQ)
                ucq_init(mailbox.ucq, pages, pages + PAGE)
                pages += 2 * PAGE
            data.notif_disabled.store(1)
            theirs = user.vcores[v]
            theirs.id = v
            theirs.vcpd = addr_of(data)
            theirs.mapping = addr_of(p.info.vcoremap[v])
            if v < running:
                self.start(v)
            else:
                p.inactive.push_back(p.vcores[v])
        p.num_vcores = running
        p.info.num_vcores = running
        p.data.res_req[0].amt_wanted.store(u64(running))

    def start(self, v: u32) -> None:
        self.proc.vcpd(v).flags.store(u32(VcoreFlag.CAN_RCV_MSG))
        self.map(v, v)
        mine = core[v]
        mine.owning_proc = self.proc
        mine.owning_vcoreid = v
        mine.cur_ctx = self.contexts[v]

    def map(self, v: u32, pcore: u32) -> None:
        p = self.proc
        p.online.push_back(p.vcores[v])
        p.info.vcoremap[v].pcoreid = pcore
        p.info.vcoremap[v].valid = 1
        p.info.pcoremap[pcore].vcoreid = v
        p.info.pcoremap[pcore].valid = 1


def enter_vcore(v: u32) -> user.Vcore:
    """The calling thread is vcore v in vcore context."""
    vcore = user.vcores[v]
    me.mine.uthread = 0
    me.mine.vcore = addr_of(vcore)
    return vcore
