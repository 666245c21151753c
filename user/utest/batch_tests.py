# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of several system calls that are submitted at once: each is answered as if it had been alone, whatever the others come to."""

from lang import Errno, Uaddr, addr_of, array, at, i32, sizeof, u8, u32, u64
from kern.abi.event import EventType
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import KILLED_EXIT_CODE
from kern.abi.syscall import Syscall, SyscallFlag
from parlib.machine import syscall_trap
from pthread.ready import start_threads
from rt import io
from rt.exit import exit_now
from rt.process import getpid, wait
from rt.syscall import errno, failed, result_of, start_call, submit_all, wait_for
from syscalls import fill_block, fill_close, fill_fork, fill_null, fill_self_notify, fill_write
from syscalls import sys_abort_sysc, sys_fork, sys_mmap, sys_munmap
from utest.harness import Suite, check, equal, is_wanted, run, suites

MANY: u64 = 200                             # more than one trap takes
KINDS: u64 = 5
PAGE: u64 = 4096
LETTERS = "abcdefghijklmnopqrstuvwxyz"
HOUR_USEC: u64 = 3_600_000_000

calls = array(MANY, Syscall)
letters = array(MANY, u8)


def test_all_are_answered() -> None:
    """In their order: those that succeed, fail, sleep, and have something else run first."""
    reader, writer = io.pipe()
    for i in range(MANY):
        call = calls[i]
        start_call(call)
        match i % KINDS:
            case 0:
                fill_write(call, writer, LETTERS[i % 26 : i % 26 + 1])
            case 1:
                fill_close(call, 1000)
            case 2:
                fill_block(call, i * 5)
            case 3:
                fill_self_notify(call, 0, u32(EventType.NONE), Uaddr(0), False)
            case _:
                fill_null(call)
    submit_all(calls[:])
    for i in range(MANY):
        call = calls[i]
        wait_for(call)
        match i % KINDS:
            case 0:
                equal(result_of(call), 1, "bytes written")
            case 1:
                check(errno(call) == Errno.EBADF, f"call {i}: {errno(call).name}")
            case _:
                check(not failed(call), f"call {i}: {errno(call).name}")
    io.close(writer)
    equal(u64(io.read(reader, letters[:])), MANY // KINDS, "letters")
    wrong = sum(u64(1) for i in range(MANY // KINDS) if letters[i] != LETTERS[i * KINDS % 26])
    equal(wrong, 0, "letters out of their order")
    io.close(reader)


def test_taken() -> None:
    """What the kernel says it has taken, and nothing else, was begun: up to the call that waits, or less if something else was to do."""
    for _ in range(100):
        for call in calls[:3]:
            start_call(call)
            fill_null(call)
        fill_block(calls[1], HOUR_USEC)
        calls[0].taken = 0
        equal(syscall_trap(addr_of(calls), 3), 0, "what the trap gives")
        taken = u64(calls[0].taken)
        check(taken in range(1, 3), f"{taken} calls taken")
        wait_for(calls[0])
        if taken == 2:
            check(sys_abort_sysc(Uaddr(addr_of(calls[1]))), "the call that waits is not there")
            wait_for(calls[1])
        for call in calls[taken:3]:
            equal(u64(call.flags.load()), 0, "flags of a call that was not taken")
    start_call(calls[0])
    equal(syscall_trap(addr_of(calls), 0), 0, "what a trap without calls gives")
    equal(u64(calls[0].flags.load()), 0, "flags after a trap without calls")


def test_copies_go_on() -> None:
    """A fork among them: original and copy both submit the rest."""
    me = getpid()
    for call in calls[:9]:
        start_call(call)
        fill_null(call)
    fill_fork(calls[4])
    submit_all(calls[:9])
    undone = sum(u64(1) for call in calls[:9] if call.flags.load() & SyscallFlag.DONE == 0)
    if getpid() != me:
        exit_now(i32(undone))
    equal(undone, 0, "calls left undone")
    equal(u64(wait(i32(result_of(calls[4])))), 0, "calls that the copy left undone")


def test_half_of_a_structure() -> None:
    """The second structure is not all there: what comes before it is run, and the process ends, as for any structure that is nowhere."""
    reader, writer = io.pipe()
    place = sys_mmap(Uaddr(0), 2 * PAGE, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0)
    first = at(Syscall, u64(place) + PAGE - sizeof(Syscall) - 24)
    child = sys_fork()
    if child == 0:
        sys_munmap(place + PAGE, PAGE)
        start_call(first)
        fill_write(first, writer, "ab")
        syscall_trap(addr_of(first), 2)
        exit_now(0)
    equal(u64(wait(child)), u64(KILLED_EXIT_CODE & 0xFF), "status")
    equal(u64(io.read(reader, letters[:])), 2, "bytes that the first call has written")
    sys_munmap(place, 2 * PAGE)
    io.close(reader)
    io.close(writer)


@suites
class Batches(Suite):
    """In an SCP, and then with threads."""

    name: str = "batch"

    def run(self) -> None:
        if not is_wanted(self.name):
            return
        run("batch.answered", test_all_are_answered)
        run("batch.taken", test_taken)
        run("batch.copies", test_copies_go_on)
        run("batch.half_there", test_half_of_a_structure)
        start_threads()
        run("batch.answered_in_threads", test_all_are_answered)
        run("batch.taken_in_threads", test_taken)
