# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suite `signal_scp`: signals of a single-core process."""

from lang import Error, Uaddr, addr_of, array, at, i32, struct, text, u8, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import FdPair
from kern.abi.mman import MapFlags, Prot
from kern.abi.signal import Signal
from kern.abi.tap import TapFilter
from parlib.alarm import Alarm
from parlib.current import my_uthread
from parlib.poll import PollFd, poll
from parlib.signal import (
    MaskChange,
    handle,
    ignore,
    kill,
    kill_from_vcore,
    queue_to_thread,
    raise_signal,
    restore_default,
    sigaction,
    sigaltstack,
    sigpending,
    sigprocmask,
    sigqueue,
    sigsuspend,
    sigtimedwait,
    sigwait,
)
from parlib.signal_state import Action, ActionFlag, Disposition, SignalCode, SignalInfo, bit
from parlib.sync import Semaphore
from parlib.uthread import Uthread
from pthread import Thread
from rt import io
from rt.args import environment
from rt.exit import exit_now
from rt.process import exec_program, fork, getpid, spawn, wait
from rt.time import now_ns, sleep_usec
from syscalls import sys_mmap, sys_mprotect
from utest.harness import PATIENCE_NS, Suite, check, equal, run, suites
from utest.signal_notes import count, last, note, read_nothing, wait_for_count

ENDLESS: u64 = 10_000_000_000

sleepers = Semaphore()
handler_stack: u64 = 0
inner_ran: bool = False
window: u64 = 0


@suites
class SingleCore(Suite):
    name: str = "signal_scp"

    def run(self) -> None:
        run("signal_scp.raise", test_raise)
        run("signal_scp.kill_self", test_kill_self)
        run("signal_scp.interrupts_computing", test_interrupts_computing)
        run("signal_scp.breaks_read", test_breaks_read)
        run("signal_scp.restart", test_restart)
        run("signal_scp.mask", test_mask)
        run("signal_scp.ignore", test_ignore)
        run("signal_scp.reset", test_reset)
        run("signal_scp.nested", test_nested)
        run("signal_scp.alternate_stack", test_alternate_stack)
        run("signal_scp.queue", test_queue)
        run("signal_scp.suspend", test_suspend)
        run("signal_scp.wait", test_wait)
        run("signal_scp.wait_for_child", test_wait_for_child)
        run("signal_scp.errors_survive", test_errors_survive)
        run("signal_scp.refusals", test_refusals)
        run("signal_scp.default_actions", test_default_actions)
        run("signal_scp.ends_sleepers", test_ends_sleepers)
        run("signal_scp.fault", test_fault)
        run("signal_scp.not_inherited", test_not_inherited)
        run("signal_scp.pending_once", test_pending_once)


def test_raise() -> None:
    count.store(0)
    handle(Signal.USR1, note)
    raise_signal(Signal.USR1)
    equal(count.load(), 1, "handlers run")
    equal(u64(last.signal), u64(Signal.USR1), "signal")


def test_kill_self() -> None:
    count.store(0)
    handle(Signal.USR1, note)
    kill(getpid(), Signal.USR1)
    wait_for_count(1)
    check(last.code == SignalCode.USER, "code")


def send_usr1(alarm: Alarm) -> None:
    """In vcore context, on behalf of nobody."""
    kill_from_vcore(at(Uthread, alarm.arg), Signal.USR1)


def test_interrupts_computing() -> None:
    """The handler runs though the thread never enters the kernel by itself."""
    count.store(0)
    handle(Signal.USR1, note)
    alarm = Alarm(handler=send_usr1, arg=addr_of(my_uthread()))
    alarm.set_after(2_000_000)
    wait_for_count(1)
    alarm.unset()


def test_breaks_read() -> None:
    """SIGINT, sent by another process, while thread 0 is blocked in a read that would never end: again and again, since nobody can tell
    whether it is there yet."""
    count.store(0)
    handle(Signal.INT, note)
    me = getpid()
    child = fork()
    while child == 0:
        sleep_usec(20_000)
        kill(me, Signal.INT)
    check(read_nothing() == Errno.EINTR, "the read did not give up")
    check(count.load() > 0, "no handler has run")
    kill(child, Signal.KILL)
    wait(child)


def test_restart() -> None:
    """With RESTART the handler runs at once, and the read goes on until there is something."""
    count.store(0)
    handle(Signal.INT, note, ActionFlag.RESTART)
    line = text(80)
    line.write(f"sleep 0.02; kill -INT {getpid()}; sleep 0.02; echo late")
    argv = array(3, str)
    argv[0] = "sh"
    argv[1] = "-c"
    argv[2] = line.view
    ends = io.pipe()
    fds = array(3, FdPair)
    fds[0] = FdPair(first=0, second=0)
    fds[1] = FdPair(first=ends[1], second=1)
    fds[2] = FdPair(first=2, second=2)
    pid = spawn("/bin/sh", argv[:], environment(), fds[:])
    into = array(16, u8)
    length = io.read(ends[0], into[:])
    check(into[:length] == "late\n", "the read did not go on")
    wait_for_count(1)
    wait(pid)
    io.close(ends[0])
    io.close(ends[1])


def test_mask() -> None:
    count.store(0)
    handle(Signal.USR1, note)
    before = sigprocmask(MaskChange.BLOCK, bit(Signal.USR1) | bit(Signal.KILL))
    raise_signal(Signal.USR1)
    raise_signal(Signal.USR1)
    equal(count.load(), 0, "handlers run while it is blocked")
    equal(sigpending(), bit(Signal.USR1), "pending")
    equal(sigprocmask(MaskChange.SET, before), before | bit(Signal.USR1), "mask")
    equal(count.load(), 1, "handlers run when it is unblocked")
    equal(sigpending(), 0, "pending")


def test_ignore() -> None:
    count.store(0)
    ignore(Signal.TERM)
    raise_signal(Signal.TERM)
    raise_signal(Signal.CHLD)
    restore_default(Signal.TERM)
    old = Action(handler=note)
    sigaction(Signal.TERM, None, old)
    check(old.disposition == Disposition.DEFAULT, "not the default again")
    handle(Signal.USR1, note)
    raise_signal(Signal.USR1)
    equal(count.load(), 1, "handlers run")


def test_reset() -> None:
    count.store(0)
    handle(Signal.WINCH, note, ActionFlag.RESET)
    raise_signal(Signal.WINCH)
    raise_signal(Signal.WINCH)              # ignored, by default
    equal(count.load(), 1, "handlers run")


def outer(signal: u32, info: SignalInfo) -> None:
    global inner_ran
    inner_ran = False
    raise_signal(Signal.USR2)
    check(inner_ran, "another signal does not interrupt a handler")
    raise_signal(Signal.USR1)               # blocked until this returns
    count.add(1)


def inner(signal: u32, info: SignalInfo) -> None:
    global inner_ran
    inner_ran = True


def test_nested() -> None:
    count.store(0)
    handle(Signal.USR2, inner)
    handle(Signal.USR1, outer_once)
    raise_signal(Signal.USR1)
    equal(count.load(), 2, "handlers run")


def outer_once(signal: u32, info: SignalInfo) -> None:
    """The one that it raises itself runs when it has returned, and not within."""
    before = count.load()
    if before == 0:
        outer(signal, info)
        equal(count.load(), 1, "handlers run within the handler")
    else:
        count.add(1)


def note_stack(signal: u32, info: SignalInfo) -> None:
    global handler_stack
    here = array(1, u64)
    handler_stack = addr_of(here)
    count.add(1)


def test_alternate_stack() -> None:
    """Only a handler that interrupts changes stacks: one that is called by `raise` is where it is."""
    count.store(0)
    size: u64 = 32768
    base = u64(sys_mmap(Uaddr(0), size, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0))
    sigaltstack(base, size)
    handle(Signal.USR1, note_stack, ActionFlag.ON_STACK)
    alarm = Alarm(handler=send_usr1, arg=addr_of(my_uthread()))
    alarm.set_after(1_000_000)
    wait_for_count(1)
    check(base <= handler_stack < base + size, "not on the alternate stack")
    handle(Signal.USR1, note_stack)
    alarm.set_after(1_000_000)
    wait_for_count(2)
    check(not base <= handler_stack < base + size, "on the alternate stack without ON_STACK")
    sigaltstack(0, 0)


def test_queue() -> None:
    count.store(0)
    handle(40, note)
    sigqueue(getpid(), 40, 0x1234_5678_9ABC)
    wait_for_count(1)
    equal(last.value, 0x1234_5678_9ABC, "value")
    check(last.code == SignalCode.QUEUE and last.pid == getpid(), "code and sender")


def test_suspend() -> None:
    count.store(0)
    handle(Signal.USR1, note)
    before = sigprocmask(MaskChange.BLOCK, bit(Signal.USR1))
    pid = send_from_child("-USR1", "0.01")
    sigsuspend(before)
    equal(count.load(), 1, "handlers run")
    equal(sigprocmask(MaskChange.SET, before), before | bit(Signal.USR1), "mask afterwards")
    wait(pid)


def test_wait() -> None:
    count.store(0)
    handle(Signal.USR2, note)
    before = sigprocmask(MaskChange.BLOCK, bit(Signal.USR2))
    raise_signal(Signal.USR2)
    equal(u64(sigwait(bit(Signal.USR2))), u64(Signal.USR2), "signal that was pending")
    pid = send_from_child("-USR2", "0.01")
    equal(u64(sigwait(bit(Signal.USR2) | bit(Signal.USR1))), u64(Signal.USR2), "signal that came")
    info = SignalInfo()
    start = now_ns()
    check(not sigtimedwait(bit(Signal.USR2), info, start + 10_000_000), "nothing was sent")
    check(now_ns() - start >= 10_000_000, "too early")
    sigprocmask(MaskChange.SET, before)
    equal(count.load(), 0, "handlers run")
    wait(pid)


def test_wait_for_child() -> None:
    """CHLD is ignored by default, but kept if it is blocked: its parent may wait for it when the child has ended."""
    before = sigprocmask(MaskChange.BLOCK, bit(Signal.CHLD))
    pid = send_from_child("-CHLD", "0")
    wait(pid)
    info = SignalInfo()
    check(sigtimedwait(bit(Signal.CHLD), info, now_ns() + PATIENCE_NS), "it was dropped")
    sigprocmask(MaskChange.SET, before)


def fail_inside(signal: u32, info: SignalInfo) -> None:
    try:
        io.close(60)
    except Error as error:
        check(error.errno == Errno.EBADF, "the handler's own error")
    count.add(1)


def test_errors_survive() -> None:
    """The words of an error are the thread's own: a handler that has errors of its own does not spoil them."""
    count.store(0)
    handle(Signal.USR1, fail_inside)
    alarm = Alarm(handler=send_usr1, arg=addr_of(my_uthread()))
    try:
        io.open("/no/such/file")
    except Error as error:
        alarm.set_after(500_000)
        wait_for_count(1)
        check(error.errno == Errno.ENOENT and error.message.find("/no") >= 0, f"{error.errno.name}: {error.message}")


def refused(signal: u32) -> Errno:
    try:
        handle(signal, note)
    except Error as error:
        return error.errno
    return Errno.OK


def test_refusals() -> None:
    check(refused(0) == Errno.EINVAL and refused(65) == Errno.EINVAL, "no such signal")
    check(refused(Signal.KILL) == Errno.EINVAL and refused(Signal.STOP) == Errno.EINVAL, "KILL and STOP")
    got = Errno.OK
    try:
        kill(30_000, Signal.TERM)
    except Error as error:
        got = error.errno
    check(got == Errno.ESRCH, "no such process")


def end_by(signal: u32) -> i32:
    argv = array(2, str)
    argv[0] = "sleep"
    argv[1] = "100"
    none = array(1, FdPair)
    pid = spawn("/bin/sleep", argv[:], environment(), none[:0])
    sleep_usec(20_000)
    kill(pid, Signal.CHLD)                  # ignored
    kill(pid, signal)
    return wait(pid)


def test_default_actions() -> None:
    equal(u64(end_by(Signal.TERM)), 128 + 15, "status after TERM")
    equal(u64(end_by(Signal.INT)), 128 + 2, "status after INT")
    equal(u64(end_by(Signal.KILL)), 137, "status after KILL")


def sleep_in_queue(number: u64) -> None:
    """Longer than anybody waits, if nothing ends it."""
    if number == 0:
        ends = io.pipe()
        fds = array(1, PollFd)
        fds[0].fd = ends[0]
        fds[0].events = TapFilter.READABLE
        poll(fds[:], 2 * PATIENCE_NS // 1000)
    elif number == 1:
        if sleepers.down_until(now_ns() + 2 * PATIENCE_NS):
            return
    else:
        thread = Thread()
        thread.start(sleep_in_queue, 1)
        thread.join()


def test_ends_sleepers() -> None:
    """A process ends by a signal though its threads wait for each other, and for files, not for a call."""
    for way in range(u64(3)):
        ends = io.pipe()
        pid = fork()
        if pid == 0:
            io.write_all(ends[1], "x")
            sleep_in_queue(way)
            exit_now(1)
        byte = array(1, u8)
        io.read(ends[0], byte[:])
        sleep_usec(20_000)
        start = now_ns()
        kill(pid, Signal.TERM)
        equal(u64(wait(pid)), 128 + 15, "status after TERM")
        check(now_ns() - start < PATIENCE_NS, f"sleeper {way} ends when it has slept its time")
        io.close(ends[0])
        io.close(ends[1])


@struct
class Cell:
    value: u64


def open_window(signal: u32, info: SignalInfo) -> None:
    note(signal, info)
    sys_mprotect(Uaddr(window), 4096, Prot.READ | Prot.WRITE)


def test_fault() -> None:
    """SEGV tells where; the instruction is repeated when the handler returns."""
    global window
    count.store(0)
    window = u64(sys_mmap(Uaddr(0), 4096, Prot.NONE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0))
    handle(Signal.SEGV, open_window)
    at(Cell, window + 64).value = 77
    equal(count.load(), 1, "handlers run")
    equal(last.address, window + 64, "address")
    check(last.code == SignalCode.FAULT, "code")
    equal(at(Cell, window + 64).value, 77, "what was written at last")
    restore_default(Signal.SEGV)


def test_not_inherited() -> None:
    """A copy has our actions and masks; another program begins with its own, whoever becomes it."""
    to_child = io.pipe()
    from_child = io.pipe()
    ignore(Signal.TERM)
    before = sigprocmask(MaskChange.BLOCK, bit(Signal.TERM))
    pid = fork()
    if pid == 0:
        io.dup(to_child[0], 0)
        io.dup(from_child[1], 1)
        argv = array(1, str)
        argv[0] = "cat"
        exec_program("/bin/cat", argv[:], environment())
    io.write_all(to_child[1], "x")
    byte = array(1, u8)
    equal(io.read_full(from_child[0], byte[:]), 1, "bytes from the new program")
    kill(pid, Signal.TERM)
    equal(u64(wait(pid)), 128 + 15, "status: the signal was neither ignored nor blocked")
    restore_default(Signal.TERM)
    sigprocmask(MaskChange.SET, before)
    for end in (to_child[0], to_child[1], from_child[0], from_child[1]):
        io.close(end)


def test_pending_once() -> None:
    """A signal that is pending already is not queued again: the last value counts."""
    count.store(0)
    handle(40, note)
    before = sigprocmask(MaskChange.BLOCK, bit(40))
    for value in range(u64(1), 4):
        queue_to_thread(my_uthread(), 40, value)
    sigprocmask(MaskChange.SET, before)
    equal(count.load(), 1, "handlers run")
    equal(last.value, 3, "value")


def send_from_child(option: str, delay: str) -> i32:
    """A child that sends us a signal after a while; its pid."""
    line = text(80)
    line.write(f"sleep {delay}; kill {option} {getpid()}")
    argv = array(3, str)
    argv[0] = "sh"
    argv[1] = "-c"
    argv[2] = line.view
    none = array(1, FdPair)
    return spawn("/bin/sh", argv[:], environment(), none[:0])
