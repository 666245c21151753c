# SPDX-License-Identifier: LGPL-2.1-or-later
"""lock_test [-t LOCK] [-w WORKERS] [-l LOOPS]: workers on vcores of their own count under a lock of each kind, or of one.

Locks: spin, spinpdr, mcs, mcsns, mcspdro, mcspdr, mutex; `each` stands for all. The vcores are pinned: parlib neither asks for others nor
gives one back. For each lock: what was counted, which must be exact, and the time that an acquisition took.
"""

from typing import Callable

from lang import Array, Atomic, Raises, array, i32, pause, struct, u32, u64
from lib.args import Options, help_wanted, misuse
from parlib.control import control
from parlib.mcs import McsLock, McsNode, McsNotifSafeLock, McsPdrLock, McsPdroLock, McsPdroNode
from parlib.pdr import PdrLock
from parlib.request import vcore_request_exactly
from parlib.spinlock import SpinLock
from parlib.sync import Mutex
from parlib.vcore import max_vcores, num_vcores
from pthread import Thread
from pthread.ready import start_threads
from rt.args import args
from rt.time import now_ns

USAGE = "usage: lock_test [-t each|spin|spinpdr|mcs|mcsns|mcspdro|mcspdr|mutex] [-w WORKERS] [-l LOOPS]"
MAX_WORKERS = 64
GRANT_DEADLINE_NS: u64 = 5_000_000_000


@struct
class Trial:
    name: str
    work: Callable[[u64], Raises[None]]


counter: u64 = 0
arrived = Atomic[u32](0)
workers: u32 = 0
loops: u64 = 0
chosen: str = "each"

spin = SpinLock()
spinpdr = PdrLock()
mcs = McsLock()
mcsns = McsNotifSafeLock()
mcspdro = McsPdroLock()
mcspdr = McsPdrLock()
mutex = Mutex()


def main() -> i32:
    global workers, loops, chosen
    if help_wanted(USAGE):
        return 0
    workers = min(max_vcores(), u32(4))
    loops = 200
    options = Options(args=args())
    while (option := options.next()) != 0:
        if option == ord("t"):
            chosen = options.value()
        elif option == ord("w"):
            workers = u32(min(options.number(), u64(MAX_WORKERS)))
        elif option == ord("l"):
            loops = options.number()
        else:
            return options.refuse(USAGE)
    if options.value_missing or len(options.operands()) > 0 or not 1 <= workers <= max_vcores():
        return misuse(f"1 to {max_vcores()} workers, each on a vcore", USAGE)
    if not pin_vcores():
        print(f"only {num_vcores()} of {workers} vcores were granted")
        return 1
    return run_trials()


def pin_vcores() -> bool:
    """As many vcores as there are workers, to keep."""
    control.never_yield = True
    control.never_vc_request = True
    start_threads()
    vcore_request_exactly(workers)
    until = now_ns() + GRANT_DEADLINE_NS
    while num_vcores() < workers and now_ns() < until:
        pause()
    return num_vcores() == workers


def run_trials() -> i32:
    known = False
    good = True
    for i in range(len(TRIALS)):
        if chosen in ("each", TRIALS[i].name):
            known = True
            good = run_trial(TRIALS[i]) and good
    if not known:
        return misuse(f"no lock is called {chosen}", USAGE)
    if num_vcores() != workers:
        print(f"{num_vcores()} vcores at the end, and {workers} were pinned")
        good = False
    return 0 if good else 1


def run_trial(trial: Trial) -> bool:
    """All workers under one kind of lock; whether what they counted is right."""
    global counter
    counter = 0
    arrived.store(0)
    threads = array(MAX_WORKERS, Thread)
    start = now_ns()
    for i in range(workers):
        threads[i].start(trial.work, u64(i))
    for i in range(workers):
        threads[i].join()
    took = now_ns() - start
    wanted = u64(workers) * loops
    print(f"{trial.name:<8} {workers} workers, {counter} of {wanted} counted, {took // max(wanted, u64(1))} ns each")
    return counter == wanted


def wait_for_all() -> None:
    """Spinning, since each has a vcore of its own."""
    arrived.add(1)
    while arrived.load() < workers:
        pause()


def under_spin(number: u64) -> None:
    global counter
    wait_for_all()
    for _ in range(loops):
        with spin:
            counter += 1


def under_spinpdr(number: u64) -> None:
    global counter
    wait_for_all()
    for _ in range(loops):
        with spinpdr:
            counter += 1


def under_mcs(number: u64) -> None:
    global counter
    node = McsNode()
    wait_for_all()
    for _ in range(loops):
        mcs.lock(node)
        counter += 1
        mcs.unlock(node)


def under_mcsns(number: u64) -> None:
    global counter
    node = McsNode()
    wait_for_all()
    for _ in range(loops):
        mcsns.lock(node)
        counter += 1
        mcsns.unlock(node)


def under_mcspdro(number: u64) -> None:
    global counter
    node = McsPdroNode()
    wait_for_all()
    for _ in range(loops):
        mcspdro.lock(node)
        counter += 1
        mcspdro.unlock(node)


def under_mcspdr(number: u64) -> None:
    global counter
    wait_for_all()
    for _ in range(loops):
        with mcspdr:
            counter += 1


def under_mutex(number: u64) -> None:
    """Sleeps rather than spins: here for comparison."""
    global counter
    wait_for_all()
    for _ in range(loops):
        with mutex:
            counter += 1


TRIALS: Array[Trial] = (
    Trial("spin", under_spin),
    Trial("spinpdr", under_spinpdr),
    Trial("mcs", under_mcs),
    Trial("mcsns", under_mcsns),
    Trial("mcspdro", under_mcspdro),
    Trial("mcspdr", under_mcspdr),
    Trial("mutex", under_mutex),
)
