# SPDX-License-Identifier: LGPL-2.1-or-later
"""failing [OPERATION…]: every allocation that a system call makes fails in turn, by #mem/fail.

Each operation is done as it is first, which must work; then again and again, with the first of its allocations failing, the second, and so
on until it makes no more. Each time it must succeed nevertheless, or be refused with ENOMEM; afterwards the kernel's memory must be as it
was, to the byte. Children are told their number, and make it the number of their own allocation. What a child does may end it: then it is
the child alone that is gone, and all that it had. Checked builds only.
"""

from typing import Callable

from lang import Array, Errno, Error, Raises, Uaddr, addr_of, array, as_bytes, at, i32, struct, text, u8, u32, u64
from kern.abi.event import EventMsg, EventQueue
from kern.abi.file import DirEntry, FdPair, OpenMode, SpawnFlag
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import Resource
from kern.abi.tap import TapCommand, TapFilter, TapRequest
from kern.abi.time import TimeSpec
from lib.args import help_wanted, misuse
from lib.posix import readlink, symlink
from lib.strings import number_or_none
from pthread import Thread
from rt.args import args, environment
from rt.exit import exit_now
from rt.io import close, dup, open, pipe, read, read_full, seek, write
from rt.process import create, exec_program, fork, getpid, run, wait
from rt.time import now_ns
from syscalls import sys_block, sys_chdir, sys_getcwd, sys_mkdir, sys_mmap, sys_mprotect, sys_munmap, sys_nanosleep
from syscalls import sys_notify, sys_populate_va, sys_provision, sys_remove, sys_rename, sys_send_event, sys_sync
from syscalls import sys_tap_fds
from utest.leaks import Live, apart, bring_programs_in

USAGE = "usage: failing [OPERATION…]\nThe places that failed, with their callers, are in #mem/fail_places afterwards."
PAGE: u64 = 4096
ROUNDS = 3                                  # what is lost, is lost each time; what others come to have meanwhile is not
PROGRAMS: Array[str] = ("/bin/failing", "/bin/true", "/bin/hello")
MOST_TRIES: u64 = 3000
TELL: u64 = 1000                            # added to an operation's number
NEW = OpenMode.READ | OpenMode.WRITE | OpenMode.CREATE
RW = Prot.READ | Prot.WRITE
FILE = "/tmp/failing"
ENDED_WELL: i32 = 0
REFUSED: i32 = 12                           # a child's status: ENOMEM


@struct
class Operation:
    name: str
    act: Callable[[], Raises[None]]


buffer = array(8192, u8)
control: i32 = -1                           # the open #mem/fail
nth: u64 = 0                                # of the allocation that fails in this try


# -- files --------------------------------------------------------------------------------------------------------
def act_files() -> None:
    arm_self()
    try:
        fd = open(FILE, NEW)
        try:
            write(fd, buffer[:6000])
            sys_sync(fd)
            read(fd, buffer[:100])
        finally:
            close(fd)
    finally:
        drop(FILE)


def act_sparse() -> None:
    """Far from the beginning: the tree of pages grows."""
    arm_self()
    try:
        fd = open(FILE, NEW)
        try:
            seek(fd, 40 << 20)
            write(fd, buffer[:100])
        finally:
            close(fd)
    finally:
        drop(FILE)


def act_folders() -> None:
    arm_self()
    try:
        sys_mkdir("/tmp/failing-a", 0o755)
        sys_rename("/tmp/failing-a", "/tmp/failing-b")
        sys_chdir(0, "/tmp/failing-b")
        sys_getcwd(buffer[:1024])
    finally:
        disarm()
        sys_chdir(0, "/")
        drop("/tmp/failing-a")
        drop("/tmp/failing-b")


def act_links() -> None:
    arm_self()
    try:
        symlink("failing-b", "/tmp/failing-a")
        symlink("/tmp/failing-a", "/tmp/failing-c")
        close(open("/tmp/failing-c", NEW))
        readlink("/tmp/failing-c", buffer)
        sys_rename("/tmp/failing-a", "/tmp/failing-c")
    finally:
        drop("/tmp/failing-a")
        drop("/tmp/failing-b")
        drop("/tmp/failing-c")


def act_listing() -> None:
    arm_self()
    entry = DirEntry()
    for path in ("/", "/bin", "/tmp", "/proc", "/proc/1", "/dev", "#mem", "#kprof"):
        fd = open(path)
        try:
            while read(fd, as_bytes(entry)) > 0:
                pass
        finally:
            close(fd)


def act_told() -> None:
    arm_self()
    for path in (
        "/proc/1/status",
        "/proc/meminfo",
        "/proc/cores",
        "/proc/uptime",
        "/proc/1/maps",
        "#mem/kmemstat",
        "#mem/slab_stats",
        "#mem/arena_stats",
        "#kprof/counts",
        "#kprof/sleepers",
        "#sched/diag",
        "#sched/coreinfo",
        "#random/urandom",
    ):
        try:
            fd = open(path)
        except Error as e:
            if e.errno != Errno.ENOENT:
                raise
            continue
        try:
            read_full(fd, buffer[:4096])
        finally:
            close(fd)


def act_pipes() -> None:
    arm_self()
    first, second = pipe()
    try:
        write(second, buffer[:100])
        read(first, buffer[:100])
    finally:
        close(first)
        close(second)


def act_descriptors() -> None:
    in_a_child(open_many)


def open_many() -> None:
    """More than the first table holds."""
    arm_self()
    for _ in range(200):
        dup(1)


def act_taps() -> None:
    queue = EventQueue()
    asked = array(1, TapRequest)
    first, second = pipe(OpenMode.NONBLOCK)
    try:
        asked[0] = TapRequest(fd=first, command=u32(TapCommand.ADD), filter=u32(TapFilter.READABLE), ev_id=30, queue=Uaddr(addr_of(queue)))
        arm_self()
        sys_tap_fds(asked[:])
        disarm()
        write(second, buffer[:10])
    finally:
        disarm()
        close(first)
        close(second)


# -- memory -------------------------------------------------------------------------------------------------------
def act_mapping() -> None:
    arm_self()
    start = sys_mmap(Uaddr(0), 64 * PAGE, RW, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0)
    try:
        sys_mprotect(start + 8 * PAGE, 8 * PAGE, Prot.READ)
        sys_populate_va(start, 64)
        sys_munmap(start + 32 * PAGE, 4 * PAGE)
        sys_munmap(start, 64 * PAGE)
    finally:
        disarm()
        sys_munmap(start, 64 * PAGE)


def act_mapped_files() -> None:
    arm_self()
    fd = open("/bin/hello")
    try:
        map_and_unmap(fd, RW, MapFlags.PRIVATE | MapFlags.POPULATE)
        map_and_unmap(fd, Prot.READ, MapFlags.SHARED | MapFlags.LOCKED)
    finally:
        close(fd)


def map_and_unmap(fd: i32, prot: Prot, flags: MapFlags) -> None:
    start = sys_mmap(Uaddr(0), 4 * PAGE, prot, flags, fd, 0)
    try:
        sys_munmap(start, 4 * PAGE)
    except Error:
        disarm()
        sys_munmap(start, 4 * PAGE)
        raise


def act_disk() -> None:
    """A file whose pages are read, and written back."""
    order_disk("drop")
    arm_self()
    fd = open("#disk/data", OpenMode.READ | OpenMode.WRITE)
    try:
        start = sys_mmap(Uaddr(0), 2 * PAGE, RW, MapFlags.SHARED, fd, 4)
        try:
            sys_populate_va(start, 2)
            read(fd, buffer[:100])
            sys_sync(fd)
            sys_munmap(start, 2 * PAGE)
        finally:
            disarm()
            sys_munmap(start, 2 * PAGE)
    finally:
        close(fd)
        order_disk("drop")


# -- processes ----------------------------------------------------------------------------------------------------
def act_fork() -> None:
    arm_self()
    pid = fork()
    if pid == 0:
        exit_now(ENDED_WELL)
    disarm()
    wait_for(pid)


def act_spawn() -> None:
    none = array(1, FdPair)
    arguments = array(2, str)
    arguments[0] = "true"
    arguments[1] = "really"
    arm_self()
    pid = create("/bin/true", arguments[:], environment(), none[:0], SpawnFlag.DUP_FDS)
    try:
        sys_chdir(pid, "/tmp")
        sys_provision(pid, Resource.CORES, 1)
    finally:
        disarm()
        run(pid)
        wait_for(pid)


def act_exec() -> None:
    in_a_child(exec_true)


def exec_true() -> None:
    arguments = array(1, str)
    arguments[0] = "true"
    arm_self()
    exec_program("/bin/true", arguments[:], environment())


def act_threads() -> None:
    in_a_child(run_threads)


def run_threads() -> None:
    arm_self()
    threads = array(4, Thread)
    for i in range(u64(4)):
        threads[i].start(sleep_a_little, i)
    for i in range(4):
        threads[i].join()


def sleep_a_little(number: u64) -> None:
    for _ in range(4):
        try:
            sys_block(number * 10)
        except Error:
            pass


def act_page_faults() -> None:
    in_a_child(fault_everywhere)


def fault_everywhere() -> None:
    start = sys_mmap(Uaddr(0), 16 * PAGE, RW, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0)
    fd = open("/bin/hello")
    file = sys_mmap(Uaddr(0), 4 * PAGE, RW, MapFlags.PRIVATE, fd, 0)
    shared = sys_mmap(Uaddr(0), 4 * PAGE, RW, MapFlags.SHARED | MapFlags.ANONYMOUS, -1, 0)
    arm(getpid(), " faults")
    for page in range(u64(4)):
        at(Byte, u64(start) + page * PAGE).value = 1
        at(Byte, u64(file) + page * PAGE).value = 1
        at(Byte, u64(shared) + page * PAGE).value = 1


@struct
class Byte:
    value: u8


def in_a_child(act: Callable[[], Raises[None]]) -> None:
    """What may end whom it happens to."""
    pid = fork()
    if pid == 0:
        try:
            act()
        except Error as e:
            exit_now(REFUSED if e.errno == Errno.ENOMEM else 1)
        exit_now(ENDED_WELL)
    wait_for(pid)


# -- sleeping, events, cores --------------------------------------------------------------------------------------
def act_sleep() -> None:
    arm_self()
    sys_block(1)
    sys_nanosleep(TimeSpec(sec=0, nsec=1000), Uaddr(0))


def act_events() -> None:
    """More messages than a page of the mailbox holds: the kernel has to map another."""
    queue = array(1, EventQueue)
    msg = EventMsg(ev_type=30)
    arm_self()
    for _ in range(300):
        sys_send_event(Uaddr(addr_of(queue[0])), msg, 0)
    sys_notify(getpid(), 31, Uaddr(0))


def act_cores() -> None:
    arm_self()
    try:
        sys_provision(getpid(), Resource.CORES, 1)
    finally:
        disarm()
        sys_provision(0, Resource.CORES, 1)


operations: Array[Operation] = (
    Operation("files", act_files),
    Operation("sparse", act_sparse),
    Operation("folders", act_folders),
    Operation("links", act_links),
    Operation("listing", act_listing),
    Operation("told", act_told),
    Operation("pipes", act_pipes),
    Operation("descriptors", act_descriptors),
    Operation("taps", act_taps),
    Operation("mapping", act_mapping),
    Operation("mapped_files", act_mapped_files),
    Operation("disk", act_disk),
    Operation("fork", act_fork),
    Operation("spawn", act_spawn),
    Operation("exec", act_exec),
    Operation("threads", act_threads),
    Operation("page_faults", act_page_faults),
    Operation("sleep", act_sleep),
    Operation("events", act_events),
    Operation("cores", act_cores),
)


# -- the machinery ------------------------------------------------------------------------------------------------
def main() -> i32:
    global control
    if help_wanted(USAGE):
        return 0
    control = open("#mem/fail", OpenMode.READ | OpenMode.WRITE)
    bad: u64 = 0
    ran: u64 = 0
    bring_programs_in(PROGRAMS[:])
    for number in range(u64(len(operations))):
        if len(args()) == 1 or operations[number].name in args()[1:]:
            ran += 1
            bad += u64(not fail_each(number))
    if ran == 0:
        return misuse("no such operation", USAGE)
    print(f"{ran} operations, {bad} of them wrong; {told_of('places')} places allocate, {told_of('where one failed')} of them failed")
    return 0 if bad == 0 else 1


def fail_each(number: u64) -> bool:
    """All of an operation's allocations in turn; whether each was got over."""
    before = Live()
    if apart(fail_in_turn, number) != 0:
        return False
    for _ in range(ROUNDS):
        before.take_again()
        status = apart(fail_in_turn, number + TELL)
        if status != 0:
            print(f"{operations[number].name}: ended with status {status}")
            return False
        if before.is_back():
            return True
        print(f"{operations[number].name}: something is different")
        before.tell_difference()
    print(f"{operations[number].name}: something was left behind each time")
    return False


def fail_in_turn(number: u64) -> i32:
    """0 if the operation succeeded or was refused, whichever of its allocations failed. What came of it is told from TELL on."""
    global nth
    operation = operations[number % TELL]
    started = now_ns()
    refused: u64 = 0
    nth = 0
    while nth < MOST_TRIES:
        settle()
        result = attempt(operation)
        if nth > 0 and not has_fired():
            break
        if result == Errno.ENOMEM and nth > 0:
            refused += 1
        elif result != Errno.OK:
            print(f"{operation.name}: with allocation {nth} failing: {result.name}")
            return 1
        nth += 1
    if number >= TELL:
        took = (now_ns() - started) // 1_000_000
        print(f"{operation.name}: {nth - 1} allocations failed in turn, {refused} times refused, {took} ms")
    return 0


def attempt(operation: Operation) -> Errno:
    result = Errno.OK
    try:
        operation.act()
    except Error as e:
        result = e.errno
    disarm()
    return result


def settle() -> None:
    """Empty the kernel's caches: what they hold would spare the pages that are to fail."""
    state = Live()
    state.take()


def arm_self() -> None:
    arm(getpid(), "")


def arm(pid: i32, mode: str) -> None:
    order = text(40)
    order.write(f"{pid} {nth}{mode}")
    write(control, order.view)


def disarm() -> None:
    """Nothing fails any more. The order itself may be what fails: then nothing will the next time."""
    for _ in range(2):
        try:
            write(control, told_order())
            return
        except Error:
            pass


def told_order() -> str:
    return "0 0"


def told_of(label: str) -> u64:
    """The number on a line of #mem/fail."""
    seek(control, 0)
    count = read_full(control, buffer[:4096])
    rest: str = buffer[:count]
    while len(rest) > 0:
        line, rest = rest.split1("\n")
        name, value = line.split1(": ")
        if name == label:
            number = number_or_none(value)
            return number if number is not None else u64(value == "yes")
    raise Error(Errno.ENOENT, f"#mem/fail says nothing of {label}")


def has_fired() -> bool:
    return told_of("failed") != 0


def wait_for(pid: i32) -> None:
    """A child's end; its status says how it was. Raises ENOMEM if that was the reason, or if it was killed."""
    status = wait(pid)
    if status == ENDED_WELL:
        return
    if status == 1:
        raise Error(Errno.ECHILD, "the child had another error")
    raise Error(Errno.ENOMEM, f"the child ended with {status}")


def drop(path: str) -> None:
    try:
        disarm()
        sys_remove(path)
    except Error:
        pass


def order_disk(command: str) -> None:
    fd = open("#disk/ctl", OpenMode.WRITE)
    try:
        write(fd, command)
    finally:
        close(fd)
