# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether the kernel has back what it gave: its memory, exactly, before and after (#mem/live), and its cores (/proc/cores).

    apart(act, 1)                           # once, for what is kept for good
    before = Live()
    before.take_again()
    apart(act, 1000)
    if not before.is_back():
        before.tell_difference()
What ends takes a moment to be gone, so `is_back` looks again, up to a deadline.
"""

from typing import Callable

from lang import Array, Error, Raises, Span, Uaddr, array, i32, struct, text, u8, u64
from kern.abi.mman import MapFlags, Prot
from lib.files import read_file
from lib.strings import discard, next_field
from rt.exit import exit
from parlib.init import prepare_stack
from rt.io import close, file_size, open, read_full
from rt.process import fork, getpid, wait
from rt.time import now_ns, sleep_usec
from syscalls import sys_mmap

ROOM: u64 = 1024
PATIENCE_NS: u64 = 10_000_000_000
LOOK_USEC: u64 = 20_000
STEADY: u64 = 4                             # readings in a row that have to agree


@struct
class Live:
    """A reading of #mem/live."""

    shown: Array[u8] = array(ROOM)
    length: u64

    def take(self) -> None:
        """Read it; this empties all caches of the kernel first."""
        fd = open("#mem/live")
        try:
            self.length = read_full(fd, self.shown[:ROOM])
        finally:
            close(fd)

    def take_again(self) -> None:
        """The reading that counts, after a round for what is kept for good. All that this program does later is done once before."""
        prepare_stack()                     # how deep vcore context gets depends on what it is told
        busy_cores()
        end = now_ns() + PATIENCE_NS
        agree: u64 = 0
        while agree < STEADY and now_ns() < end:  # others, as a shell that waits, may be amid something
            self.take()
            sleep_usec(LOOK_USEC)
            latest.take()
            agree = agree + 1 if latest.text() == self.text() else 0

    def text(self) -> str:
        return self.shown[: self.length]

    def is_back(self, patience_ns: u64 = PATIENCE_NS) -> bool:
        """Whether all is as it was when this was taken, or comes to be so in time."""
        end = now_ns() + patience_ns
        while True:
            latest.take()
            if latest.text() == self.text():
                return True
            if now_ns() > end:
                return False
            sleep_usec(LOOK_USEC)

    def tell_difference(self) -> None:
        """Between this and what `is_back` saw last."""
        old: str = self.text()
        new: str = latest.text()
        while len(old) > 0 and len(new) > 0:
            old_line, old = old.split1("\n")
            new_line, new = new.split1("\n")
            if old_line != new_line:
                print(f"  was {old_line}, is {new_line}")


latest = Live()                             # what `is_back` saw last


def bring_programs_in(paths: Span[str]) -> None:
    """Before the first reading: all pages of these files into memory for as long as this process lives, or each that somebody needs for
    the first time would count."""
    for path in paths:
        fd = open(path)
        try:
            sys_mmap(Uaddr(0), file_size(fd), Prot.READ, MapFlags.SHARED | MapFlags.POPULATE, fd, 0)
        finally:
            close(fd)


def apart(act: Callable[[u64], Raises[i32]], arg: u64) -> i32:
    """act(arg) in a copy of this process, whose status this is. So what the program itself comes to need is gone with it, and the one
    that reads #mem/live before and after does nothing in between that it has not done before."""
    pid = fork()
    if pid == 0:
        try:
            exit(act(arg))
        except Error as e:
            print(f"{e.errno.name}: {e.message}")
            exit(1)
    return wait(pid)


def busy_cores() -> u64:
    """How many cores are a process's other than the caller, which may run on any, or promised to one."""
    content = read_file("/proc/cores")
    rest: str = content
    me = text(12)
    me.write(f"{getpid()}")
    busy: u64 = 0
    while len(rest) > 0:
        line, rest = rest.split1("\n")
        number, at = next_field(line, 0)
        state, at = next_field(line, at)
        owner, at = next_field(line, at)
        vcore, at = next_field(line, at)
        used, at = next_field(line, at)
        promised, at = next_field(line, at)
        if (owner != "-" and owner != me.view) or used != "-" or promised != "-":
            busy += 1
    discard(content)
    return busy


def all_cores_idle() -> bool:
    """Whether every core is nobody's but the caller's, or comes to be so in time."""
    end = now_ns() + PATIENCE_NS
    while busy_cores() > 0:
        if now_ns() > end:
            return False
        sleep_usec(LOOK_USEC)
    return True
