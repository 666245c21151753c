# SPDX-License-Identifier: GPL-2.0-or-later
"""exec: a process goes on as another program. Its successor, a new structure with the new program, takes over what it is and has (its
pid, its place in the family, its descriptors); then the old structure dies as processes do (docs/decisions/exec.md).

So whatever still holds the old one (a call that is blocked, an event on its way, a core in its address space) finds a dead process, and
never the new program's memory. Until the hand-over nothing has changed: any failure is an error to the old program, which goes on.
While the new program is loaded the old one has no core: exec is a yield.
Locks, one after the other: the old process' `lock`, both `child_cv.lock`s, the parent's, the fd tables', `alloc.lock`.
"""

from lang import Error, Text, Uaddr, addr_of, array, at, free, u32, u64
from arch import cpu, smp
from kern.abi.errno import Errno
from kern.abi.file import SpawnArgs
from kern.abi.proc import ProcState
from kern.core import alloc, sched
from kern.core.current import clear_owning_proc
from kern.core.kmsg import send_routine
from kern.core.percore import core
from kern.mm.shootdown import relax
from kern.ns.fd import move_fds
from kern.proc.create import discard, find_program, first_string, load_program, take_strings
from kern.proc.destroy import disown_children, take_cores, take_parent, tell_parent
from kern.proc.proc import Proc, proc_get, proc_put, replace_pid
from kern.proc.run import save_scp, still_on, unmap_scp
from kern.proc.structure import inherit, name_process, unknown_process
from kern.sync.abort import abort_all_calls
from kern.sync.completion import Completion
from kern.sync.kthread import current_kthread, prepare_to_block


def proc_exec(p: Proc, path: Text, spawn: SpawnArgs) -> None:
    """Have `p`, the caller, go on as the program at `path`. If it returns, the caller's call is not to be finished any more.

    Raises EINVAL in a many-core process; what finding and loading a program raises; EAGAIN if the process lost its core meanwhile.
    """
    if p.is_mcp:
        raise Error(Errno.EINVAL, "a many-core process cannot exec")
    strings = take_strings(spawn)
    try:
        node = find_program(path)
        try:
            leave_core(p)
            try:
                successor = make_successor(p, path.view, first_string(strings))
                try:
                    load_program(successor, node, path.view, strings, u64(spawn.argc), u64(spawn.envc))
                    take_over(p, successor)
                except Error:
                    discard(None, successor)
                    raise
            except Error:
                sched.wakeup(p)             # the old program goes on, and finds the error
                raise
        finally:
            node.put()
    finally:
        free(strings)
    current_kthread().sysc = Uaddr(0)
    sched.wakeup(successor)
    proc_put(successor)


def leave_core(p: Proc) -> None:
    """The caller's core leaves the process, which waits until it is woken. Raises EAGAIN if it is not the caller's core any more."""
    saved = cpu.irqs_save()
    left = still_on(p, 0, core.mine.core_id)
    if left:
        with p.lock:
            left = p.is_in(ProcState.RUNNING_S)
            if left:
                p.set_state(ProcState.WAITING)
                save_scp(p)
                unmap_scp(p)
    if left:
        clear_owning_proc()
    cpu.irqs_restore(saved)
    if not left:
        raise Error(Errno.EAGAIN, "the process does not run here any more")


def make_successor(p: Proc, path: str, name: str) -> Proc:
    """A CREATED process that nobody knows, with what `p` is. The result is a reference."""
    successor = unknown_process()
    successor.pid = p.pid
    successor.info.pid = p.pid
    name_process(successor, path, name)
    inherit(p, successor)
    successor.traced = p.traced
    successor.kills_machine = p.kills_machine
    successor.start_ns = p.start_ns
    successor.info.vcoremap[0].total_ticks = p.info.vcoremap[0].total_ticks
    sched.register(successor)
    return successor


def take_over(p: Proc, successor: Proc) -> None:
    """From here on the successor is the process. Raises EAGAIN if `p` has ended, or went on as something else, meanwhile; EINVAL if it has
    become a many-core process."""
    none = array(1, u32)
    prepare_to_block()                      # let_go may wait, and nothing may fail any more then
    with p.lock:
        lost = p.is_dying()
        if not lost and not p.is_mcp:
            proc_get(successor)
            p.gives_calls_up.store(True)
            p.successor = successor         # who still ends `p` ends this one: from here on, a kill is not lost
            take_cores(p, none)             # an event may have woken it: then it runs
            p.set_state(ProcState.DYING)
    if lost:
        raise Error(Errno.EAGAIN, "the process has ended")
    if p.is_mcp:
        raise Error(Errno.EINVAL, "it has become a many-core process, which cannot exec")
    let_go(p)
    replace_pid(p, successor)
    hand_over_children(p, successor)
    hand_over_place(p, successor)
    move_fds(p.fds, successor.fds)
    alloc.hand_over(p, successor)
    sched.forget(p, none[:0])
    with p.lock:
        p.set_state(ProcState.DYING_ABORT)
    abort_all_calls(p)                      # what was on its way in there before
    if successor.is_dying():                # it was ended before it had its children and its parent
        disown_children(successor)
        tell_parent(successor)


def let_go(p: Proc) -> None:
    """`p` runs nowhere any more, and its calls have given up: before anybody can know of the new program, and write what is for it."""
    gone = Completion()
    for id in range(smp.core_count()):
        if core[id].owning_proc is p:
            gone.expect(1)
            send_routine(id, note_gone, addr_of(gone), 0, 0)
    gone.wait()                             # asleep: that core may be in here, and wait for who runs on this one
    abort_all_calls(p)


def note_gone(address: u64, unused1: u64, unused2: u64) -> None:
    """Routine message behind the one that took this core from its process."""
    at(Completion, address).done()


def hand_over_children(p: Proc, successor: Proc) -> None:
    """`p` is dying, so it gets no more. Each is on one of the lists, or on its way."""
    while True:
        with p.child_cv.lock.irqs_off():
            child = p.children.pop_front()
        if child is None:
            return
        with successor.child_cv.lock.irqs_off():
            child.parent = successor
            successor.children.push_back(child)


def hand_over_place(p: Proc, successor: Proc) -> None:
    """The successor is its parent's child instead of `p`."""
    while p.parent is not None:
        parent = take_parent(p)
        if parent is not None:
            done = replace_child(parent, p, successor)
            proc_put(parent)
            if done:
                proc_put(p)                 # the list's reference
                return
        # The parent, for its part, is handing its children over, or disowning them.
        relax()


def replace_child(parent: Proc, p: Proc, successor: Proc) -> bool:
    with parent.child_cv.lock.irqs_off():
        if p.parent is not parent or not parent.children.contains(p):
            return False
        proc_get(successor)
        successor.parent = parent
        successor.ppid = p.ppid
        successor.info.ppid = p.ppid
        parent.children.push_back(successor)
        parent.children.remove(p)
        p.parent = None
        return True
