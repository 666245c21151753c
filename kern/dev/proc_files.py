# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of /proc/N that tell about process N (proc_ctl.py has the one that takes commands).

status   a line `name: value` for each fact
vcores   the ids on each of the three lists of vcores, one line a list; then a line for each vcore that ever ran: its core, whether
         it is mapped, preemptions sent and done, milliseconds that it ran
fd       a line for each descriptor: number, mode, path
blocked  a line for each system call that sleeps: address of its structure, and what was asked for
maps     a line for each mapping: its addresses, rights, `p`rivate or `s`hared, `l`ocked, `memory` or where in a file
Locks: `p.lock` while lists are copied; nothing is printed under it.
"""

from typing import Literal

from lang import Array, array, cycle_counter, struct, text, u32, u64
from arch import timer
from kern.abi.file import MAX_FDS, OpenMode
from kern.abi.proc import MAX_VCORES
from kern.core.current import switch_back, switch_to
from kern.dev.proc_dev import ProcFile, proc_files
from kern.lib.list import IntrusiveList
from kern.mm.regions import MAX_REGIONS
from kern.mm.vmr import LONGEST_REGION, print_regions
from kern.ns.chan import chan_put
from kern.ns.fd import FdView, view_fd
from kern.ns.text_file import Page
from kern.proc.proc import Proc, Vcore
from kern.sync.kthread import BlockedCall, copy_blocked
from kern.syscall.parked import copy_parked
from kern.time.clock import NS_PER_MS, now_ns
from syscalls import print_call


@proc_files
class Status(ProcFile):
    name: str = "status"

    def show(self, p: Proc, out: Page) -> None:
        out.print(f"name: {p.name}\npid: {p.pid}\nppid: {p.ppid}\nstate: {p.state}\n")
        out.print(f"kind: {'MCP' if p.is_mcp else 'SCP'}\nvcores: {p.info.num_vcores}\nmax_vcores: {p.max_vcores}\n")
        out.print(f"cpu_ms: {cpu_ms(p)}\nage_ms: {(now_ns() - p.start_ns) // NS_PER_MS}\n")
        out.print(f"mapped_kb: {p.vm.mapped_bytes // 1024}\npage_faults: {p.vm.faults}\nexit_code: {p.exit_code}\n")
        out.print(f"preemptions: {preemptions(p)}\nuser: {p.user}\numask: {p.umask:04o}\nprogram: {p.program}\n")
        path = text(1024)
        with p.cwd_lock:
            path.append(p.cwd.view)
        out.print(f"cwd: {path}\n")


def preemptions(p: Proc) -> u64:
    """How often a core was taken from it."""
    return sum(p.info.vcoremap[v].nr_preempts_sent.load() for v in range(p.max_vcores))


def cpu_ms(p: Proc) -> u64:
    """Time on cores so far, over all vcores."""
    cycles = sum(vcore_cycles(p, v) for v in range(p.max_vcores))
    return timer.cycles_to_ns(cycles) // NS_PER_MS


def vcore_cycles(p: Proc, vcoreid: u32) -> u64:
    entry = p.info.vcoremap[vcoreid]
    started = entry.resume_ticks
    now = cycle_counter()
    # It may have been started again since, on a core whose counter is a little ahead.
    running = now - started if entry.valid != 0 and now > started else 0
    return entry.total_ticks + running


@struct
class IdList:
    """What was on a list of vcores."""

    count: u32
    ids: Array[u32] = array(MAX_VCORES)


def copy_ids(vcores: IntrusiveList[Vcore, Literal["link"]], into: IdList) -> None:
    """Caller holds: the process' `lock`."""
    vc = vcores.first()
    while vc is not None:
        into.ids[into.count] = vc.id
        into.count += 1
        vc = vcores.after(vc)


@proc_files
class Vcores(ProcFile):
    name: str = "vcores"
    room: u64 = 32768

    def show(self, p: Proc, out: Page) -> None:
        online = IdList()
        bulk = IdList()
        inactive = IdList()
        with p.lock:
            copy_ids(p.online, online)
            copy_ids(p.bulk_preempted, bulk)
            copy_ids(p.inactive, inactive)
        put_ids(out, "online", online)
        put_ids(out, "bulk_preempted", bulk)
        put_ids(out, "inactive", inactive)
        for v in range(p.max_vcores):
            entry = p.info.vcoremap[v]
            if entry.resume_ticks != 0:
                out.print(f"{v} core {entry.pcoreid} {'mapped' if entry.valid != 0 else 'unmapped'} ")
                out.print(f"preempts {entry.nr_preempts_sent.load()}/{entry.nr_preempts_done.load()} ")
                out.print(f"cpu_ms {timer.cycles_to_ns(vcore_cycles(p, v)) // NS_PER_MS}\n")


def put_ids(out: Page, label: str, list: IdList) -> None:
    out.print(f"{label}:")
    for id in list.ids[: list.count]:
        out.print(f" {id}")
    out.put("\n")


@proc_files
class Maps(ProcFile):
    name: str = "maps"
    room: u64 = MAX_REGIONS * LONGEST_REGION

    def show(self, p: Proc, out: Page) -> None:
        print_regions(p, out)


@proc_files
class Descriptors(ProcFile):
    name: str = "fd"
    room: u64 = 65536

    def show(self, p: Proc, out: Page) -> None:
        view = FdView()
        for fd in range(MAX_FDS):
            if view_fd(p.fds, fd, view):
                chan = view.chan
                if chan is not None:
                    path: str = chan.path
                    out.print(f"{fd} {chan.mode & ~OpenMode.CLOEXEC}{' CLOEXEC' if view.cloexec else ''} {path if path else '(pipe)'}\n")
                    chan_put(chan)


MOST_SHOWN: u64 = 2000                      # calls of a kind: more do not fit into the text


@proc_files
class Blocked(ProcFile):
    name: str = "blocked"
    room: u64 = 65536

    def show(self, p: Proc, out: Page) -> None:
        found = BlockedCall()
        for copy in (copy_blocked, copy_parked):
            index: u64 = 0
            while index < MOST_SHOWN and copy(p, index, found):
                show_call(p, found, out)
                index += 1


def show_call(p: Proc, call: BlockedCall, out: Page) -> None:
    line = text(400)
    old = switch_to(p)                      # its strings are read
    print_call(line, call.words)
    switch_back(old)
    out.print(f"{u64(call.sysc):#x} {line}\n")
