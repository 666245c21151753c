# SPDX-License-Identifier: LGPL-2.1-or-later
"""fuzz [-s SEED] [-n COUNT] [-j JOBS] [-w WORKER] [-c]: COUNT system calls with nonsense in them; the kernel must answer each.

What calls there are, what they take, and which errors their documentation speaks of, it has from the declarations in the kernel (`CALLS`):
a new call is fuzzed from its first day on. Workers, processes of a few hundred calls each, make them: one after the other, many at once
and aborted, from threads while another changes the memory that they name, or such as may end the worker itself. A worker that gets no
answer is a failure, and named; so is any memory of the kernel, or core, that is not back in the end.
-w: just this worker of the run, to look at what it does. -c: a table of calls and errors, and what was documented but never seen.
"""

from lang import Array, Errno, Error, Uaddr, addr_of, array, at, i32, i64, sizeof, struct, text, u8, u32, u64
from kern.abi.file import OpenMode
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import Resource
from lib.args import Options, help_wanted, misuse
from lib.files import Names, close_directory, is_directory, list_names, open_directory, read_file
from lib.strings import discard, number_or_none
from parlib.vcore import proc_info
from rt.args import args
from rt.io import close, flush_stdout, open, seek, write
from rt.process import fork, kill, run_and_wait, try_wait
from rt.time import now_ns, sleep_usec
from syscalls import CALLS, sys_mkdir, sys_mmap, sys_munmap, sys_provision, sys_remove
from utest.fuzz_worker import MOST_ERRORS, NEVER, WORKERS, Board, Kind, Slot, work
from utest.leaks import Live, all_cores_idle, apart, bring_programs_in

USAGE = "usage: fuzz [-s SEED] [-n COUNT] [-j JOBS] [-w WORKER] [-c]"
LIFE: u64 = 600                             # calls of a worker
PATIENCE_NS: u64 = 20_000_000_000           # without one call more a worker hangs,
WRECK_NS: u64 = 100_000_000                 # ... or was taken, by its own doing, where nothing answers
LOOK_USEC: u64 = 300
SWEEP: u64 = 32                             # workers after which what they left is cleared away
PROGRAMS: Array[str] = ("/bin/fuzz", "/bin/true", "/bin/hello", "/bin/rm")
PROGRESS: u64 = 100_000
BOARD = "/tmp/fuzz-board"
PLACE = "/tmp/fuzz"
ALL: u64 = 0xFFFF_FFFF_FFFF_FFFF


@struct
class Watch:
    """What is known of a slot's worker."""

    made: u64
    since_ns: u64


watches = array(WORKERS, Watch)
seed: u64 = 1
only: u64 = ALL
jobs: u64 = 2
names_before = Names()                      # in /tmp
board_at: u64 = 0                           # the Board's address


def main() -> i32:
    global seed, only, jobs
    count: u64 = 10_000
    table = False
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    while (option := options.next()) != 0:
        if option == ord("s"):
            seed = options.number()
        elif option == ord("n"):
            count = options.number()
        elif option == ord("j"):
            jobs = options.number()
        elif option == ord("w"):
            only = options.number()
        elif option == ord("c"):
            table = True
        else:
            return options.refuse(USAGE)
    if options.value_missing or jobs == 0 or jobs > WORKERS:
        return misuse(f"1 to {WORKERS} jobs, and a number after each option", USAGE)
    return fuzz(count, table)


def fuzz(count: u64, table: bool) -> i32:
    global board_at
    board = make_board()
    board_at = addr_of(board)
    list_names("/tmp", names_before)
    bring_programs_in(PROGRAMS[:])
    before = Live()
    if only == ALL:
        apart(run_workers, min(count // 4, LIFE * 16))
    before.take_again()
    good = apart(run_workers, board.made.load() + count) == 0 and board.unanswered == 0
    if not before.is_back():
        good = False
        print("memory of the kernel is not back:")
        before.tell_difference()
    if not all_cores_idle():
        good = False
        print("a core is not idle, or somebody's")
    if table:
        show_table(board)
    print(
        f"{board.made.load()} calls of {board.next_worker} workers, {board.stopped} of them stopped; {board.unanswered} without answer; ",
        end="",
    )
    print(f"seed {seed}")
    print("the kernel is sound" if good else "WRONG")
    drop_board(board)
    return 0 if good else 1


# -- workers ------------------------------------------------------------------------------------------------------
def run_workers(until: u64) -> i32:
    """So many calls in all; everything that the workers made is gone again when this returns."""
    board = at(Board, board_at)
    told = board.made.load() // PROGRESS
    while board.made.load() < until and (only == ALL or board.next_worker <= only):
        make_place()
        end = board.next_worker + SWEEP
        while board.next_worker < end or any_alive(board):
            for number in range(jobs):
                slot = board.slots[number]
                if slot.pid == 0 and board.next_worker < end and board.made.load() < until:
                    start_worker(board, slot, watches[number])
            tend(board)
            if board.made.load() >= until:
                end = board.next_worker
            if board.made.load() // PROGRESS != told:
                told = board.made.load() // PROGRESS
                print(f"{board.made.load()} calls")
                flush_stdout()
            sleep_usec(LOOK_USEC)
        sweep()
    return 0


def any_alive(board: Board) -> bool:
    return any(slot.pid != 0 for slot in board.slots)


def start_worker(board: Board, slot: Slot, watch: Watch) -> None:
    index = board.next_worker
    board.next_worker += 1
    if only != ALL and index != only:
        return
    slot.index = index
    slot.kind = u32(index % 4) + 1
    slot.made.store(0)
    pid = fork()
    if pid == 0:
        work(board, slot, seed, LIFE)
    slot.pid = pid
    watch.made = 0
    watch.since_ns = now_ns()


def tend(board: Board) -> None:
    """Bury who has ended, and look after who does nothing."""
    while True:
        try:
            pid, _ = try_wait(-1)
        except Error:
            pid = 0                         # there is none
        if pid == 0:
            break
        for slot in board.slots:
            if slot.pid == pid:
                slot.pid = 0
    for number, slot in enumerate(board.slots):
        if slot.pid != 0:
            watch_one(board, slot, watches[number])


def watch_one(board: Board, slot: Slot, watch: Watch) -> None:
    made = slot.made.load()
    if made != watch.made:
        watch.made = made
        watch.since_ns = now_ns()
    wrecks = slot.kind == u32(Kind.WRECK)
    if now_ns() - watch.since_ns < (WRECK_NS if wrecks else PATIENCE_NS):
        return
    if wrecks:
        board.stopped += 1
    else:
        board.unanswered += 1
        tell_hung(slot)
    watch.since_ns = now_ns()
    try:
        kill(slot.pid)
    except Error:
        pass                                # it ended just now


def tell_hung(slot: Slot) -> None:
    print(f"worker {slot.index} (fuzz -s {seed} -w {slot.index}) hangs after {slot.made.load()} calls, at")
    for number in slot.at:
        print(f"  {name_of(number.load())}")
    a = slot.args
    print(f"  the last with {a[0]:#x} {a[1]:#x} {a[2]:#x} {a[3]:#x} {a[4]:#x} {a[5]:#x}")
    path = text(40)
    path.write(f"/proc/{slot.pid}/sleepers")
    try:
        shown = read_file(path.view)
        print(f"{shown}")
        discard(shown)
    except Error:
        pass


def name_of(number: u32) -> str:
    for model in CALLS:
        if model.number == number:
            return model.name
    return "a call that there is not"


# -- before and after ---------------------------------------------------------------------------------------------
def make_board() -> Board:
    """In a file: memory that a fork shares."""
    size = (sizeof(Board) + 4095) & ~u64(4095)
    fd = open(BOARD, OpenMode.READ | OpenMode.WRITE | OpenMode.CREATE | OpenMode.TRUNC)
    seek(fd, i64(size) - 1)
    zero = array(1, u8)
    write(fd, zero)
    start = sys_mmap(Uaddr(0), size, Prot.READ | Prot.WRITE, MapFlags.SHARED | MapFlags.LOCKED, fd, 0)
    close(fd)
    return at(Board, start)


def drop_board(board: Board) -> None:
    sys_munmap(Uaddr(addr_of(board)), (sizeof(Board) + 4095) & ~u64(4095))
    sys_remove(BOARD)


def make_place() -> None:
    if not is_directory(PLACE):
        sys_mkdir(PLACE, 0o755)


def remove_strays() -> None:
    """What is new in /tmp: the place, under whatever name by now, and what came about by way of links. Others' files stay."""
    names = Names()
    path = text(300)
    list_names("/tmp", names)
    for name in names.all():
        path.clear()
        path.write(f"/tmp/{name}")
        if path.view == PLACE or path.view != BOARD and not any(name == other for other in names_before.all()):
            remove_all(path.view)
    names.close()


def remove_all(path: str) -> None:
    arguments = array(3, str)
    arguments[0] = "rm"
    arguments[1] = "-rf"
    arguments[2] = path
    if run_and_wait("/bin/rm", arguments[:]) != 0:
        print(f"{path} is still there")


def sweep() -> None:
    """Whatever workers left: their own children, guarantees, files."""
    end_strangers()
    for core in range(u32(1), proc_info().core_count):
        try:
            sys_provision(0, Resource.CORES, core)
        except Error:
            pass
    remove_strays()


def end_strangers() -> None:
    """Processes that nobody waits for: what a worker created, or copied, and did not outlive."""
    folder = open_directory("/proc")
    pids = array(512, i32)
    count: u64 = 0
    while folder.next() and count < 512:
        pid = number_or_none(folder.name)
        if pid is not None and is_stranger(folder.name):
            pids[count] = i32(pid)
            count += 1
    close_directory(folder)
    for pid in pids[:count]:
        try:
            kill(pid)
        except Error:
            pass


def is_stranger(pid: str) -> bool:
    """Whether it has no parent, and is not the first process."""
    path = text(64)
    path.write(f"/proc/{pid}/status")
    try:
        shown = read_file(path.view)
    except Error:
        return False
    found = shown.find("ppid: 0\n") >= 0 and pid != "1"
    discard(shown)
    return found


# -- what was seen ------------------------------------------------------------------------------------------------
def show_table(board: Board) -> None:
    for row in range(u64(len(CALLS)) + 1):
        name = CALLS[row].name if row < u64(len(CALLS)) else "(no such call)"
        if name in NEVER:
            continue
        total: u64 = 0
        for error in range(MOST_ERRORS):
            total += u64(board.counts[row * MOST_ERRORS + error].load())
        print(f"{name:<18}{total:>8}", end="")
        for error in Errno:
            times = board.counts[row * MOST_ERRORS + u64(error)].load()
            if times > 0:
                print(f" {error.name}:{times}", end="")
        if row < u64(len(CALLS)):
            show_missing(board, row)
        print("")


def show_missing(board: Board, row: u64) -> None:
    """Errors that are documented, and were not seen."""
    for error in Errno:
        if has_word(CALLS[row].errors, error.name) and board.counts[row * MOST_ERRORS + u64(error)].load() == 0:
            print(f" NEVER {error.name}", end="")


def has_word(words: str, wanted: str) -> bool:
    rest = words
    while len(rest) > 0:
        word, rest = rest.split1(" ")
        if word == wanted:
            return True
    return False
