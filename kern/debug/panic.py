# SPDX-License-Identifier: GPL-2.0-or-later
"""Panic: the kernel found itself wrong. Say so with a backtrace of every core, and end as the command line asks.

`panic=stop` (the default) halts, `panic=reboot` restarts, `panic=exit` ends the emulator with a value that tells it
from success. The first core to panic wins; the others answer its NMI with their own backtrace, and halt. Outside of
panics an NMI prints the backtrace of the core that it hits, which goes on.
Takes no locks but its own, and breaks the log's: whoever held that is halted.
"""

from typing import NoReturn

from lang import CHECKED, Atomic, CheckSite, FailedCheck, Format, PerCore, Text, export, frame_address, hook, pause, recursion
from lang import return_address, struct, text, u32, u64
from arch import cpu, hpet, power, smp, timer
from kern.boot.cmdline import option
from kern.core.percore import core
from kern.debug import log
from kern.debug.backtrace import print_frames, print_kernel
from kern.debug.tripwire import is_expected, spring
from kern.sync.kthread import Kthread, KthreadFlag, all_kthreads, all_lock
from kern.sync.lockcheck import describe_code
from kern.sync.spinlock import Attempt
from kern.time.clock import spin_ns

NOBODY: u32 = 0xFFFF_FFFF
PANIC_ROOM = 1200                           # bytes of a message: a checked build tells of several places in code
MOST_BLOCKED: u32 = 12                      # blocked threads that are shown
ANSWER_NS: u64 = 200_000_000                # how long the others have for their backtraces, each


@struct
class Saying:
    line: Text = text(PANIC_ROOM)


saying = PerCore[Saying]()                  # what a core's panic says; not on its stack, which may be short
panicking = Atomic[u32](NOBODY)             # the core that panics
again = Atomic[bool](False)                 # there was a panic inside the panic
turn = Atomic[u32](NOBODY)                  # the core whose backtrace is to be printed now
telling = Atomic[u32](NOBODY)               # the core that answers an NMI outside of panics: one at a time, so that lines stay whole


@recursion(3)
@hook
def panic_with(message: Format) -> NoReturn:
    """`panic(f"…")` in any kernel source comes here."""
    said = saying.mine.line
    said.clear()
    said.write(message)
    stop_machine(said.view, 0, frame_address())


@recursion(3)
@hook
def check_failed(site: CheckSite, a: u64, b: u64) -> NoReturn:
    """A run-time check of a checked build, or an assert, failed."""
    said = saying.mine.line
    said.clear()
    said.write(f"{FailedCheck(site=site, a=a, b=b)}")
    stop_machine(said.view, 0, frame_address())


@recursion(3)
@hook
@export("__stack_chk_fail")
def frame_overrun() -> NoReturn:
    """A function of a checked build found its canary changed as it was about to return: something wrote past an object in its frame."""
    said = saying.mine.line
    said.clear()
    said.append("stack frame overrun")
    describe_code(said, " in", return_address())
    stop_machine(said.view, 0, frame_address())


def panic_at(message: str, pc: u64, frame: u64) -> NoReturn:
    """A panic for what kernel code at `pc` did: a trap that cannot be."""
    stop_machine(message, pc, frame)


def stop_machine(message: str, pc: u64, frame: u64) -> NoReturn:
    cpu.irqs_off()
    me = cpu.core_id()
    if CHECKED and is_expected():
        tell("expected panic", me, message, pc, frame)
        spring(message)
    if not panicking.cas(NOBODY, me):
        if panicking.load() == me:
            # A panic while printing the first: say what, touch nothing else. And should that fail too, nothing at all.
            if not again.cas(False, True):
                cpu.halt_forever()
            log.raw(f"panic inside panic: {message}")
            end_machine()
        cpu.halt_forever()
    log.lock.force_unlock()
    tell("kernel panic", me, message, pc, frame)
    ask_others(me)
    print_blocked()
    end_machine()


def tell(what: str, me: u32, message: str, pc: u64, frame: u64) -> None:
    now = timer.now_ns()
    log.raw("")
    log.raw_piece(what)
    number = text(40)
    number.write(f" on core {me}: ")
    log.raw_piece(number.view)
    log.raw_piece(message)
    log.raw(f" (at {now // 1_000_000_000}.{now // 1000 % 1_000_000:06} s)")
    if pc != 0:
        print_kernel(pc, frame)
    else:
        print_frames(frame)


def ask_others(me: u32) -> None:
    """Have every other core print its backtrace, one after the other, and halt."""
    for target in range(u32(0), smp.core_count()):
        if target == me:
            continue
        turn.store(target)
        smp.send_nmi(target)
        waited: u64 = 0
        while turn.load() == target and waited < ANSWER_NS:
            spin_ns(10_000)
            waited += 10_000
    turn.store(NOBODY)
    smp.stop_others()


def handle_nmi(pc: u64, frame: u64) -> None:
    """A non-maskable interrupt: somebody panics, or somebody wants to know what this core does."""
    me = cpu.core_id()
    if panicking.load() == NOBODY and hpet.watchdog_fired():
        hpet.stop_watchdog()
        panic_at("watchdog: core 0 has not come by in time", pc, frame)
    if panicking.load() == NOBODY:
        while not telling.cas(NOBODY, me) and panicking.load() == NOBODY:
            pause()
        log.raw(f"NMI on core {me}:")
        describe_core()
        print_kernel(pc, frame)
        if me == 0:
            print_blocked()
        telling.store(NOBODY)
        return
    if panicking.load() == me:
        return
    while turn.load() != me:
        pause()
    log.raw(f"core {me}:")
    print_kernel(pc, frame)
    turn.store(NOBODY)
    cpu.halt_forever()


def describe_core() -> None:
    """One line about what the core is doing."""
    mine = core.mine
    owner = mine.owning_proc
    current = mine.cur_proc
    if owner is not None:
        log.raw(f"  owned by process {owner.pid} as vcore {mine.owning_vcoreid}")
    if current is not None:
        log.raw(f"  in the address space of process {current.pid}")


def print_blocked() -> None:
    """Where the threads sleep that are blocked, the first few of them. Skipped if somebody changes the list just now."""
    with Attempt(all_lock) as held:
        if held:
            print_first_blocked()


def print_first_blocked() -> None:
    """Caller holds: `all_lock`."""
    shown: u32 = 0
    kthread = all_kthreads.first()
    while kthread is not None and shown < MOST_BLOCKED:
        if KthreadFlag.BLOCKED in kthread.flags:
            describe_blocked(kthread)
            shown += 1
        kthread = all_kthreads.after(kthread)


def describe_blocked(kthread: Kthread) -> None:
    p = kthread.proc
    if p is None:
        log.raw(f"blocked: {kthread.name}")
    else:
        log.raw(f"blocked: {kthread.name} of process {p.pid}, system call at {u64(kthread.sysc):#x}")
    print_frames(kthread.context.frame_pointer)


def end_machine() -> NoReturn:
    policy = option("panic")
    if policy is not None and policy == "reboot":
        power.reboot()
    if policy is not None and policy == "exit":
        power.panic_exit()
    log.raw("stopped")
    cpu.halt_forever()
