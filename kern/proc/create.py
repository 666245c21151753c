# SPDX-License-Identifier: GPL-2.0-or-later
"""Making processes: the structure, the areas shared with it, its program, its first stack and its descriptors.

A new process is CREATED and does not run until `sched.wakeup`. What fails half-way leaves nothing behind.
Locks: none held over a step.
"""

from lang import Error, Paddr, Span, Uaddr, array, at, cycle_counter, free, new, offsetof, sizeof, u8, u32, u64
from arch import context, mmu, smp, timer
from kern.abi.errno import Errno
from kern.abi.file import ARGS_MAX, FileKind, OpenMode, SpawnArgs, SpawnFlag
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import (
    PROCDATA_ADDR,
    PROCINFO_ADDR,
    USER_STACK_SIZE,
    USER_STACK_TOP,
    AuxType,
    ProcData,
    ProcInfo,
    ProcState,
    VcoreFlag,
    VcorePreemptData,
)
from kern.arch_api import PageFlag
from kern.core import alloc, sched
from kern.core.current import switch_back, switch_to
from kern.debug import log
from kern.mm.mmap import mm_map
from kern.mm.pages import PAGE_MASK, PAGE_SIZE, alloc_zeroed, free_pages, order_for
from kern.mm.umem import read_bytes, store_u64, write_bytes
from kern.ns.chan import open_path
from kern.ns.fd import add_fd, copy_fds
from kern.ns.path import find_node
from kern.proc.destroy import proc_destroy
from kern.proc.elf import ElfImage, bring_in, load_elf
from kern.proc.proc import Proc, Vcore, assign_pid, proc_put
from kern.proc.wait import add_child, remove_child
from kern.syscall.file_calls import give_fds
from kern.time.clock import now_ns, wall_ns

MAX_STRINGS: u64 = 1024                     # arguments and environment together
FIRST_USER = "eve"                          # Plan 9's name for who owns the machine
FIRST_UMASK: u32 = 0o022


def create_process(parent: Proc, path: str, spawn: SpawnArgs) -> Proc:
    """A child of the caller, as it asks. The result is a reference."""
    if spawn.strings_len > ARGS_MAX:
        raise Error(Errno.E2BIG, f"{spawn.strings_len} bytes of arguments and environment")
    strings = new(array(spawn.strings_len + 1, u8))
    try:
        read_bytes(strings[: spawn.strings_len], Uaddr(spawn.strings))
        p = build_process(parent, path, strings[: spawn.strings_len], u64(spawn.argc), u64(spawn.envc))
    finally:
        free(strings)
    try:
        if spawn.flags & SpawnFlag.DUP_FDS:
            copy_fds(parent.fds, p.fds)
        if give_fds(parent, p, spawn.fds, u64(spawn.nfds)) != u64(spawn.nfds):
            raise Error(Errno.EBADF, "a descriptor for the child is not open")
    except Error:
        discard(parent, p)
        raise
    return p


def create_first(path: str, strings: Span[u8], argc: u64, envc: u64) -> Proc:
    """The first process: without parent, on the console; the machine goes off when it ends. The result is a reference."""
    p = build_process(None, path, strings, argc, envc)
    p.kills_machine = True
    try:
        for _ in range(3):
            add_fd(p.fds, open_path("/dev/cons", OpenMode.READ | OpenMode.WRITE, 0), False)
    except Error:
        discard(None, p)
        raise
    return p


def build_process(parent: Proc | None, path: str, strings: Span[u8], argc: u64, envc: u64) -> Proc:
    """A CREATED process with its program and first stack in place, without descriptors. The result is a reference."""
    check_strings(strings, argc, envc)
    node = find_node(path)
    try:
        if node.kind != FileKind.FILE:
            raise Error(Errno.EACCES, f"{path} is not a file")
        p = new_process(parent, path, strings)
        old = switch_to(p)
        try:
            image = ElfImage()
            load_elf(p, node, image)
            stack = build_stack(p, image, strings, argc, envc)
            p.info.program_end = image.end
            context.init_process_context(p.scp_ctx, Uaddr(image.entry), stack)
        except Error as e:
            switch_back(old)
            discard(parent, p)
            raise Error(e.errno, f"{path}: {e.message}")
        switch_back(old)
        return p
    finally:
        node.put()


def discard(parent: Proc | None, p: Proc) -> None:
    """End a process that never ran, as if it had not been."""
    if parent is not None:
        remove_child(parent, p)
    p.kills_machine = False
    proc_destroy(p, 0)
    proc_put(p)


def new_process(parent: Proc | None, path: str, strings: str) -> Proc:
    """An empty CREATED process that everybody knows. `strings`: its arguments, the first of which names it."""
    p = new_structure()
    try:
        mmu.new_space(p.space)
    except Error:
        free_areas(p)
        free(p)
        raise
    try:
        show_area(p, PROCINFO_ADDR, p.info_page, p.info_order, PageFlag.READ | PageFlag.USER)
        show_area(p, PROCDATA_ADDR, p.data_page, p.data_order, PageFlag.READ | PageFlag.WRITE | PageFlag.USER)
        make_vcores(p)
    except Error:
        proc_put(p)
        raise
    # The scheduler's reference comes first: from the moment that it has a pid, anybody may end the process.
    sched.register(p)
    p.program.append(path)
    name_process(p, strings)
    p.start_ns = now_ns()
    inherit(parent, p)
    try:
        assign_pid(p)
    except Error:
        proc_put(p)
        proc_put(p)
        raise
    fill_info(p)
    if parent is not None:
        add_child(parent, p)
        if p.traced:
            log.info(f"trace {parent.pid}: child {p.pid}")
    return p


def inherit(parent: Proc | None, p: Proc) -> None:
    """What a process has of its parent, and the first one of nobody."""
    if parent is None:
        p.user.append(FIRST_USER)
        p.umask = FIRST_UMASK
        p.cwd.append("/")
        return
    p.user.append(parent.user.view)
    p.umask = parent.umask
    p.traces_children = parent.traces_children
    p.traced = parent.traces_children
    with parent.cwd_lock:
        p.cwd.append(parent.cwd.view)


def new_structure() -> Proc:
    """A Proc with one reference, and the areas shared with it: contiguous memory each. Raises ENOMEM."""
    vcores = alloc.max_vcores()
    info_order = order_for(sizeof(ProcInfo))
    data_order = order_for(offsetof(ProcData, "vcores") + u64(vcores) * sizeof(VcorePreemptData))
    info = alloc_zeroed(info_order)
    try:
        data = alloc_zeroed(data_order)
    except Error:
        free_pages(info, info_order)
        raise
    try:
        p = new(
            Proc,
            info=at(ProcInfo, mmu.phys_to_virt(info)),
            data=at(ProcData, mmu.phys_to_virt(data)),
            info_page=info,
            data_page=data,
            info_order=info_order,
            data_order=data_order,
            max_vcores=vcores,
        )
    except Error:
        free_pages(info, info_order)
        free_pages(data, data_order)
        raise
    p.refs.init(1)
    p.state_bits.store(u32(ProcState.CREATED))
    return p


def free_areas(p: Proc) -> None:
    free_pages(p.info_page, p.info_order)
    free_pages(p.data_page, p.data_order)


def name_process(p: Proc, strings: str) -> None:
    """After its first argument, as a shell would, or after its file if there is none; without folders."""
    first, _ = strings.split1("\0")
    named = first if first else p.program.view
    p.name.clear()
    p.name.append(named[u64(named.rfind("/") + 1) :])


def show_area(p: Proc, address: u64, page: Paddr, order: u32, flags: PageFlag) -> None:
    for offset in range(u64(0), PAGE_SIZE << order, PAGE_SIZE):
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
    info.pid = p.pid
    info.max_vcores = p.max_vcores
    info.core_count = smp.core_count()
    info.tsc_freq = timer.tsc_freq()
    info.wall_base_ns = wall_ns()
    info.wall_base_tsc = cycle_counter()


# The first stack: strings at the top; below them, upwards from the stack pointer, argc, argv, 0, envp, 0, (type, value) pairs.


def check_strings(strings: Span[u8], argc: u64, envc: u64) -> None:
    if argc > MAX_STRINGS or envc > MAX_STRINGS:
        raise Error(Errno.E2BIG, f"{argc} arguments and {envc} variables are too many")
    count: u64 = 0
    for byte in strings:
        if byte == 0:
            count += 1
    if count < argc + envc:
        raise Error(Errno.EINVAL, f"{count} strings given for {argc} arguments and {envc} variables")


def build_stack(p: Proc, image: ElfImage, strings: Span[u8], argc: u64, envc: u64) -> Uaddr:
    """Map and fill the stack of the address space that is loaded; returns the stack pointer."""
    flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED
    mm_map(p, Uaddr(USER_STACK_TOP - USER_STACK_SIZE), USER_STACK_SIZE, Prot.READ | Prot.WRITE, flags, None, 0)
    text_at = (USER_STACK_TOP - len(strings)) & ~u64(15)
    words = 1 + argc + 1 + envc + 1 + 6 * 2
    stack = (text_at - words * 8) & ~u64(15)
    first_page = stack & ~PAGE_MASK
    bring_in(p, first_page, USER_STACK_TOP - first_page)
    if len(strings) > 0:
        write_bytes(Uaddr(text_at), strings)
    place = put_word(stack, argc)
    start: u64 = 0
    for i in range(argc + envc):
        if i == argc:
            place = put_word(place, 0)
        place = put_word(place, text_at + start)
        while strings[start] != 0:
            start += 1
        start += 1
    if envc == 0:
        place = put_word(place, 0)
    place = put_word(place, 0)
    put_aux(place, image)
    return Uaddr(stack)


def put_word(address: u64, value: u64) -> u64:
    """Store a word; returns where the next one goes."""
    store_u64(Uaddr(address), value)
    return address + 8


def put_aux(address: u64, image: ElfImage) -> None:
    place = put_pair(address, AuxType.PHDR, image.phdr)
    place = put_pair(place, AuxType.PHENT, 56)
    place = put_pair(place, AuxType.PHNUM, image.phnum)
    place = put_pair(place, AuxType.PAGE_SIZE, PAGE_SIZE)
    place = put_pair(place, AuxType.ENTRY, image.entry)
    put_pair(place, AuxType.NULL, 0)


def put_pair(address: u64, kind: AuxType, value: u64) -> u64:
    return put_word(put_word(address, u64(kind)), value)
