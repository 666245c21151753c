# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a worker of `fuzz` does: a process of its own, which makes so many calls, one way or another, and notes what came of each.

What it notes stands in a `Board`, which it shares with the process that started it: by call and error, how often; and for each worker the
call that it is at, so that one which gets no answer has a name.
"""

from enum import IntEnum, auto

from lang import ACQUIRE, Array, Atomic, Errno, Error, Uaddr, addr_of, array, at, i32, offsetof, pause, sizeof, struct, text, u32, u64, wrap
from kern.abi.call_model import CallModel
from kern.abi.file import OpenMode
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import PROCDATA_ADDR, ProcData, VcorePreemptData
from kern.abi.syscall import Syscall, SyscallFlag
from parlib.machine import syscall_trap
from parlib.vcore import disable_notifs, enable_notifs, proc_info
from pthread import Thread, yield_now
from rt.exit import exit_now
from rt.io import close, dup, open, pipe, write
from rt.syscall import submit_all
from syscalls import CALLS, fill_abort_sysc, fill_mmap, fill_mprotect, fill_munmap, fill_write, sys_chdir
from utest.fuzz_values import KERNEL, PAGE, PLAY_PAGES, PLAYGROUND, Random, Values, argument, queue, word

MOST_CALLS: u64 = 128                       # declared calls; the last row is for numbers that no call has
MOST_ERRORS: u64 = 256
WORKERS: u64 = 4
CHANGES: u64 = 300                          # of vcores, in a worker that does that
DEPTH: u64 = 8                              # calls that are under way at once
THREADS: u64 = 3
FAR: i32 = 40                               # a descriptor that calls hardly ever are about
FINISHED = 1                                # SyscallFlag.DONE
IN_KERNEL = 8                               # SyscallFlag.K_LOCK
READ_WRITE = OpenMode.READ | OpenMode.WRITE
# They end the machine: none makes them.
NEVER = ("reboot", "poweroff")
# They may end the worker, or take it where nothing answers: only wreckers make them.
WRECKING = (
    "self_notify",
    "notify",
    "send_event",
    "proc_yield",
    "change_vcore",
    "vc_entry",
    "halt_core",
    "pop_ctx",
    "fault_exit",
    "exec",
    "change_to_m",
    "proc_destroy",
    "kill",
)


class Kind(IntEnum):
    PLAIN = auto()                          # one call after the other
    BURST = auto()                          # many under way, and aborted
    RACE = auto()                           # an MCP: threads that call, while one changes the memory that they name
    WRECK = auto()                          # calls that may end it, and structures that are nowhere


@struct
class Slot:
    """A worker."""

    pid: i32
    kind: u32
    index: u64                              # which worker of the run: with the run's seed it says all that it does
    made: Atomic[u64]
    at: Array[Atomic[u32]] = array(4)       # by thread: the number of the call that it is at
    args: Array[u64] = array(6)             # of the last one


@struct
class Board:
    made: Atomic[u64]
    next_worker: u64
    stopped: u64                            # wreckers that had to be ended
    unanswered: u64
    counts: Array[Atomic[u32]] = array(MOST_CALLS * MOST_ERRORS)
    slots: Array[Slot] = array(WORKERS)

    def note(self, row: u64, error: u64) -> None:
        self.made.add(1)
        self.counts[row * MOST_ERRORS + min(error, MOST_ERRORS - 1)].add(1)

    def take_back(self, row: u64) -> None:
        """What was noted as a success has come back with an error."""
        self.made.sub(1)
        self.counts[row * MOST_ERRORS].sub(1)


values = array(THREADS, Values)
calls = array(DEPTH * THREADS, Syscall)
rows = array(DEPTH * THREADS, u64)          # of which call each is
stop = Atomic[u32](0)
changes = Atomic[u64](0)
wanted: u64 = 0
exec_row: u64 = 0                           # of the call exec,
change_row: u64 = 0                         # ... and of change_vcore
failing: i32 = -1                           # #mem/fail, if there is one


@struct
class DataWord:
    value: u64


@struct
class Shared:
    """Addresses, for threads."""

    board: u64
    slot: u64


shared = Shared()


def work(board: Board, slot: Slot, seed: u64, count: u64) -> None:
    """All of a worker's life. Does not return."""
    global wanted, exec_row, change_row
    wanted = count
    while CALLS[exec_row].name != "exec":
        exec_row += 1
    while CALLS[change_row].name != "change_vcore":
        change_row += 1
    for i in range(THREADS):
        v = values[i]
        v.random.state = (seed * 1_000_003 + slot.index) * 8 + i + 1
        for _ in range(5):
            v.random.next()
        v.family.me = proc_info().pid
        v.wrecks = slot.kind == u32(Kind.WRECK)
        v.other_call = addr_of(calls[0])
    try:
        open_descriptors()
        if slot.index % 16 == 4:
            use_all_descriptors()
    except Error:
        exit_now(1)
    fresh_playground()
    match Kind(slot.kind):
        case Kind.RACE:
            race(board, slot)
        case Kind.BURST:
            for _ in range(count // DEPTH + 1):
                burst(board, slot)
        case _:
            if slot.kind == u32(Kind.WRECK) and slot.index % 8 == 3:
                change_about(board, slot)
            for _ in range(count):
                one(board, slot, 0)
    exit_now(0)


def open_descriptors() -> None:
    """One of each kind, and nothing that anybody else looks at."""
    for fd in range(i32(0), 3):
        close(fd)
    pipe()                                  # 0, 1
    open("/dev/null", READ_WRITE)           # 2
    open("#random/urandom")                 # 3
    sys_chdir(0, "/tmp/fuzz")
    file = open("a", READ_WRITE | OpenMode.CREATE)  # 4
    write(file, values[0].stage[0:9000])
    open(".")                               # 5
    open("/bin/true")                       # 6
    open("/proc/1/status")                  # 7
    pipe(OpenMode.NONBLOCK)                 # 8, 9
    open("/bin/hello")                      # 10; not the disk: its tree of pages grows for good, wherever it is touched
    dup(4)                                  # 11
    global failing
    try:
        fd = open("#mem/fail", OpenMode.READ | OpenMode.WRITE)  # 12, which is free again
    except Error:
        return                              # a release build
    failing = dup(fd, FAR)
    close(fd)


def use_all_descriptors() -> None:
    """So that this worker's calls find no free one, unless it closes one."""
    try:
        while True:
            dup(2)
    except Error as e:
        if e.errno != Errno.EMFILE:
            raise


# -- one call -----------------------------------------------------------------------------------------------------
def one(board: Board, slot: Slot, thread: u64) -> None:
    submit(board, slot, thread, 0)
    await_answer(board, slot, thread, 0)


def burst(board: Board, slot: Slot) -> None:
    """One trap after the other, or as few as may be."""
    at_once = values[0].random.one_in(3)
    for i in range(DEPTH):
        if at_once:
            prepare(slot, 0, i)
        else:
            submit(board, slot, 0, i)
    if at_once:
        submit_all(calls[:DEPTH])
        leave_if_copied(board, 0, calls[0])
    for i in range(DEPTH):
        await_answer(board, slot, 0, i)


def prepare(slot: Slot, thread: u64, place: u64) -> u64:
    """Choose a call; its index."""
    v = values[thread]
    if v.random.one_in(64) and thread == 0:
        fresh_playground()
    index = thread * DEPTH + place
    call = calls[index]
    call.err = 0
    call.retval = 0
    call.flags.store(u32(0))
    choose(v, call, index)
    slot.at[thread].store(call.num)
    for i in range(6):
        slot.args[i] = call.args[i]
    slot.made.add(1)
    if v.random.one_in(6):
        call.ev_q = Uaddr(queue(v))
        call.flags.store(u32(SyscallFlag.UEVENT))
    return index


def submit(board: Board, slot: Slot, thread: u64, place: u64) -> None:
    """Choose a call and make it."""
    v = values[thread]
    index = prepare(slot, thread, place)
    call = calls[index]
    where = addr_of(call)
    if v.wrecks and v.random.one_in(100):
        where = KERNEL + v.random.below(0x1000_0000) if v.random.one_in(2) else word(v)
    nowhere = where != addr_of(call)
    v.other_call = where
    if nowhere:
        rows[index] = u64(len(CALLS))       # whatever is there is called
    if v.random.one_in(40):
        fail_one(v)
    if v.wrecks and v.random.one_in(3):
        scribble(v)
    if rows[index] == exec_row:
        board.note(rows[index], 0)          # who succeeds cannot say so afterwards
    syscall_trap(where, v.random.below(4) if nowhere else 1)
    leave_if_copied(board, thread, call)
    if nowhere:
        call.flags.store(u32(SyscallFlag.DONE))


def leave_if_copied(board: Board, thread: u64, call: Syscall) -> None:
    """After a fork: the copy is not the worker."""
    if proc_info().pid != values[thread].family.me:
        go_on(board, values[thread], call)


def go_on(board: Board, v: Values, call: Syscall) -> None:
    """A copy of a worker goes on as a program, or is refused and ends."""
    fill(v, call, CALLS[exec_row])
    call.flags.store(u32(0))
    board.note(exec_row, 0)
    make(call)
    board.take_back(exec_row)
    board.note(exec_row, u64(call.err))
    exit_now(0)


def scribble(v: Values) -> None:
    """Nonsense into a word of what the process tells the kernel: flags, mailboxes, contexts, where it is entered."""
    words = (offsetof(ProcData, "vcores") + u64(proc_info().max_vcores) * sizeof(VcorePreemptData)) // sizeof(DataWord)
    at(DataWord, PROCDATA_ADDR + v.random.below(words) * sizeof(DataWord)).value = word(v)


def fail_one(v: Values) -> None:
    """One of the next allocations for this process fails: the call that is about to be made gets ENOMEM, if it is its."""
    if failing < 0:
        return
    order = text(32)
    order.write(f"{v.family.me} {v.random.below(6) + 1}")
    call = Syscall()
    fill_write(call, failing, order.view)
    make(call)


def choose(v: Values, call: Syscall, index: u64) -> None:
    """Fill the structure in."""
    while True:
        row = v.random.below(u64(len(CALLS)) + 1)
        if row == u64(len(CALLS)):
            unknown(v, call)
            break
        model = CALLS[row]
        if model.name not in NEVER and (v.wrecks or model.name not in WRECKING):
            fill(v, call, model)
            break
    rows[index] = row


def fill(v: Values, call: Syscall, model: CallModel) -> None:
    call.num = model.number
    for i in range(u64(6)):
        before = call.args[i - 1] if i > 0 else u64(0)
        call.args[i] = argument(v, model.name, model.words[:], i, before) if i < u64(model.count) else word(v)


def unknown(v: Values, call: Syscall) -> None:
    """A number that no call has."""
    call.num = 0
    while call.num == 0 or any(model.number == call.num for model in CALLS):
        call.num = u32(v.random.below(300)) + 1
    for i in range(6):
        call.args[i] = word(v)


def await_answer(board: Board, slot: Slot, thread: u64, place: u64) -> None:
    """Every call is answered, if need be when it is told to give up."""
    index = thread * DEPTH + place
    call = calls[index]
    slot.at[thread].store(call.num)
    tries: u64 = 0
    while call.flags.load(order=ACQUIRE) & (FINISHED | IN_KERNEL) != FINISHED:
        tries += 1
        if tries % 64 == 0:
            give_up(call)
        if slot.kind == u32(Kind.RACE):
            yield_now()
        pause()
    if rows[index] == exec_row:
        board.take_back(rows[index])
    board.note(rows[index], u64(call.err))
    if call.err == 0 and call.retval > 0 and rows[index] < u64(len(CALLS)) and CALLS[rows[index]].name in ("fork", "proc_create"):
        values[thread].family.add(wrap(i32, call.retval))


def give_up(call: Syscall) -> None:
    """Have a call aborted; the answer to that does not count."""
    abort = Syscall()
    fill_abort_sysc(abort, Uaddr(addr_of(call)))
    make(abort)


def make(call: Syscall) -> None:
    """A call that never sleeps."""
    syscall_trap(addr_of(call), 1)
    while call.flags.load(order=ACQUIRE) & (FINISHED | IN_KERNEL) != FINISHED:
        pause()


# -- vcores that become each other ---------------------------------------------------------------------------------
def change_about(board: Board, slot: Slot) -> None:
    """As a many-core process, from vcore context or what the kernel takes for it, while its cores are taken."""
    threads = array(THREADS, Thread)
    threads[0].start(take_cores, 0)
    for i in range(u64(1), THREADS):
        threads[i].start(keep_busy, i)
    call = calls[0]
    for _ in range(CHANGES):
        call.err = 0
        call.flags.store(u32(0))
        fill(values[0], call, CALLS[change_row])
        call.args[0] = values[0].random.below(THREADS + 1)
        call.args[1] = 0                    # afresh this thread would not come back
        slot.at[0].store(call.num)
        slot.made.add(1)
        disable_notifs()
        syscall_trap(addr_of(call), 1)
        while call.flags.load(order=ACQUIRE) & (FINISHED | IN_KERNEL) != FINISHED:
            pause()
        enable_notifs()
        board.note(change_row, u64(call.err))
        changes.add(1)
    stop.store(u32(1))
    for i in range(THREADS):
        threads[i].join()


def keep_busy(number: u64) -> None:
    """Half of such a process' life it stays sound."""
    while stop.load() == 0:
        if changes.load() > CHANGES // 2:
            scribble(values[number])
        for _ in range(50):
            pause()


def take_cores(unused: u64) -> None:
    """Have the kernel take one's own cores."""
    path = text(40)
    path.write(f"/proc/{values[0].family.me}/ctl")
    try:
        ctl = open(path.view, OpenMode.WRITE)
    except Error:
        return
    random = Random(state=values[0].random.state ^ 0x7777)
    while stop.load() == 0:
        order = text(16)
        order.write(f"preempt {random.below(THREADS)}")
        call = Syscall()
        fill_write(call, ctl, order.view)
        make(call)
        yield_now()
    close(ctl)


# -- memory that changes ------------------------------------------------------------------------------------------
def fresh_playground() -> None:
    """Half of it is there; the rest are holes."""
    call = Syscall()
    fill_munmap(call, Uaddr(PLAYGROUND), PLAY_PAGES * PAGE)
    make(call)
    for page in range(u64(0), PLAY_PAGES, 4):
        map_at(PLAYGROUND + page * PAGE, 2 * PAGE)


def map_at(address: u64, size: u64) -> None:
    call = Syscall()
    fill_mmap(call, Uaddr(address), size, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED, -1, 0)
    make(call)


def race(board: Board, slot: Slot) -> None:
    shared.board = addr_of(board)
    shared.slot = addr_of(slot)
    threads = array(THREADS, Thread)
    changing = Thread()
    changing.start(change_memory, 0)
    for i in range(THREADS):
        threads[i].start(call_along, i)
    for i in range(THREADS):
        threads[i].join()
    stop.store(u32(1))
    changing.join()


def call_along(thread: u64) -> None:
    for _ in range(wanted // THREADS):
        one(at(Board, shared.board), at(Slot, shared.slot), thread)


def change_memory(unused: u64) -> None:
    """Pages come, go, and change their rights, whatever the kernel does with them just now."""
    random = Random(state=values[0].random.state ^ 0x5555)
    call = Syscall()
    while stop.load() == 0:
        start = PLAYGROUND + random.below(PLAY_PAGES) * PAGE
        size = (random.below(8) + 1) * PAGE
        match random.below(4):
            case 0:
                call.flags.store(u32(0))
                fill_munmap(call, Uaddr(start), size)
                make(call)
            case 1:
                call.flags.store(u32(0))
                fill_mprotect(call, Uaddr(start), size, Prot.READ if random.one_in(2) else Prot.NONE)
                make(call)
            case _:
                map_at(start, size)
        if random.one_in(4):
            yield_now()
