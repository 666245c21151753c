# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commands in the background: which processes belong to which, and what became of them."""

from lang import Array, Errno, Error, Span, array, assign, free, i32, new, struct, u32, u64
from kern.abi.file import WaitFlag, WaitStatus
from kern.abi.syscall import Syscall
from lib import console
from lib.process import try_wait_for
from lib.strings import discard, duplicate
from rt.process import exit_status
from rt.syscall import errno, wait_for
from syscalls import submit_waitpid

FIRST_ROOM: u64 = 32                        # jobs; doubled when more run
INTERRUPTED: i32 = 130
MAX_PROCESSES: u64 = 32                     # of one pipeline
MAX_TOLD: u64 = 64


@struct
class Job:
    number: u32 = 0                         # 0: the slot is free
    text: str                               # allocated
    pids: Array[i32] = array(MAX_PROCESSES)  # 0: could not be started
    running: u64 = 0                        # which of them have not ended: a bit each
    count: u64 = 0
    status: i32 = 0                         # of the last process of the pipeline, once it has ended

    def runs(self, k: u64) -> bool:
        return (self.running >> k) & 1 != 0


@struct
class Told:
    """How a job ended that is on the list no more, since its end was told of: as POSIX wants it, `wait` for its last process still gives
    the status, once."""

    pid: i32 = -1
    status: i32 = 0


@struct
class Jobs:
    items: Span[Job]                        # allocated; number 1 stands first
    told: Array[Told] = array(MAX_TOLD)     # the latest
    next_told: u64 = 0

    def add(self, pids: Span[i32], command: str, at_console: bool) -> Job:
        """Remember a job. At a console each is kept until its end was told of. Raises ENOMEM (its processes run on all the same)."""
        self.take_status(pids[len(pids) - 1])  # somebody else's, of long ago
        place = self._free_place()
        if place == len(self.items) and not at_console:
            self.poll()
            for job in self.items:
                if job.running == 0:
                    self.retire(job)
            place = self._free_place()
        if place == len(self.items):
            self._grow()
        job = self.items[place]
        job.number = u32(place) + 1
        job.text = duplicate(command)
        job.count = min(len(pids), MAX_PROCESSES)
        for k in range(job.count):
            job.pids[k] = pids[k]
            if pids[k] != 0:
                job.running |= u64(1) << k
        job.status = 0
        return job

    def _free_place(self) -> u64:
        """The first free one; behind the last if all are taken."""
        for i in range(len(self.items)):
            if self.items[i].number == 0:
                return i
        return len(self.items)

    def _grow(self) -> None:
        count = len(self.items)
        larger = new(array(max(count * 2, FIRST_ROOM), Job))
        for i in range(count):
            assign(larger[i], self.items[i])
        if count > 0:
            free(self.items)
        self.items = larger

    def poll(self) -> None:
        """See which processes have ended; never blocks."""
        for job in self.items:
            for k in range(job.count):
                if job.runs(k):
                    self._poll_one(job, k)

    def _poll_one(self, job: Job, k: u64) -> None:
        try:
            ended, status = try_wait_for(job.pids[k])
        except Error:
            ended, status = True, 0
        if ended:
            self._ended(job, k, status)

    def _ended(self, job: Job, k: u64, status: i32) -> None:
        job.running &= ~(u64(1) << k)
        if k + 1 == job.count:
            job.status = status

    def wait(self, job: Job, at_console: bool) -> i32:
        """Wait until all of a job has ended, and forget it; its status. At a console Ctrl-C ends the waiting, not the job."""
        for k in range(job.count):
            if job.runs(k) and not self._wait_one(job, k, at_console):
                return INTERRUPTED
        result = job.status
        self.forget(job)
        return result

    def _wait_one(self, job: Job, k: u64, at_console: bool) -> bool:
        """Wait for one of its processes; False if the waiting was ended before."""
        result = WaitStatus()
        call = Syscall()
        submit_waitpid(call, job.pids[k], result, WaitFlag(0))
        if at_console:
            console.wait_or_interrupt(call)
        wait_for(call)
        if errno(call) == Errno.EINTR:
            return False
        self._ended(job, k, exit_status(result))
        return True

    def wait_all(self, at_console: bool) -> i32:
        """Wait for all jobs, and forget them, and those of before; 0, or INTERRUPTED."""
        for job in self.items:
            if job.number != 0 and self.wait(job, at_console) == INTERRUPTED:
                return INTERRUPTED
        for told in self.told:
            told.pid = -1
        return 0

    def find(self, number: u32) -> Job | None:
        if number == 0 or u64(number) > len(self.items) or self.items[number - 1].number == 0:
            return None
        return self.items[number - 1]

    def find_pid(self, pid: i32) -> Job | None:
        for job in self.items:
            if job.number != 0 and pid != 0:
                for k in range(job.count):
                    if job.pids[k] == pid:
                        return job
        return None

    def take_status(self, pid: i32) -> i32 | None:
        """Of a job that is on the list no more, by its last process. Nobody gets it a second time."""
        for told in self.told:
            if told.pid == pid:
                told.pid = -1
                return told.status
        return None

    def retire(self, job: Job) -> None:
        """Take a job that has ended off the list, but for its status."""
        told = self.told[self.next_told % MAX_TOLD]
        told.pid = job.pids[job.count - 1]
        told.status = job.status
        self.next_told += 1
        self.forget(job)

    def forget(self, job: Job) -> None:
        job.number = 0
        job.count = 0
        discard(job.text)
        job.text = ""

    def report_ended(self, fd: i32) -> None:
        """Tell of the jobs that have ended since, and take them off the list."""
        self.poll()
        for job in self.items:
            if job.number != 0 and job.running == 0:
                print(f"[{job.number}] done ({job.status})  {job.text}", file=fd)
                self.retire(job)

    def list(self, fd: i32) -> None:
        self.poll()
        for job in self.items:
            if job.number != 0:
                state = "running" if job.running != 0 else "done"
                print(f"[{job.number}] {state:<8} {job.text}", file=fd)
