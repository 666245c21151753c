# SPDX-License-Identifier: LGPL-2.1-or-later
"""corecosts [NAME [TIMES]]: what it costs to get cores, to lose them, and to reach what runs on another one; medians.

Just those with NAME in their name, if given. Under an emulator that counts one nanosecond for each instruction the figures are those of
all cores together. What needs more cores than there are is left out. The 2LS is the threads' own, but for two things: it notes when a
vcore comes, and keeps vcores, busy, for as long as `keep` says. Children of the same program: `--squat` takes all cores that are left,
`--echo` answers events.
"""

from lang import RELAXED, Atomic, Uaddr, addr_of, array, i32, pause, text, u8, u16, u32, u64
from bench.lines import begin, is_wanted, tell, tell_median
from kern.abi.event import EventFlag, EventMsg, EventType
from kern.abi.file import FdPair, OpenMode, SpawnFlag
from kern.abi.proc import Resource
from kern.abi.syscall import Syscall
from lib.args import help_wanted, misuse
from lib.files import read_file
from lib.strings import discard, number_or_none
from parlib.control import control
from parlib.event import enable_kevent, register_handler
from parlib.request import vcore_request_exactly, wanted_cores
from parlib.threads import use_library
from parlib.vcore import Vcore, max_vcores, notify_self, num_vcores, pcore_of, vcoreid_now, wait_spinning
from pthread import Thread
from pthread.ready import ThreadScheduler, start_threads, yield_now
from rt.args import args, environment
from rt.io import STDOUT, close, open, pipe, read, write_all
from rt.process import create, getpid, getppid, kill, run, wait
from rt.time import now_tsc, sleep_usec
from syscalls import submit_write, sys_notify, sys_provision

USAGE = "usage: corecosts [NAME [TIMES]]"
MOST_ROUNDS: u64 = 9                        # of what takes long
USUAL_TIMES: u64 = 500
GRACE_USEC: u64 = 20_000
PING: u64 = 1
DONE: u32 = 1                               # SyscallFlag.DONE

keep = Atomic[u32](0)
home: u32 = 0                               # the vcore of the thread that measures, which spins meanwhile
arrivals = array(256, Atomic[u64])          # by vcore: when it first came
arrived = Atomic[u64](0)
answers = Atomic[u64](0)
stop = Atomic[u32](0)
spinner_vcore = Atomic[u32](0)              # 1 + its number
samples = array(16, u64)
trips: u64 = USUAL_TIMES
rounds: u64 = MOST_ROUNDS


class StandingScheduler(ThreadScheduler):
    def entry(self, vcore: Vcore) -> None:
        if vcore.id != home and arrivals[vcore.id].cas(0, now_tsc()):
            arrived.add(1)
        super().entry(vcore)

    def idle(self, vcore: Vcore) -> None:
        if keep.load(order=RELAXED) != 0:
            pause()
        else:
            super().idle(vcore)


standing = StandingScheduler()


def main() -> i32:
    global trips, rounds
    if help_wanted(USAGE):
        return 0
    wanted = number_or_none(args()[2]) if len(args()) > 2 else USUAL_TIMES
    if wanted is None or wanted == 0:
        return misuse("how often?", USAGE)
    trips = wanted
    rounds = min(wanted, MOST_ROUNDS)
    become_mcp()
    if len(args()) > 1 and args()[1] == "--squat":
        return squat()
    if len(args()) > 1 and args()[1] == "--echo":
        return echo()
    measure_requests(1, "core request to vcore running, 1 core")
    measure_requests(4, "core request to vcore running, 4 cores")
    measure_requests(u64(max_vcores()) - 1, "core request to vcore running, all other cores")
    measure_warnings()
    measure_reclaims()
    measure_notifications()
    measure_events()
    return 0


def become_mcp() -> None:
    """With one vcore, and no more than are asked for here."""
    control.never_vc_request = True
    use_library(standing)
    register_handler(EventType.USER_IPI, on_message)
    start_threads()


# -- cores that come ----------------------------------------------------------------------------------------------
def measure_requests(more: u64, name: str) -> None:
    if not is_wanted(name) or more + 1 > u64(max_vcores()) or more == 0:
        return
    begin(name)
    for i in range(rounds):
        samples[i] = time_of_request(more)
        release()
    tell_median(samples[:rounds])


def time_of_request(more: u64) -> u64:
    """From the request for so many more than the one there is, to the last one's first look for a thread."""
    global home
    home = vcoreid_now()                    # it may be another one since this thread has slept
    for arrival in arrivals:
        arrival.store(0)
    arrived.store(0)
    keep.store(u32(1))
    start = now_tsc()
    vcore_request_exactly(u32(more) + 1)
    while arrived.load() < more:
        pause()
    return max(arrival.load() for arrival in arrivals) - start


def release() -> None:
    """Give all other cores back."""
    keep.store(u32(0))
    while num_vcores() > 1:
        pause()
    vcore_request_exactly(1)


# -- cores that go ------------------------------------------------------------------------------------------------
def start_spinner(spinner: Thread) -> u32:
    """A thread that computes on a vcore of its own; which."""
    stop.store(u32(0))
    spinner_vcore.store(u32(0))
    spinner.start(spin, 0)
    time_of_request(1)
    while spinner_vcore.load() == 0:
        pause()
    return spinner_vcore.load() - 1


def spin(unused: u64) -> None:
    spinner_vcore.store(vcoreid_now() + 1)
    while stop.load(order=RELAXED) == 0:
        pause()
        if num_vcores() == 1:
            yield_now()                     # taken by force, its vcore may have got the core of the thread that measures


def stop_spinner(spinner: Thread) -> None:
    stop.store(u32(1))
    spinner.join()
    release()


def measure_warnings() -> None:
    """From the write to /proc/N/ctl to the core given back, by a vcore that runs a thread: its 2LS puts that away first."""
    name = "preemption warning to core returned"
    if not is_wanted(name) or max_vcores() < 2:
        return
    begin(name)
    path = text(32)
    path.write(f"/proc/{getpid()}/ctl")
    ctl = open(path.view, OpenMode.WRITE)
    for i in range(rounds):
        samples[i] = time_of_warning(ctl)
    close(ctl)
    tell_median(samples[:rounds])


def time_of_warning(ctl: i32) -> u64:
    spinner = Thread()
    vcoreid = start_spinner(spinner)
    order = text(32)
    order.write(f"warn {vcoreid} {GRACE_USEC}")
    wanted_cores().store(1)                 # or the kernel would give it back at once
    call = Syscall()
    start = now_tsc()
    submit_write(call, ctl, order.view)     # the kernel's part of it waits until the time of grace is over; we do not
    while num_vcores() > 1:
        pause()
    passed = now_tsc() - start
    stop_spinner(spinner)
    while call.flags.load() & DONE == 0:
        sleep_usec(GRACE_USEC)
    wait_spinning(call)                     # for the kernel to be through with it
    return passed


def measure_reclaims() -> None:
    """A core is ours, and in use by another process, which computes there and holds all others too. We ask for it."""
    name = "provisioned core reclaimed from a squatter"
    if not is_wanted(name) or max_vcores() < 3:
        return
    begin(name)
    keep.store(u32(1))                      # our own core too, while we sleep: the squatter would take it
    reader, writer = pipe()
    squatter = start_child("--squat", writer)
    byte = array(1, u8)
    read(reader, byte)                      # it has them all
    for i in range(rounds):
        while vcores_of(squatter) + 1 < u64(max_vcores()):
            sleep_usec(500)
        core = u32(1) if pcore_of(vcoreid_now()) != 1 else u32(2)
        sys_provision(getpid(), Resource.CORES, core)
        samples[i] = time_of_request(1)
        sys_provision(0, Resource.CORES, core)
        release()
        keep.store(u32(1))
    keep.store(u32(0))
    kill(squatter)
    wait(squatter)
    close(reader)
    close(writer)
    tell_median(samples[:rounds])


def squat() -> i32:
    keep.store(u32(1))
    vcore_request_exactly(max_vcores())
    while num_vcores() + 1 < max_vcores():
        pause()
    write_all(STDOUT, "x")
    while True:
        pause()


def vcores_of(pid: i32) -> u64:
    path = text(32)
    path.write(f"/proc/{pid}/status")
    status = read_file(path.view)
    at = u64(max(status.find("\nvcores: "), 0)) + 9
    count, _ = status[at:].split1("\n")
    vcores = number_or_none(count)
    discard(status)
    return 0 if vcores is None else vcores


def start_child(role: str, stdout: i32) -> i32:
    argv = array(2, str)
    argv[0] = "corecosts"
    argv[1] = role
    fds = array(3, FdPair)
    fds[0].first = 0
    fds[0].second = 0
    fds[1].first = stdout
    fds[1].second = 1
    fds[2].first = 2
    fds[2].second = 2
    pid = create("/bin/corecosts", argv[:], environment(), fds[:], SpawnFlag(0))
    run(pid)
    return pid


# -- reaching what runs elsewhere ---------------------------------------------------------------------------------
def on_message(vcore: Vcore, msg: EventMsg) -> None:
    """A ping is answered to the vcore that it names; anything else is an answer."""
    if u64(msg.arg1) == PING:
        notify_self(msg.arg2, EventMsg(ev_type=u16(EventType.USER_IPI)), True)
    else:
        answers.add(1)


def measure_notifications() -> None:
    """A thread notifies another vcore of its process, which leaves its thread for the handler; that notifies back likewise."""
    name = "notification round trip, between two vcores"
    if not is_wanted(name) or max_vcores() < 2:
        return
    begin(name)
    spinner = Thread()
    vcoreid = start_spinner(spinner)
    notify_there_and_back(vcoreid, trips // 10 + 1)
    start = now_tsc()
    notify_there_and_back(vcoreid, trips)
    passed = now_tsc() - start
    stop_spinner(spinner)
    tell(passed, trips)


def notify_there_and_back(vcoreid: u32, times: u64) -> None:
    for _ in range(times):
        before = answers.load()
        notify_self(vcoreid, EventMsg(ev_type=u16(EventType.USER_IPI), arg1=u16(PING), arg2=home), True)
        wait_for_answer(before)


def measure_events() -> None:
    """An event to another process, which holds a core of its own, and one back."""
    name = "event round trip, between two processes"
    if not is_wanted(name) or max_vcores() < 2:
        return
    begin(name)
    enable_kevent(EventType.USER_IPI, EventFlag.SPAM_PUBLIC | EventFlag.IPI | EventFlag.WAKEUP)
    before = answers.load()
    child = start_child("--echo", STDOUT)
    wait_for_answer(before)                 # it is there
    send_there_and_back(child, trips // 10 + 1)
    start = now_tsc()
    send_there_and_back(child, trips)
    passed = now_tsc() - start
    kill(child)
    wait(child)
    tell(passed, trips)


def send_there_and_back(pid: i32, times: u64) -> None:
    for _ in range(times):
        before = answers.load()
        send_event(pid)
        wait_for_answer(before)


def echo() -> i32:
    enable_kevent(EventType.USER_IPI, EventFlag.SPAM_PUBLIC | EventFlag.IPI | EventFlag.WAKEUP)
    parent = getppid()
    while True:
        before = answers.load()
        send_event(parent)
        wait_for_answer(before)


def send_event(pid: i32) -> None:
    sys_notify(pid, u32(EventType.USER_IPI), Uaddr(addr_of(EventMsg())))


def wait_for_answer(before: u64) -> None:
    while answers.load() == before:
        pause()
