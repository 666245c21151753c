# SPDX-License-Identifier: LGPL-2.1-or-later
"""noise: what disturbs a many-core process on the cores that it holds, by the kernel's counts and by the work that it gets done.

A child holds cores that are provisioned to it, with a thread on each, and computes in quanta of fixed time, without a system call.
The parent, a single-core process on core 0, reads the kernel's counts before and after, and may run a program beside it meanwhile,
which then is on the other cores. They tell each other by pages that both have mapped.
A quantum is made of units of equal work. One that takes over a hundredth longer than the shortest seen before was disturbed; what it took
longer is lost. With an emulator that counts instructions as nanoseconds that is exact.
"""

from lang import Array, Atomic, Ref, Span, Uaddr, array, at, i32, new, pause, sizeof, struct, text, u8, u32, u64
from kern.abi.file import OpenMode
from kern.abi.mman import MapFlags, Prot
from lib.args import Options, complain, complain_about, help_wanted, misuse
from lib.entries import Entries, read_entries
from lib.output import out
from lib.process import find_program
from lib.strings import number_or_none
from parlib.control import limit_vcores
from parlib.core_set import LIMIT, CoreSet
from parlib.vcore import pcore_of, proc_info, vcoreid_now
from pthread import Thread, yield_now
from rt.args import args
from rt.env import get_env
from rt.io import close, open, write_all
from rt.process import create_child, getpid, kill, provision_core_set, run, try_wait, wait
from rt.time import now_ns, now_tsc, sleep_usec, tsc_to_ns, usec_to_tsc
from syscalls import sys_mmap, sys_openat, sys_remove

USAGE = """usage: noise [-s] [-v CORES] [-q USEC] MILLISECONDS [PROGRAM [ARG…]]
  -v CORES  to hold, as 1,3-5 (all but core 0)    -q USEC  length of a quantum (1000)    PROGRAM  to run beside it meanwhile
  -s  a unit of work is 100 thread switches, on one core
The cores are held until the program has ended, or a minute more.
Its status is 1 if a held core entered the kernel."""
MAX_WORKERS: u64 = 256
ROUNDS: u64 = 4000                          # of a unit of work
YIELDS: u64 = 50                            # or these; the other thread makes as many
TOLERATED: u64 = 100                        # a unit may take longer by this part of it
TRIALS: u64 = 10                            # quanta that show how long a unit takes
MIX: u64 = 6364136223846793005              # of Knuth's linear congruential generator
USUAL_QUANTUM_USEC: u64 = 1000
MOST_QUANTA: u64 = 1_000_000
NEW_FILE = OpenMode.READ | OpenMode.WRITE | OpenMode.CREATE | OpenMode.TRUNC
PATIENCE_NS: u64 = 60_000_000_000
LOOK_USEC: u64 = 1000
SETTLE_USEC: u64 = 20_000


@struct
class Worker:
    """What came out of one thread's work."""

    first_core: u32
    last_core: u32
    usual: u64                              # cycles of a unit
    cycles: u64                             # of all quanta
    units: u64                              # in them,
    least: u64                              # ... in the quantum with the fewest
    most: u64                               # ... and in that with the most
    detours: u64                            # units that were disturbed
    longest: u64                            # cycles that one of them lost
    lost: u64                               # ... and all


@struct
class Board:
    """What parent and child share."""

    ready: Atomic[u64]                      # threads that have a core
    begin: Atomic[u64]                      # cycle counter at which they begin; 0: not yet
    done: Atomic[u64]                       # threads that are through, and go on computing until `stop`
    stop: Atomic[u32]
    workers: Array[Worker] = array(MAX_WORKERS)


@struct
class Plan:
    held: CoreSet
    quantum_usec: u64 = USUAL_QUANTUM_USEC
    switching: bool
    quanta: u64
    program: Span[str]


before = array(LIMIT, Entries)
after = array(LIMIT, Entries)
threads = array(MAX_WORKERS, Thread)
board_address: u64 = 0
quantum_cycles: u64 = 0
quanta_wanted: u64 = 0
switching: bool = False
partner = Thread()
sink: u64 = 0


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    if len(args()) == 6 and args()[1] in ("--hold", "--switch"):
        return hold(args()[2], u64(args()[3]), u64(args()[4]), u64(args()[5]))
    plan = Plan()
    status = make_plan(plan)
    return status if status != 0 else measure(plan)


def make_plan(plan: Plan) -> i32:
    options = Options(args=args())
    while (option := options.next()) != 0:
        if option == ord("v"):
            plan.held.parse(options.value())
        elif option == ord("q"):
            plan.quantum_usec = options.number()
        elif option == ord("s"):
            plan.switching = True
        else:
            return options.refuse(USAGE)
    words = options.operands()
    ms = number_or_none(words[0]) if len(words) > 0 else None
    if options.value_missing or ms is None or plan.quantum_usec == 0:
        return misuse("how long?", USAGE)
    plan.quanta = ms * 1000 // plan.quantum_usec
    if plan.quanta == 0 or plan.quanta > MOST_QUANTA:
        return misuse(f"from 1 to {MOST_QUANTA} quanta", USAGE)
    plan.program = words[1:]
    cores = u64(proc_info().core_count)
    if plan.switching and len(plan.held) != 1:
        return misuse("-s needs one core: -v CORE", USAGE)
    if len(plan.held) == 0:
        plan.held.fill(cores)
        if cores > 1:
            plan.held.remove(0)
    return 0


# -- the parent ---------------------------------------------------------------------------------------------------
def measure(plan: Plan) -> i32:
    """Hold the cores, compare the counts, tell. 0 if no held core entered the kernel."""
    path = text(40)
    path.write(f"/tmp/noise.{getpid()}")
    make_board(path.view)
    board = at(Board, board_address)
    child = start_holder(path.view, plan)
    status = watch(plan, board)
    board.stop.store(u32(1))
    if status != 0:
        kill(child)
    wait(child)
    sys_remove(path.view)
    return status if status != 0 else tell(plan, board)


def make_board(path: str) -> None:
    """A new file that holds one, mapped."""
    fd = sys_openat(-100, path, NEW_FILE, 0o600)
    write_all(fd, new(array(sizeof(Board), u8)))
    close(fd)
    map_board(path)


def map_board(path: str) -> None:
    global board_address
    fd = open(path, OpenMode.READ | OpenMode.WRITE)
    place = sys_mmap(Uaddr(0), sizeof(Board), Prot.READ | Prot.WRITE, MapFlags.SHARED | MapFlags.POPULATE, fd, 0)
    board_address = u64(place)
    close(fd)


def start_holder(path: str, plan: Plan) -> i32:
    count = text(24)
    count.write(f"{len(plan.held)}")
    usec = text(24)
    usec.write(f"{plan.quantum_usec}")
    quanta = text(24)
    quanta.write(f"{plan.quanta}")
    arguments = array(6, str)
    arguments[0] = "noise"
    arguments[1] = "--switch" if plan.switching else "--hold"
    arguments[2] = path
    arguments[3] = count.view
    arguments[4] = usec.view
    arguments[5] = quanta.view
    child = create_child("/bin/noise", arguments[:])
    if 0 not in plan.held:
        provision_core_set(child, plan.held)
    run(child)
    return child


def watch(plan: Plan, board: Board) -> i32:
    """From all cores held to all work done. 0, or the status to end with."""
    count = u64(len(plan.held))
    if not come_to(board.ready, count):
        return complain(f"{board.ready.load()} of {count} cores came")
    beside: i32 = 0
    if len(plan.program) > 0:
        beside = start_beside(plan.program)
        if beside == 0:
            return 127
    read_entries(before)
    # Asleep for all of it, and before: with one core alone it is the child's alone meanwhile.
    board.begin.store(now_tsc() + usec_to_tsc(SETTLE_USEC))
    sleep_usec(plan.quanta * plan.quantum_usec + 2 * SETTLE_USEC)
    through = come_to(board.done, count)
    if beside != 0:
        end_beside(beside)
    read_entries(after)
    return 0 if through else complain(f"{board.done.load()} of {count} threads are through")


def come_to(counter: Ref[Atomic[u64]], wanted: u64) -> bool:
    """Wait for it; False if it takes too long."""
    end = now_ns() + PATIENCE_NS
    while counter.load() < wanted:
        if now_ns() > end:
            return False
        sleep_usec(LOOK_USEC)
    return True


def start_beside(words: Span[str]) -> i32:
    """The pid of the program; 0 if there is none such."""
    path = text(200)
    if not find_program(words[0], get_env("PATH"), path):
        complain_about(words[0], "command not found")
        return 0
    pid = create_child(path.view, words)
    run(pid)
    return pid


def end_beside(pid: i32) -> None:
    """Wait for it, and no longer than our patience lasts."""
    end = now_ns() + PATIENCE_NS
    while now_ns() < end:
        ended, _ = try_wait(pid)
        if ended == pid:
            return
        sleep_usec(LOOK_USEC)
    kill(pid)
    wait(pid)


def tell(plan: Plan, board: Board) -> i32:
    status: i32 = 0
    for i in range(u64(proc_info().core_count)):
        after[i].subtract(before[i])
        if i not in plan.held:
            out.print(f"core {i} not held, {after[i]}\n")
    for worker in board.workers[: u64(len(plan.held))]:
        core = worker.first_core
        out.print(f"core {core} held, {after[core]}\n")
        if worker.last_core != core:
            out.print(f"core {core} was lost: the thread ended on core {worker.last_core}\n")
            status = 1
        if after[core].total > 0:
            status = 1
        tell_work(plan, worker)
    out.flush()
    return status


def tell_work(plan: Plan, worker: Worker) -> None:
    """Losses in millionths of the time."""
    millionths = worker.lost * 1_000_000 // max(worker.cycles, 1)
    out.print(f"  {plan.quanta} quanta of {plan.quantum_usec} us, {worker.least} to {worker.most} units")
    out.print(f" of {tsc_to_ns(worker.usual)} ns each, {worker.units} in all;")
    out.print(f" lost {tsc_to_ns(worker.lost)} ns of {tsc_to_ns(worker.cycles)}, {millionths // 10_000}.{millionths % 10_000:04} %,")
    out.print(f" in {worker.detours} detours of up to {tsc_to_ns(worker.longest)} ns\n")


# -- the child ----------------------------------------------------------------------------------------------------
def hold(path: str, count: u64, quantum_usec: u64, quanta: u64) -> i32:
    global quantum_cycles, quanta_wanted, switching
    switching = args()[1] == "--switch"
    map_board(path)
    quantum_cycles = usec_to_tsc(quantum_usec)
    quanta_wanted = quanta
    limit_vcores(u32(count))
    if switching:
        partner.start(switch_back, 0)
    for i in range(count):
        threads[i].start(work, i)
    for i in range(count):
        threads[i].join()
    if switching:
        partner.join()
    return 0


def switch_back(unused: u64) -> None:
    board = at(Board, board_address)
    while board.stop.load() == 0:
        yield_now()


def work(number: u64) -> None:
    board = at(Board, board_address)
    mine = board.workers[number]
    mine.first_core = pcore_of(vcoreid_now())
    trial = Worker(usual=1 << 32)
    mine.usual = compute(trial, TRIALS)     # with it the code is there as well
    board.ready.add(1)
    while board.begin.load() == 0 or now_tsc() < board.begin.load():
        rest()
    compute(mine, quanta_wanted)
    board.done.add(1)
    while board.stop.load() == 0:
        rest()
    mine.last_core = pcore_of(vcoreid_now())


def rest() -> None:
    if switching:
        yield_now()
    else:
        pause()


def compute(mine: Worker, quanta: u64) -> u64:
    """Quantum after quantum, with an end at fixed times; the cycles of the shortest unit."""
    global sink
    shortest = ~u64(0)
    limit = mine.usual + mine.usual // TOLERATED
    mine.least = ~u64(0)
    start = now_tsc()
    value = start
    last = start
    for quantum in range(quanta):
        end = start + (quantum + 1) * quantum_cycles
        units: u64 = 0
        while last < end:
            if switching:
                for _ in range(YIELDS):
                    yield_now()
            else:
                for _ in range(ROUNDS):
                    value = (value ^ value >> 29) * MIX  # no compiler makes one step of many
            now = now_tsc()
            taken = now - last
            last = now
            units += 1
            shortest = min(shortest, taken)
            if taken > limit:
                mine.detours += 1
                mine.lost += taken - mine.usual
                mine.longest = max(mine.longest, taken - mine.usual)
        mine.units += units
        mine.least = min(mine.least, units)
        mine.most = max(mine.most, units)
    mine.cycles = last - start
    sink = value
    return shortest
