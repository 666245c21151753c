# SPDX-License-Identifier: LGPL-2.1-or-later
"""storm [-2 NAME] [-n PREEMPTIONS] [-s SEED]: threads that must count exactly while a child takes random vcores of theirs away.

The threads lock a PdrLock, an MCS-PDR lock and a Mutex, make system calls, sleep, yield, and keep to their vcore while notifications
are disabled. The child, a single-core process, writes `preempt V` to /proc/PID/ctl. At the end all counts must be right, and so must be
what the kernel says of how many vcores were taken. -2: the 2LS.
"""

from lang import Atomic, Error, array, f64, i32, pause, text, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from lib.args import Options, help_wanted, misuse
from lib.strings import number_or_none
from parlib.current import my_vcore
from parlib.mcs import McsPdrLock
from parlib.pdr import PdrLock
from parlib.sync import Mutex
from parlib.vcore import disable_notifs, enable_notifs, max_vcores, proc_info
from pthread import Thread, yield_now
from pthread.choose import use_2ls
from rt.args import args
from rt.io import STDERR, close, open, write_all
from rt.process import wait
from rt.time import sleep_usec
from syscalls import sys_block, sys_getvcoreid, sys_null
from utest.preempting import preemptions_made, start_preempting

USAGE = "usage: storm [-2 fifo|steal] [-n PREEMPTIONS] [-s SEED]"
WORKERS: u64 = 16
MIX: u64 = 6364136223846793005              # of Knuth's linear congruential generator

pdr_lock = PdrLock()
mcs_lock = McsPdrLock()
mutex = Mutex()
under_pdr: u64 = 0
under_mcs: u64 = 0
under_mutex: u64 = 0
rounds_made = Atomic[u64](0)
calls_made = Atomic[u64](0)
moved = Atomic[u64](0)                      # threads that changed their vcore though they must not
wrong_sums = Atomic[u64](0)
stop = Atomic[u32](0)


def main() -> i32:
    if len(args()) == 5 and args()[1] == "--preempt":
        return preempt_at_random(args()[2], number(args()[3]), number(args()[4]))
    preemptions: u64 = 300
    seed: u64 = 1
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    while (option := options.next()) != 0:
        if option == ord("n"):
            preemptions = options.number()
        elif option == ord("s"):
            seed = options.number()
        elif option == ord("2"):
            try:
                use_2ls(options.value())
            except Error as e:
                return misuse(f"{e.message}", USAGE)
        else:
            return options.refuse(USAGE)
    if options.value_missing:
        return misuse("a number is missing", USAGE)
    return storm(preemptions, seed)


def number(word: str) -> u64:
    value = number_or_none(word)
    return value if value is not None else u64(0)


def storm(preemptions: u64, seed: u64) -> i32:
    if proc_info().core_count == 1:
        print("storm: on a single core no vcore runs while the child does, so none can be taken", file=STDERR)
        return 2
    threads = array(WORKERS, Thread)
    for i in range(WORKERS):
        threads[i].start(work, u64(i))
    status = wait(start_preempting(preemptions, seed))
    stop.store(u32(1))
    for i in range(WORKERS):
        threads[i].join()
    taken = preemptions_made()
    rounds = rounds_made.load()
    print(f"{taken} preemptions; {rounds} rounds, {calls_made.load()} calls")
    print(f"counted {under_pdr} {under_mcs} {under_mutex}; {moved.load()} moved, {wrong_sums.load()} wrong sums")
    exact = under_pdr == rounds and under_mcs == rounds and under_mutex == rounds
    if status != 0 or taken < preemptions or not exact or moved.load() != 0 or wrong_sums.load() != 0 or rounds == 0:
        print("WRONG")
        return 1
    print("all counts are exact")
    return 0


def work(number: u64) -> None:
    global under_pdr, under_mcs, under_mutex
    rounds: u64 = 0
    sum = 0.0
    while stop.load() == 0:
        with pdr_lock:
            under_pdr += 1
        with mutex:
            under_mutex += 1
        with mcs_lock:
            under_mcs += 1
        rounds += 1
        sum += f64(number) + 0.5            # lives in a register that is lost if the kernel or parlib forgets it
        if rounds % 8 == number % 8:
            sys_null()
            calls_made.add(1)
        if rounds % 16 == number % 16:
            stay(number)
        if rounds % 32 == number:
            yield_now()
        if rounds % 64 == number:
            sys_block(100)
            calls_made.add(1)
    if sum != f64(rounds) * (f64(number) + 0.5):
        wrong_sums.add(1)
    rounds_made.add(rounds)


def stay(number: u64) -> None:
    """With notifications disabled it is on one vcore, whoever else takes or gets one."""
    disable_notifs()
    vcoreid = my_vcore().id
    for _ in range(200):
        pause()
    if my_vcore().id != vcoreid or sys_getvcoreid() != vcoreid:
        moved.add(1)
    enable_notifs()


# -- the child ----------------------------------------------------------------------------------------------------
def preempt_at_random(pid: str, count: u64, seed: u64) -> i32:
    path = text(40)
    path.write(f"/proc/{pid}/ctl")
    fd = open(path.view, OpenMode.WRITE)
    state = seed
    done: u64 = 0
    while done < count:
        state = state * MIX + 1
        command = text(24)
        command.write(f"preempt {(state >> 33) % u64(max_vcores())}")
        try:
            write_all(fd, command.view)
            done += 1
        except Error as e:
            if e.errno != Errno.ENXIO:      # it does not run just now
                raise
        if (state >> 40) % 4 == 0:
            sleep_usec((state >> 45) % 500)
    close(fd)
    return 0
