# SPDX-License-Identifier: LGPL-2.1-or-later
"""killstorm [-s SEED] [-n COUNT] [-j JOBS]: COUNT many-core processes, created and killed at random moments.

Up to JOBS of them live at a time. Each wants all cores, and has threads that switch, make calls, map and touch memory, ask for cores and
give them up, and start children that they kill. Meanwhile cores are guaranteed to this one and that one, or to nobody, so that they are
taken away from who has them. A process is killed at a random moment after its start: before it runs, while it becomes one of many cores,
amid all that. In the end every core must be idle and nobody's, and the kernel's memory what it was before, to the byte.
"""

from lang import Array, Error, Uaddr, array, at, i32, pause, struct, text, u8, u32, u64
from kern.abi.file import FdPair, SpawnFlag
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import Resource
from lib.args import Options, help_wanted, misuse
from lib.strings import number_or_none
from parlib.vcore import proc_info
from pthread import Thread, yield_now
from rt.args import args, environment
from rt.io import flush_stdout
from rt.process import create, kill, run, wait
from rt.time import now_ns, sleep_usec
from syscalls import sys_block, sys_mmap, sys_munmap, sys_null, sys_poke_ksched, sys_provision
from utest.fuzz_values import Random
from utest.leaks import Live, all_cores_idle, apart, bring_programs_in

USAGE = "usage: killstorm [-s SEED] [-n COUNT] [-j JOBS]"
MOST_JOBS: u64 = 8
THREADS: u64 = 6
PAGE: u64 = 4096
LONGEST_USEC: u64 = 30_000                  # that one lives
PROGRAMS: Array[str] = ("/bin/killstorm", "/bin/sleep")
PROGRESS: u64 = 100


@struct
class Victim:
    pid: i32
    dies_ns: u64


@struct
class Byte:
    value: u8


victims = array(MOST_JOBS, Victim)
jobs: u64 = 4
started: u64 = 0
killed: u64 = 0
moved: u64 = 0                              # guarantees that were given
chance = Random(state=1)


def main() -> i32:
    global jobs
    count: u64 = 100
    seed: u64 = 1
    if len(args()) == 3 and args()[1] == "--victim":
        return be_victim(args()[2])
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
        else:
            return options.refuse(USAGE)
    if options.value_missing or jobs == 0 or jobs > MOST_JOBS:
        return misuse(f"1 to {MOST_JOBS} jobs, and a number after each option", USAGE)
    chance.state = seed * 1_000_003 + 7
    return storm(count, seed)


def storm(count: u64, seed: u64) -> i32:
    bring_programs_in(PROGRAMS[:])
    before = Live()
    apart(rage, min(count // 4 + jobs, 20))
    before.take_again()
    good = apart(rage, count) == 0
    if not before.is_back():
        good = False
        print("memory of the kernel is not back:")
        before.tell_difference()
    if not all_cores_idle():
        good = False
        print("a core is not idle, or somebody's")
    if not good:
        print(f"WRONG; seed {seed}")
        return 1
    print(f"all cores are idle, all memory is back; seed {seed}")
    return 0


def rage(count: u64) -> i32:
    """Until so many were started and all of them are gone, and nobody has a guarantee."""
    told: u64 = 0
    while started < count or any(v.pid != 0 for v in victims):
        victim = victims[chance.below(jobs)]
        if victim.pid == 0:
            if started < count:
                start(victim)
        elif now_ns() >= victim.dies_ns:
            end(victim)
        if chance.one_in(3):
            move_guarantee()
        if killed // PROGRESS != told:
            told = killed // PROGRESS
            print(f"{killed} killed")
            flush_stdout()
        if chance.one_in(4):
            sleep_usec(chance.below(500))
    for core in range(u32(1), proc_info().core_count):
        guarantee(0, core)
    print(f"{killed} processes killed, {moved} guarantees moved")
    return 0


def start(victim: Victim) -> None:
    global started
    started += 1
    seed = text(24)
    seed.write(f"{chance.next() >> 32}")
    arguments = array(3, str)
    arguments[0] = "killstorm"
    arguments[1] = "--victim"
    arguments[2] = seed.view
    none = array(1, FdPair)
    victim.pid = create("/bin/killstorm", arguments[:], environment(), none[:0], SpawnFlag.DUP_FDS)
    if chance.one_in(3):
        guarantee(victim.pid, core_at_random())
    victim.dies_ns = now_ns() + chance.below(LONGEST_USEC) * 1000
    if not chance.one_in(20):               # else it is killed before it ever ran
        run(victim.pid)


def end(victim: Victim) -> None:
    global killed
    kill(victim.pid)
    wait(victim.pid)
    victim.pid = 0
    killed += 1


def move_guarantee() -> None:
    """To one that lives, or to nobody."""
    victim = victims[chance.below(MOST_JOBS)]
    guarantee(victim.pid, core_at_random())
    if victim.pid != 0 and chance.one_in(2):
        try:
            sys_poke_ksched(victim.pid, Resource.CORES)
        except Error:
            pass


def core_at_random() -> u32:
    return 1 + u32(chance.below(u64(max(proc_info().core_count, 2)) - 1))


def guarantee(pid: i32, core: u32) -> None:
    global moved
    try:
        sys_provision(pid, Resource.CORES, core)
        moved += 1
    except Error:
        pass                                # it ended of itself just now, or there is no such core


# -- a victim -----------------------------------------------------------------------------------------------------
def be_victim(seed: str) -> i32:
    """Does everything that takes something of the kernel; only a kill ends it."""
    chance.state = 88172645463325252
    number = number_or_none(seed)
    if number is not None:
        chance.state ^= number * 8 + 8
    threads = array(THREADS, Thread)
    for i in range(THREADS):
        threads[i].start(suffer, i)
    for i in range(THREADS):
        threads[i].join()
    return 0


def suffer(number: u64) -> None:
    random = Random(state=chance.state + number * 77 + 1)
    while True:
        try:
            do_something(random)
        except Error:
            pass


def do_something(random: Random) -> None:
    match random.below(8):
        case 0:
            yield_now()
        case 1:
            sys_null()
        case 2:
            sys_block(random.below(400))
        case 3:
            size = (random.below(8) + 1) * PAGE
            start = sys_mmap(Uaddr(0), size, Prot.READ | Prot.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1, 0)
            at(Byte, start).value = 1
            sys_munmap(start, size)
        case 4:
            sleep_usec(random.below(200))   # with all threads asleep, vcores yield
        case 5:
            if random.one_in(8):
                start_and_kill()
        case _:
            for _ in range(random.below(300)):
                pause()


def start_and_kill() -> None:
    """A child, which is killed too, or outlives its parent and ends itself."""
    arguments = array(2, str)
    arguments[0] = "sleep"
    arguments[1] = "0.01"
    none = array(1, FdPair)
    pid = create("/bin/sleep", arguments[:], environment(), none[:0], SpawnFlag(0))
    run(pid)
    kill(pid)
    wait(pid)
