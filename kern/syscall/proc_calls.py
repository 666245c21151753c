# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls about processes: creating, running, ending, waiting, signals.

Any process may control any other; what does not exist is ESRCH.
"""

from lang import Error, Ref, User, i32, syscall, text, u16, u32
from kern.abi.errno import Errno
from kern.abi.event import EventMsg, EventType
from kern.abi.file import SpawnArgs, WaitFlag, WaitStatus
from kern.abi.proc import ProcState
from kern.core import sched
from kern.event.send import send_kernel_event
from kern.mm.umem import copy_in, copy_out
from kern.proc.create import create_process, fork_process
from kern.proc.destroy import proc_destroy
from kern.proc.exec import proc_exec
from kern.proc.proc import Proc, get_proc, proc_put
from kern.proc.wait import wait_for_child, wait_status
from kern.sync.kthread import current_kthread
from kern.syscall.file_calls import take_path

SIGKILL: u32 = 9
KILL_EXIT_CODE: i32 = 137                   # 128 + SIGKILL, as shells show it


@syscall(7)
def sys_proc_create(p: Proc, path: User[str], args: User[Ref[SpawnArgs]]) -> i32:
    """Make a child from the program at `path`, in state CREATED: set it up, then sys_proc_run. Returns its pid."""
    full = text(1024)
    take_path(p, path, full)
    spawn = SpawnArgs()
    copy_in(spawn, args)
    child = create_process(p, full, spawn)
    pid = child.pid
    proc_put(child)
    return pid


@syscall(8)
def sys_proc_run(p: Proc, pid: i32) -> None:
    """Let a CREATED process run. Raises ESRCH; EINVAL if it was started before; EAGAIN if its parent is making it still."""
    target = get_proc(pid)
    try:
        if not target.is_in(ProcState.CREATED):
            raise Error(Errno.EINVAL, f"process {pid} was started already")
        if not target.is_made.load():       # a copy never comes to be: its parent has it run
            raise Error(Errno.EAGAIN, f"process {pid} is not complete yet")
        sched.wakeup(target)
    finally:
        proc_put(target)


@syscall(9)
def sys_proc_destroy(p: Proc, pid: i32, exit_code: i32) -> None:
    """End a process; itself too, and then the call does not return."""
    target = get_proc(pid)
    try:
        proc_destroy(target, exit_code)
    finally:
        proc_put(target)


@syscall(12)
def sys_waitpid(p: Proc, pid: i32, status: User[Ref[WaitStatus]], options: WaitFlag) -> i32:
    """Wait until a child (-1: any) has ended; returns its pid, or 0 with NOHANG if none has. Raises ECHILD, EINTR."""
    child = wait_for_child(p, pid, WaitFlag.NOHANG in options)
    if child is None:
        return 0
    result = WaitStatus(status=wait_status(child.exit_code), pid=child.pid)
    proc_put(child)
    copy_out(status, result)
    return result.pid


@syscall(13)
def sys_kill(p: Proc, pid: i32, signal: u32) -> None:
    """SIGKILL ends the process; any other number is an EV_POSIX_SIGNAL for it; 0 only looks whether it exists."""
    target = get_proc(pid)
    try:
        if signal == SIGKILL:
            proc_destroy(target, KILL_EXIT_CODE)
        elif signal > 64:
            raise Error(Errno.EINVAL, f"no signal {signal}")
        elif signal > 0:
            msg = EventMsg(ev_type=EventType.POSIX_SIGNAL, arg1=u16(signal))
            send_kernel_event(target, msg, 0)
    finally:
        proc_put(target)


@syscall(34)
def sys_fork(p: Proc) -> i32:
    """Make a copy of the process, which returns from this call too: with 0, the caller with the copy's pid. Raises EINVAL in an MCP."""
    child = fork_process(p, current_kthread().sysc)
    pid = child.pid
    sched.wakeup(child)
    proc_put(child)
    return pid


@syscall(35)
def sys_exec(p: Proc, path: User[str], args: User[Ref[SpawnArgs]]) -> None:
    """Go on as another program, as the same process. Returns only if that fails, and then nothing has changed. `fds` of the arguments are
    not looked at: all descriptors stay but those with CLOEXEC. Raises EINVAL in an MCP; EAGAIN: try again; what sys_proc_create raises."""
    full = text(1024)
    take_path(p, path, full)
    spawn = SpawnArgs()
    copy_in(spawn, args)
    proc_exec(p, full, spawn)


@syscall(36)
def sys_umask(p: Proc, mask: u32) -> u32:
    """Rights that files and folders made from now on do not get; returns what was set before."""
    old = p.umask
    p.umask = mask & 0o777
    return old


@syscall(37)
def sys_setuid(p: Proc, uid: u32) -> None:
    """Accepted, and without effect: users are names, and rights are not theirs."""


@syscall(38)
def sys_setgid(p: Proc, gid: u32) -> None:
    """Accepted, and without effect, like sys_setuid."""
