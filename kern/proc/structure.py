# SPDX-License-Identifier: GPL-2.0-or-later
"""The structure of a process with what belongs to it from the first: the areas shared with it, an empty address space, its vcores.

What fails half-way leaves nothing behind.
Locks: none held over a step.
"""

from lang import Error, Paddr, Uaddr, array, at, cycle_counter, free, new, offsetof, sizeof, u32, u64
from arch import cpu, mmu, smp, timer
from kern.abi.errno import Errno
from kern.abi.proc import (
    KILLED_EXIT_CODE,
    PROCDATA_ADDR,
    PROCINFO_ADDR,
    ProcData,
    ProcInfo,
    ProcState,
    VcoreFlag,
    VcoreMapping,
    VcorePreemptData,
)
from kern.arch_api import PageFlag
from kern.core import alloc, sched
from kern.debug import log
from kern.mm.pages import PAGE_SIZE, alloc_zeroed, free_pages, order_for
from kern.proc.destroy import proc_destroy
from kern.proc.proc import Proc, Vcore, assign_pid, proc_put
from kern.proc.wait import add_child
from kern.time.clock import now_ns, timing_overhead, wall_ns

FIRST_USER = "eve"                          # Plan 9's name for who owns the machine
FIRST_UMASK: u32 = 0o022


def new_process(parent: Proc | None, path: str, name: str) -> Proc:
    """A CREATED process with nothing in it that everybody knows. `path`: of its file; `name`: what it is listed as, folders left out.
    Raises EAGAIN, ENOMEM; ESRCH if the parent is dying."""
    p = unknown_process()
    name_process(p, path, name)
    p.start_ns = now_ns()
    if parent is None:
        p.user.append(FIRST_USER)
        p.umask = FIRST_UMASK
        p.cwd.append("/")
    else:
        inherit(parent, p)
    # The scheduler's reference comes first: from the moment that it has a pid, anybody may end the process.
    sched.register(p)
    try:
        assign_pid(p)
    except Error:
        proc_put(p)
        proc_put(p)
        raise
    p.info.pid = p.pid
    if parent is not None:
        if not add_child(parent, p):
            # Nobody would start it, wait for it, or end it when its parent ends: that has happened.
            proc_destroy(p, KILLED_EXIT_CODE)
            proc_put(p)
            raise Error(Errno.ESRCH, f"process {parent.pid} is dying, and has no more children")
        if p.traced:
            log.info(f"trace {parent.pid}: child {p.pid}")
    return p


def unknown_process() -> Proc:
    """The structure, the areas and the vcores, of which nobody knows yet. The result is the only reference. Raises ENOMEM."""
    p = new_structure()
    try:
        mmu.new_space(p.space)
    except Error:
        free_areas(p)
        free(p)
        raise
    try:
        show_area(p, PROCINFO_ADDR, p.info_page, p.info_size, PageFlag.READ | PageFlag.USER)
        show_area(p, PROCDATA_ADDR, p.data_page, p.data_size, PageFlag.READ | PageFlag.WRITE | PageFlag.USER)
        make_vcores(p)
    except Error:
        proc_put(p)
        raise
    fill_info(p)
    return p


def inherit(parent: Proc, p: Proc) -> None:
    """What a process has of its parent."""
    p.user.append(parent.user.view)
    p.umask = parent.umask
    p.traces_children = parent.traces_children
    p.traced = parent.traces_children
    with parent.cwd_lock:
        p.cwd.append(parent.cwd.view)


def new_structure() -> Proc:
    """A Proc with one reference, and the areas shared with it: contiguous memory each. Raises ENOMEM."""
    vcores = alloc.max_vcores()
    info_size = offsetof(ProcInfo, "vcoremap") + u64(vcores) * sizeof(VcoreMapping)
    data_size = offsetof(ProcData, "vcores") + u64(vcores) * sizeof(VcorePreemptData)
    info = alloc_zeroed(order_for(info_size))
    try:
        data = alloc_zeroed(order_for(data_size))
    except Error:
        free_pages(info, order_for(info_size))
        raise
    try:
        p = new(
            Proc,
            info=at(ProcInfo, mmu.phys_to_virt(info)),
            data=at(ProcData, mmu.phys_to_virt(data)),
            info_page=info,
            data_page=data,
            info_size=info_size,
            data_size=data_size,
            max_vcores=vcores,
        )
    except Error:
        free_pages(info, order_for(info_size))
        free_pages(data, order_for(data_size))
        raise
    p.refs.init(1)
    p.state_bits.store(u32(ProcState.CREATED))
    return p


def free_areas(p: Proc) -> None:
    free_pages(p.info_page, order_for(p.info_size))
    free_pages(p.data_page, order_for(p.data_size))


def name_process(p: Proc, path: str, name: str) -> None:
    p.program.append(path)
    named = name if name else path
    p.name.append(named[u64(named.rfind("/") + 1) :])


def show_area(p: Proc, address: u64, page: Paddr, size: u64, flags: PageFlag) -> None:
    for offset in range(u64(0), size, PAGE_SIZE):
        mmu.map_page(p.space, Uaddr(address + offset), page + offset, flags)


def make_vcores(p: Proc) -> None:
    p.vcores = new(array(u64(p.max_vcores), Vcore))
    for id in range(p.max_vcores):
        vc = p.vcores[id]
        vc.id = id
        p.inactive.push_back(vc)
    p.data.vcores[0].flags.store(u32(VcoreFlag.SCP_NOVCCTX))


def fill_info(p: Proc) -> None:
    info = p.info
    info.max_vcores = p.max_vcores
    info.core_count = smp.core_count()
    info.tsc_freq = timer.tsc_freq()
    info.wall_base_ns = wall_ns()
    info.wall_base_tsc = cycle_counter()
    info.timing_overhead = timing_overhead()
    info.cpu_features = cpu.features()
    info.extended_state = cpu.extended_state()
    info.bus_freq = timer.bus_freq()
