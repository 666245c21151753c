# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes, without any that runs: their numbers, and what the kernel says of a change of state that cannot be."""

from lang import Error, Ref, addr_of, array, at, i64, u32, u64
from arch import smp
from kern.abi.errno import Errno
from kern.abi.proc import MAX_PID, ProcState
from kern.core import alloc, runqueue
from kern.core.kmsg import send_routine
from kern.core.percore import core
from kern.ktest.check_tests import expect
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.proc.destroy import proc_destroy
from kern.proc.proc import Proc, assign_pid, find_proc, forget_pid, proc_put
from kern.proc.structure import new_process, unknown_process

LIVING: u64 = 20
ROUNDS: u64 = 40_000

living = array(LIVING, Ref[Proc] | None)


def run_what_waits(unused: u64) -> None:
    """WAITING is not followed by RUNNING_M: a scheduler must have chosen cores first."""
    p = unknown_process()
    p.state_bits.store(u32(ProcState.WAITING))
    p.set_state(ProcState.RUNNING_M)


@kernel_tests
class BadTransition(KernelTest):
    name: str = "proc.bad_transition"

    def run(self) -> None:
        expect(run_what_waits, "process 0: state WAITING -> RUNNING_M")


@kernel_tests
class Pids(KernelTest):
    """Forty thousand processes come and go, one after the other, beside some that stay."""

    name: str = "proc.pids"

    def run(self) -> None:
        for i in range(LIVING):
            p = unknown_process()
            assign_pid(p)
            living[i] = p
        passing = unknown_process()
        before = 0
        wrapped: u64 = 0
        for _ in range(ROUNDS):
            assign_pid(passing)
            pid = i64(passing.pid)
            check(0 < pid <= i64(MAX_PID), f"pid {pid}")
            if pid <= before:
                wrapped += 1
            else:
                check(pid - before <= i64(LIVING) + 10 or before == 0, f"pid {pid} after {before}")
            before = pid
            forget_pid(passing)
            check(find_proc(passing.pid) is None, "found when it had gone")
        equal(wrapped, 1 + (ROUNDS - (u64(MAX_PID) - LIVING)) // u64(MAX_PID), "times round")
        proc_put(passing)
        for i in range(LIVING):
            stayed = living[i]
            if stayed is not None:
                found = find_proc(stayed.pid)
                check(found is stayed, "one that stayed is not found, or another")
                proc_put(stayed)
                proc_put(stayed)
            living[i] = None


@kernel_tests
class ChildOfTheDying(KernelTest):
    """A process that is killed while a call of its makes a child has none: nobody would ever start it, and nobody end it."""

    name: str = "proc.child_of_the_dying"

    def run(self) -> None:
        parent = new_process(None, "/ktest", "/ktest\0")
        proc_destroy(parent, 0)
        refused = False
        try:
            new_process(parent, "/ktest", "/ktest\0")
        except Error as e:
            refused = e.errno == Errno.ESRCH
        left = find_proc(parent.pid + 1)
        proc_put(parent)
        check(refused, "it has a child")
        check(left is None, "the child is there still")


def give_up_core(address: u64, id: u64, unused: u64) -> None:
    alloc.put_idle(at(Proc, address), u32(id))


@kernel_tests
class CoreGivenUp(KernelTest):
    """Who waits for a core that is being given up lets the thread run which does that, if it stands in line on the same core."""

    name: str = "core.given_up"

    def run(self) -> None:
        if smp.core_count() < 2:
            return
        slot = alloc.slots[smp.core_count() - 1]
        squatter = unknown_process()
        with alloc.lock:
            rests = runqueue.rests(slot)
            if rests:
                alloc.track_alloc(squatter, slot)
        if rests:
            send_routine(core.mine.core_id, give_up_core, addr_of(squatter), u64(slot.id), 0)
            alloc.evict(squatter, slot)
            check(not alloc.uses(squatter, slot), "it was not waited for")
        proc_put(squatter)
