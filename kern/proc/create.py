# SPDX-License-Identifier: GPL-2.0-or-later
"""Making processes: a program, its first stack and its descriptors, in a new structure (structure.py); and copies of processes.

A new process is CREATED and does not run until `sched.wakeup`. What fails half-way leaves nothing behind.
Locks: none held over a step.
"""

from lang import Error, Ptr, Span, Text, Uaddr, addr_of, array, copy_bytes, free, never_blocks, new, offsetof, span_of, text, u8, u64
from arch import context
from kern.abi.errno import Errno
from kern.abi.file import ARGS_MAX, PATH_MAX, FileKind, OpenMode, SpawnArgs, SpawnFlag
from kern.abi.proc import ProcState
from kern.abi.syscall import Syscall, SyscallFlag
from kern.arch_api import PageFlag
from kern.core.current import switch_back, switch_to
from kern.core.percore import core
from kern.mm.copy import copy_space
from kern.mm.fault import fault_in
from kern.mm.pages import PAGE_MASK
from kern.mm.umem import or_u32, read_bytes, store_u64
from kern.ns.chan import open_path
from kern.ns.fd import FdTable, add_fd, clone_fds, copy_fds, fill_fds
from kern.ns.node import Node
from kern.ns.path import find_node
from kern.proc.destroy import proc_destroy
from kern.proc.elf import ElfImage, load_elf
from kern.proc.first_stack import build_stack, check_strings
from kern.proc.proc import Proc, proc_put
from kern.proc.structure import new_process
from kern.proc.wait import remove_child
from kern.syscall.file_calls import give_fds


def create_process(parent: Proc, path: Text, spawn: SpawnArgs) -> Proc:
    """A child of the caller, as it asks. The result is a reference."""
    strings = take_strings(spawn)
    try:
        p = build_process(parent, path, strings, u64(spawn.argc), u64(spawn.envc))
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
    p.is_made.store(True)
    return p


def take_strings(spawn: SpawnArgs) -> Span[u8]:
    """The caller's arguments and environment, checked; on the heap. Raises E2BIG, EFAULT, EINVAL."""
    if spawn.strings_len > ARGS_MAX:
        raise Error(Errno.E2BIG, f"{spawn.strings_len} bytes of arguments and environment")
    # One byte is never empty, and the heap's blocks are zeroed.
    strings = new(array(spawn.strings_len + 1, u8))
    try:
        read_bytes(strings[: spawn.strings_len], Uaddr(spawn.strings))
        check_strings(strings[: spawn.strings_len], u64(spawn.argc), u64(spawn.envc))
    except Error:
        free(strings)
        raise
    return strings


def create_first(path: str, strings: Span[u8], argc: u64, envc: u64) -> Proc:
    """The first process: without parent, on the console; the machine goes off when it ends. The result is a reference."""
    check_strings(strings, argc, envc)
    program = text(PATH_MAX)
    program.append(path)
    p = build_process(None, program, strings, argc, envc)
    p.kills_machine = True
    console = text(16)
    console.append("/dev/cons")
    try:
        for _ in range(3):
            add_fd(p.fds, open_path(console, OpenMode.READ | OpenMode.WRITE, 0), False)
    except Error:
        discard(None, p)
        raise
    return p


def build_process(parent: Proc | None, path: Text, strings: Span[u8], argc: u64, envc: u64) -> Proc:
    """A CREATED process with its program and first stack in place, without descriptors. The result is a reference."""
    node = find_program(path)
    try:
        p = new_process(parent, path.view, first_string(strings))
        try:
            load_program(p, node, path.view, strings, argc, envc)
        except Error:
            discard(parent, p)
            raise
        return p
    finally:
        node.put()


def first_string(strings: str) -> str:
    first, _ = strings.split1("\0")
    return first


def find_program(path: Text) -> Node:
    """The file, with a reference for the caller; `path` becomes where it is. Raises EACCES for what is none."""
    node = find_node(path)
    if node.kind != FileKind.FILE:
        node.put()
        raise Error(Errno.EACCES, f"{path.view} is not a file")
    return node


def load_program(p: Proc, node: Node, path: str, strings: Span[u8], argc: u64, envc: u64) -> None:
    """Fill the empty address space of a process that does not run, and make its first context. Raises ENOEXEC, ENOMEM. May block."""
    old = switch_to(p)
    try:
        image = ElfImage()
        load_elf(p, node, image)
        stack = build_stack(p, image, strings, argc, envc)
        p.info.program_end = image.end
        context.init_process_context(p.scp_ctx, Uaddr(image.start), stack)
    except Error as e:
        switch_back(old)
        raise Error(e.errno, f"{path}: {e.message}")
    switch_back(old)


def discard(parent: Proc | None, p: Proc) -> None:
    """End a process that never ran, as if it had not been."""
    if parent is not None:
        remove_child(parent, p)
    p.kills_machine = False
    proc_destroy(p, 0)
    proc_put(p)


# Copies


def fork_process(parent: Proc, sysc: Uaddr) -> Proc:
    """A CREATED copy of the process that makes the system call at `sysc`; there it is done, with 0. The result is a reference.

    Only a running single-core process has one thread of control that a copy could go on with. Raises EINVAL, ENOMEM.
    """
    if parent.is_mcp or not parent.is_in(ProcState.RUNNING_S):
        raise Error(Errno.EINVAL, "only a running single-core process can fork")
    p = new_process(parent, parent.program.view, parent.name.view)
    fds = FdTable()                         # not the copy's own: whoever ends that closes it meanwhile
    try:
        try:
            duplicate(parent, p, fds)
        finally:
            fill_fds(p.fds, fds.slots)
        old = switch_to(p)
        try:
            # Its page is shared so far: of its own the child gets one here, or the fork is refused.
            with p.vm.lock:
                if not fault_in(p, u64(sysc) & ~PAGE_MASK, PageFlag.WRITE):
                    raise Error(Errno.EFAULT, "the call's structure is in a file that would have to be read first")
            store_u64(sysc + offsetof(Syscall, "retval"), 0)
            or_u32(sysc + offsetof(Syscall, "flags"), SyscallFlag.DONE)
        finally:
            switch_back(old)
    except Error:
        discard(parent, p)
        raise
    return p


@never_blocks
def duplicate(parent: Proc, p: Proc, fds: FdTable) -> None:
    """Registers, memory, shared data and descriptors. It does not block, so the caller stays on its core: all is of one moment."""
    ctx = core.mine.cur_ctx
    assert ctx is not None, "a system call without a user context"
    context.keep(p.scp_ctx, ctx)
    context.save_fp(p.scp_fp)
    p.has_fp = True
    p.info.program_end = parent.info.program_end
    copy_bytes(span_of(Ptr[u8](addr_of(p.data)), p.data_size), span_of(Ptr[u8](addr_of(parent.data)), p.data_size))
    clone_fds(parent.fds, fds)
    copy_space(parent, p)
