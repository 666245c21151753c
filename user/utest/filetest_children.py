# SPDX-License-Identifier: LGPL-2.1-or-later
"""Of filetest: what calls about children promise."""

from lang import Errno, array, i32, u64
from kern.abi.file import FdPair, SpawnFlag, WaitFlag, WaitStatus
from lib.files import read_all
from lib.strings import discard
from rt.args import environment
from rt.io import close, pipe
from rt.process import create, exit_status, kill, run as run_child, spawn, wait
from syscalls import sys_chdir, sys_dup_fds_to, sys_proc_run, sys_waitpid
from utest.harness import check, equal, fails, run

pid_tried: i32 = -1


def run_children() -> None:
    run("children.run_once", test_run_once)
    run("children.wait", test_wait)
    run("children.descriptors", test_descriptors)
    run("children.working_directory", test_childs_working_directory)
    run("children.kill", test_kill)


def start(command: str, output: i32) -> i32:
    """A shell that runs `command`; created, not started yet."""
    argv = array(3, str)
    argv[0] = "sh"
    argv[1] = "-c"
    argv[2] = command
    fds = array(3, FdPair)
    fds[0] = FdPair(first=0, second=0)
    fds[1] = FdPair(first=output, second=1)
    fds[2] = FdPair(first=2, second=2)
    return create("/bin/sh", argv, environment(), fds, SpawnFlag(0))


def test_run_once() -> None:
    global pid_tried
    pid = start("exit 7", 1)
    run_child(pid)
    pid_tried = pid
    fails(Errno.EINVAL, "starting a child twice", run_tried)
    equal(u64(wait(pid)), 7, "exit status")
    fails(Errno.ESRCH, "starting one that has gone", run_tried)


def run_tried() -> None:
    sys_proc_run(pid_tried)


def test_wait() -> None:
    global pid_tried
    status = WaitStatus()
    fails(Errno.ECHILD, "waiting without children", wait_any)
    pid = start("sleep 0.2; exit 3", 1)
    run_child(pid)
    equal(u64(sys_waitpid(pid, status, WaitFlag.NOHANG)), 0, "asking too early")
    equal(u64(sys_waitpid(-1, status, WaitFlag(0))), u64(pid), "who ended")
    equal(u64(exit_status(status)), 3, "exit status")
    pid_tried = pid
    fails(Errno.ECHILD, "waiting twice", wait_tried)


def wait_any() -> None:
    status = WaitStatus()
    sys_waitpid(-1, status, WaitFlag.NOHANG)


def wait_tried() -> None:
    wait(pid_tried)


def test_descriptors() -> None:
    """What sys_dup_fds_to gives, the child has under the number asked for; with an entry that is wrong it says how far it came."""
    reader, writer = pipe()
    pid = start("cat < /dev/null; echo given", 1)
    pairs = array(2, FdPair)
    pairs[0] = FdPair(first=writer, second=1)
    pairs[1] = FdPair(first=63, second=5)
    equal(sys_dup_fds_to(pid, pairs), 1, "descriptors given")
    run_child(pid)
    close(writer)
    content = read_all(reader)
    found: str = content
    check(found == "given\n", f"the child wrote {found!r}")
    discard(content)
    close(reader)
    wait(pid)


def test_childs_working_directory() -> None:
    reader, writer = pipe()
    pid = start("pwd", writer)
    sys_chdir(pid, "/etc")
    run_child(pid)
    close(writer)
    content = read_all(reader)
    found: str = content
    check(found == "/etc\n", f"the child is in {found!r}")
    discard(content)
    close(reader)
    wait(pid)


def test_kill() -> None:
    global pid_tried
    argv = array(1, str)
    argv[0] = "spin"
    no_fds = array(1, FdPair)
    pid = spawn("/bin/spin", argv, environment(), no_fds[:0])
    kill(pid)
    check(wait(pid) != 0, "a killed process ended with 0")
    pid_tried = pid
    fails(Errno.ESRCH, "killing one that has gone", kill_tried)


def kill_tried() -> None:
    kill(pid_tried)
