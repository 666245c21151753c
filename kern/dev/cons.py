# SPDX-License-Identifier: GPL-2.0-or-later
"""/dev/cons, the console, and /dev/consctl, which sets how it behaves.

Cooked, as at start, it echoes and hands over whole lines: backspace and Ctrl-U edit, Ctrl-D is the end of file. Raw, every byte
comes at once and unechoed. Ctrl-C ends the foreground processes, with all their children; without any it is a byte like
others (raw), or it discards the line and is kept for the processes that come next to the foreground (cooked): a shell that
is about to start one must not miss it.
consctl takes words: `raw`, `cooked`, and `fg PID...` for the foreground processes, `fg` alone for none. Reading it waits until a
Ctrl-C is kept, which it then is no more, and gives `interrupted`.
Locks: `input.lock`, taken in the port's interrupt handler; the port's own lock comes after it. `output` is a sleeping lock for
whole writes.
"""

from lang import Error, Span, array, i32, u8, u64
from arch import cpu, serial
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from kern.core.kmsg import send_routine
from kern.dev.chardev import CharDev, char_devices
from kern.ns.transfer import Transfer
from kern.proc.destroy import proc_destroy
from kern.proc.proc import find_proc, next_proc, proc_put
from kern.sync.abort import AbortableSleep
from kern.sync.condvar import CondVar
from kern.sync.kthread import current_kthread
from kern.sync.qlock import QLock

READY_SIZE: u64 = 4096
LINE_SIZE: u64 = 1024
MAX_FOREGROUND: u64 = 16
INTERRUPTED_EXIT_CODE: i32 = 130

CTRL_C: u8 = 3
CTRL_D: u8 = 4
BACKSPACE: u8 = 8
CTRL_U: u8 = 21
DELETE: u8 = 127

input = CondVar()
output = QLock()
ready = array(READY_SIZE, u8)               # what readers may have, a ring
ready_start: u64 = 0
ready_used: u64 = 0
line = array(LINE_SIZE, u8)                 # the line being typed
line_used: u64 = 0
ended: bool = False                         # Ctrl-D on an empty line, for one read
raw: bool = False
foreground = array(MAX_FOREGROUND, i32)
foreground_count: u64 = 0
kept_interrupt: bool = False                # Ctrl-C was typed while nothing was in the foreground


def take_byte(byte: u8) -> None:
    """A byte was typed. From the port's interrupt handler."""
    with input.lock.irqs_off():
        if byte == CTRL_C and foreground_count > 0:
            echo("^C\n")
            interrupt_foreground()
        elif raw:
            make_ready(byte)
        else:
            edit(byte)
        input.broadcast()


def interrupt_foreground() -> None:
    """Caller holds: `input.lock`."""
    for i in range(foreground_count):
        send_routine(0, end_process, u64(foreground[i]), 0, 0)


def edit(byte: u8) -> None:
    """Cooked mode. Caller holds: `input.lock`."""
    global line_used, ended, kept_interrupt
    if byte == ord("\r") or byte == ord("\n"):
        echo("\n")
        commit()
        make_ready(ord("\n"))
    elif byte == CTRL_D:
        if line_used == 0:
            ended = True
        commit()
    elif byte == BACKSPACE or byte == DELETE:
        erase(1)
    elif byte == CTRL_U:
        erase(line_used)
    elif byte == CTRL_C:
        echo("^C\n")
        line_used = 0
        kept_interrupt = True
    elif (byte >= 32 or byte == ord("\t")) and line_used < LINE_SIZE:
        line[line_used] = byte
        line_used += 1
        echo(line[line_used - 1 : line_used])


def erase(count: u64) -> None:
    """Take characters off the line's end; bytes that continue a UTF-8 character go with it."""
    global line_used
    for _ in range(count):
        if line_used == 0:
            return
        line_used -= 1
        while line_used > 0 and (line[line_used] & 0xC0) == 0x80:
            line_used -= 1
        echo("\b \b")


def commit() -> None:
    """The line is the readers' now."""
    global line_used
    for i in range(line_used):
        make_ready(line[i])
    line_used = 0


def make_ready(byte: u8) -> None:
    """Room is not made for what nobody reads."""
    global ready_used
    if ready_used < READY_SIZE:
        ready[(ready_start + ready_used) % READY_SIZE] = byte
        ready_used += 1


def echo(data: str) -> None:
    serial.put(data)                        # which puts a carriage return before a line feed


def end_process(pid: u64, a1: u64, a2: u64) -> None:
    """Routine message: Ctrl-C was typed for this process. What it started goes with it."""
    current_kthread().become_ktask("ctrl-c")
    cpu.irqs_on()
    child = next_proc(0)
    while child is not None:
        child_pid = child.pid
        if child.ppid == i32(pid):
            send_routine(0, end_process, u64(child_pid), 0, 0)
        proc_put(child)
        child = next_proc(child_pid)
    p = find_proc(i32(pid))
    if p is not None:
        proc_destroy(p, INTERRUPTED_EXIT_CODE)
        proc_put(p)
    cpu.irqs_off()


def wait_input(into: Span[u8], block: bool) -> u64:
    """Take what is ready, a line at most when cooked; 0 is the end of file."""
    with AbortableSleep(cv=input) as sleep:
        with input.lock.irqs_off() as held:
            while ready_used == 0:
                if take_end():
                    return 0
                if not block:
                    raise Error(Errno.EAGAIN, "nothing was typed")
                sleep.wait(held)
            return take_ready(into)


def take_end() -> bool:
    global ended
    was = ended
    ended = False
    return was


def take_ready(into: Span[u8]) -> u64:
    """Caller holds: `input.lock`."""
    global ready_start, ready_used
    count: u64 = 0
    while count < len(into) and ready_used > 0:
        byte = ready[ready_start]
        ready_start = (ready_start + 1) % READY_SIZE
        ready_used -= 1
        into[count] = byte
        count += 1
        if byte == ord("\n") and not raw:
            break
    return count


@char_devices
class Cons(CharDev):
    name: str = "cons"

    def start(self) -> None:
        serial.on_input(take_byte)

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        if io.left == 0:
            return 0
        chunk = array(256, u8)
        count = wait_input(chunk[: min(256, io.left)], OpenMode.NONBLOCK not in mode)
        return io.give(chunk[:count])

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        chunk = array(512, u8)
        io.keep_short()
        with output:
            while io.left > 0:
                count = io.take(chunk[0:512])
                serial.put(chunk[:count])
        return io.done


@char_devices
class ConsCtl(CharDev):
    name: str = "consctl"

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        take_kept_interrupt(OpenMode.NONBLOCK not in mode)
        return io.give("interrupted\n")

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        chunk = array(256, u8)
        count = io.take(chunk[0:256])
        obey(chunk[:count])
        return count


def take_kept_interrupt(block: bool) -> None:
    global kept_interrupt
    with AbortableSleep(cv=input) as sleep:
        with input.lock.irqs_off() as held:
            while not kept_interrupt:
                if not block:
                    raise Error(Errno.EAGAIN, "no Ctrl-C is kept")
                sleep.wait(held)
            kept_interrupt = False


def obey(command: str) -> None:
    """One command. Raises EINVAL."""
    global raw, kept_interrupt
    word, rest = command.strip().split1(" ")
    if word == "fg":
        set_foreground(rest.strip())
        return
    if word != "raw" and word != "cooked":
        raise Error(Errno.EINVAL, f"consctl takes raw, cooked and fg, not {word}")
    with input.lock.irqs_off():
        was_raw = raw
        raw = word == "raw"
        if raw:
            kept_interrupt = False
            commit()
        elif was_raw:
            cook_ready()
            input.broadcast()


def cook_ready() -> None:
    """What was typed ahead in raw mode is treated as cooked after all, Ctrl-C included. Caller holds: `input.lock`."""
    global ready_start, ready_used
    for _ in range(ready_used):
        byte = ready[ready_start]
        ready_start = (ready_start + 1) % READY_SIZE
        ready_used -= 1
        edit(byte)


def set_foreground(pids: str) -> None:
    global foreground_count, kept_interrupt
    found = array(MAX_FOREGROUND, i32)
    count: u64 = 0
    rest = pids
    while rest and count < MAX_FOREGROUND:
        word, rest = rest.split1(" ")
        if word:
            pid = u64(word)
            if pid > 32767:
                raise Error(Errno.EINVAL, f"no process can have the id {pid}")
            found[count] = i32(pid)
            count += 1
    with input.lock.irqs_off():
        for i in range(count):
            foreground[i] = found[i]
        foreground_count = count
        if kept_interrupt and count > 0:
            kept_interrupt = False
            interrupt_foreground()
