# SPDX-License-Identifier: LGPL-2.1-or-later
"""Making a process fit for vcore context at its start, and turning it into a many-core process later.

Everything that vcore context touches is mapped and filled in here, for all max_vcores before the first of them may start. All of it is
present before the process becomes a many-core one; before, vcore 0's stack comes by demand, as the thread's does.
"""

from lang import Span, Uaddr, addr_of, at, memset, u8, u32, u64
from kern.abi.event import EventMsg, EventType
from kern.abi.proc import VCORE0_ADDR, Resource
from kern.abi.syscall import Syscall
from parlib import sched
from parlib.alarm import forget_alarms
from parlib.blockon import set_parlib_ready
from parlib.completion import complete, is_completion
from parlib.debug import init_diagnosis
from parlib.control import limit_vcores
from parlib.finished import listen_for_finished_calls
from parlib.event import handle_indirection, init_ucq_mailbox, register_handler
from parlib.machine import vcore_start
from parlib.pages import PAGE_SIZE, make_present, map_at, map_guarded
from parlib.preempt import init_preemption
from parlib.sched import Scheduler
from parlib.signal_delivery import forget_signals, init_signals
from parlib.thread0 import call_done_somewhere, init_thread0_queue
from parlib.tls import current_of, init_tls_block, tls_block_size
from parlib.uthread import Uthread, forget_others
from parlib.vcore import STACK_SIZE, Vcore, max_vcores, proc_data, proc_info, vcores
from syscalls import sys_change_to_m
from lang import pause

K_LOCK: u32 = 1
CAN_RCV_MSG: u32 = 4
NOT_READY: u32 = 16                         # VcoreFlag.SCP_NOVCCTX
VCORE0_PAGES: u64 = 16                      # as many pages have room at VCORE0_ADDR, with nothing below and above
MAILBOX_PAGES: u64 = 4                      # two for each of a vcore's mailboxes


def init_parlib() -> None:
    """Called once, by thread 0, before main. Ends the process if there is no memory for it."""
    limit_vcores(max_vcores())
    prepare_vcore(0, map_vcore0())
    register_handler(EventType.EVENT, handle_indirection)
    register_handler(EventType.SYSCALL, handle_call_done)
    listen_for_finished_calls()
    init_diagnosis()
    init_thread0_queue()
    init_signals()
    flags = vcores[0].data.flags
    flags.or_(CAN_RCV_MSG)
    # No system call between these two: one blocks the whole process, the other its thread.
    while True:
        before = flags.load()
        if before & K_LOCK != 0:
            pause()
        elif flags.cas(before, before & ~NOT_READY):
            break
    set_parlib_ready()


def map_vcore0() -> u64:
    """Memory for vcore 0. Its mailboxes are there at once, since an event must not be lost for want of memory; the pages of its stack
    come by demand: most processes never touch most of them. Raises ENOMEM."""
    if vcore_pages() > VCORE0_PAGES:
        return map_guarded(vcore_pages())
    memory = map_at(VCORE0_ADDR, vcore_pages())
    make_present(memory + (vcore_pages() - MAILBOX_PAGES) * PAGE_SIZE, MAILBOX_PAGES)
    return memory


def prepare_stack() -> None:
    """Have all pages of vcore 0's stack. Raises ENOMEM."""
    make_present(vcores[0].memory, vcore_pages())


def vcore_pages() -> u64:
    """Of a vcore: stack and thread-local block, and above them the mailboxes."""
    return (STACK_SIZE + tls_block_size() + PAGE_SIZE - 1) // PAGE_SIZE + MAILBOX_PAGES


def prepare_vcore(vcoreid: u32, memory: u64) -> None:
    """Stack, thread-local block and mailboxes of a vcore, in zeroed memory below which nothing is mapped."""
    mailboxes = memory + (vcore_pages() - MAILBOX_PAGES) * PAGE_SIZE
    stack_top = mailboxes - tls_block_size()
    tp = init_tls_block(stack_top)
    vcore = vcores[vcoreid]
    vcore.memory = memory
    vcore.id = vcoreid
    vcore.vcpd = addr_of(proc_data().vcores[vcoreid])
    vcore.mapping = addr_of(proc_info().vcoremap[vcoreid])
    vcore.stack_top = stack_top
    vcore.tp = tp
    current = current_of(tp)
    current.uthread = 0
    current.vcore = addr_of(vcore)
    current.error = addr_of(vcore.error)
    data = vcore.data
    init_ucq_mailbox(data.public_mbox, mailboxes)
    init_ucq_mailbox(data.private_mbox, mailboxes + 2 * PAGE_SIZE)
    data.vcore_stack = Uaddr(stack_top)
    data.vcore_tls = Uaddr(tp)
    data.vcore_entry = Uaddr(addr_of(vcore_start))
    vcore.prepared = True


def start_anew() -> None:
    """In the copy that a fork made, first of all, with notifications disabled: the calling thread is the only one, and what was in vcore
    0's mailboxes, or on its way into them, was for the original. So were alarms and signals. Raises ENOMEM."""
    data = vcores[0].data
    mailboxes = vcores[0].memory + (vcore_pages() - MAILBOX_PAGES) * PAGE_SIZE
    memset(Span[u8](mailboxes, MAILBOX_PAGES * PAGE_SIZE), 0)
    init_ucq_mailbox(data.public_mbox, mailboxes)
    init_ucq_mailbox(data.private_mbox, mailboxes + 2 * PAGE_SIZE)
    forget_alarms()
    forget_signals()
    forget_others()


def become_mcp(scheduler: Scheduler) -> None:
    """Turn the process into an MCP under `scheduler`. The caller is thread 0; it goes on as a uthread of that scheduler.

    Raises ENOMEM if not all vcores can be prepared; the process is an SCP still, then.
    """
    prepare_stack()
    for vcoreid in range(max_vcores()):
        if not vcores[vcoreid].prepared:
            prepare_vcore(vcoreid, map_guarded(vcore_pages()))
    init_preemption()
    proc_data().res_req[u32(Resource.CORES)].amt_wanted.store(1)
    sched.use_scheduler(scheduler)
    sys_change_to_m()


def handle_call_done(vcore: Vcore, msg: EventMsg) -> None:
    """EV_SYSCALL. The call, at arg3, carries its uthread, which may free it as soon as it runs."""
    if msg.arg3 == 0:
        call_done_somewhere()
        return
    address = at(Syscall, msg.arg3).u_data
    if address == 0:
        call_done_somewhere()
    elif is_completion(address):
        complete(vcore, address)
    else:
        sched.current.runnable(at(Uthread, address))
