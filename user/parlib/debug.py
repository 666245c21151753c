# SPDX-License-Identifier: LGPL-2.1-or-later
"""EV_FREE_APPLE_PIE (`notify PID 9`): the process prints, on its standard error, where its vcores and threads stand, and goes on.

Runs in vcore context, and takes no locks: what it prints may be changing under it.
"""

from lang import u32
from kern.abi.event import EventFlag, EventMsg, EventQueue, EventType
from parlib import sched
from parlib.event import register_handler, want_kernel_event
from parlib.uthread import EXITED, RUNNING, Uthread, thread0
from parlib.vcore import Vcore, is_mcp, max_vcores, num_vcores, proc_info, vcores
from rt.io import STDERR, print_to

CAN_RCV_MSG: u32 = 4                        # VcoreFlag
PREEMPTED: u32 = 2                          # VcoreFlag

apple_pie_queue = EventQueue()


def init_diagnosis() -> None:
    """Ask for the event. At the start of the process."""
    register_handler(EventType.FREE_APPLE_PIE, handle_apple_pie)
    apple_pie_queue.flags = u32(EventFlag.SPAM_PUBLIC | EventFlag.IPI | EventFlag.WAKEUP)
    want_kernel_event(EventType.FREE_APPLE_PIE, apple_pie_queue)


def handle_apple_pie(vcore: Vcore, msg: EventMsg) -> None:
    info = proc_info()
    if is_mcp():
        print_to(STDERR, f"process {info.pid}: {num_vcores()} of {max_vcores()} vcores, asked on vcore {vcore.id}\n")
    else:
        print_to(STDERR, f"process {info.pid}: single-core\n")
    for id in range(max_vcores()):
        if vcores[id].prepared:
            describe_vcore(vcores[id])
    describe_thread(thread0)
    sched.current.describe()


def describe_vcore(vcore: Vcore) -> None:
    data = vcore.data
    flags = data.flags.load()
    print_to(STDERR, f"  vcore {vcore.id}: ")
    if vcore.map.valid != 0:
        print_to(STDERR, f"on core {vcore.map.pcoreid}")
    else:
        print_to(STDERR, f"{'preempted' if flags & PREEMPTED != 0 else 'has no core'}")
    uthread = vcore.current
    if uthread is not None:
        print_to(STDERR, f", runs thread {uthread.id}")
    print_to(STDERR, f", listens {flags & CAN_RCV_MSG != 0}, pending {data.notif_pending.load()}, entered {vcore.entries} times\n")


def describe_thread(uthread: Uthread) -> None:
    """For schedulers' `describe`: one line. Where it stands is where it was saved last."""
    print_to(STDERR, f"  thread {uthread.id}: ")
    call = uthread.sysc
    if uthread.saved == RUNNING:
        print_to(STDERR, "runs\n")
    elif uthread.join.load() == EXITED:
        print_to(STDERR, "has ended\n")
    elif call is not None:
        print_to(STDERR, f"blocked in system call {call.num}, at {uthread.ctx.pc:#x}\n")
    else:
        print_to(STDERR, f"ready or waiting, at {uthread.ctx.pc:#x}\n")
