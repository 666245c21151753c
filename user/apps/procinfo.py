# SPDX-License-Identifier: LGPL-2.1-or-later
"""procinfo: prints what the kernel tells a process through memory, and what this tells the kernel: a line for each field."""

from lang import i32, u64
from kern.abi.event import NR_EVENT_TYPES
from kern.abi.proc import NR_RESOURCES, Resource
from lib.args import help_wanted
from lib.output import out
from parlib.vcore import proc_data, proc_info
from rt.time import wall_ns

USAGE = "usage: procinfo"
NS_PER_SEC: u64 = 1_000_000_000


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    show_process()
    show_machine()
    show_vcores()
    show_data()
    out.flush()
    return 0


def show_process() -> None:
    info = proc_info()
    out.print(f"pid: {info.pid}\nppid: {info.ppid}\nmax_vcores: {info.max_vcores}\nnum_vcores: {info.num_vcores}\nis_mcp: {info.is_mcp}\n")
    out.print(f"program_end: {info.program_end:#x}\n")
    for kind in Resource:
        out.print(f"res_grant[{kind}]: {info.res_grant[kind.value]}\n")


def show_machine() -> None:
    info = proc_info()
    out.print(f"core_count: {info.core_count}\ntsc_freq: {info.tsc_freq}\ntiming_overhead: {info.timing_overhead}\n")
    out.print(f"bus_freq: {info.bus_freq}\ncpu_features: {info.cpu_features:#x}\nextended_state: {info.extended_state:#x}\n")
    out.print(f"wall_base_ns: {info.wall_base_ns}\nwall_base_tsc: {info.wall_base_tsc}\ntime: {wall_ns() // NS_PER_SEC}\n")


def show_vcores() -> None:
    info = proc_info()
    out.print(f"coremap_seqctr: {info.coremap_seqctr.begin_read()}\n")
    for v in range(info.max_vcores):
        map = info.vcoremap[v]
        out.print(f"vcoremap[{v}]: pcoreid {map.pcoreid}, valid {map.valid}, preempts {map.nr_preempts_sent.load()}")
        out.print(f"/{map.nr_preempts_done.load()}, preempt_pending {map.preempt_pending.load()}, ")
        out.print(f"resume_ticks {map.resume_ticks}, total_ticks {map.total_ticks}\n")
    for core in range(info.core_count):
        back = info.pcoremap[core]
        out.print(f"pcoremap[{core}]: vcoreid {back.vcoreid}, valid {back.valid}\n")


def show_data() -> None:
    data = proc_data()
    for kind in range(NR_RESOURCES):
        wanted = data.res_req[kind]
        out.print(f"res_req[{Resource(kind)}]: wanted {wanted.amt_wanted.load()}, at least {wanted.amt_wanted_min}, flags {wanted.flags}\n")
    registered = sum(u64(1) for kind in range(NR_EVENT_TYPES) if data.kernel_evts[kind] != 0)
    out.print(f"kernel_evts: {registered} of {NR_EVENT_TYPES} have a queue\n")
    for v in range(proc_info().max_vcores):
        own = data.vcores[v]
        out.print(f"vcores[{v}]: flags {own.flags.load():#x}, notif_disabled {own.notif_disabled.load()}, ")
        out.print(f"notif_pending {own.notif_pending.load()}, rflags {own.rflags.load():#x}, entry {own.vcore_entry:#x}, ")
        out.print(f"stack {own.vcore_stack:#x}, tls {own.vcore_tls:#x}\n")
