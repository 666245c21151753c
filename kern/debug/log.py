# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's log: `log.info(f"…")`, with time and core in front, one line a message. Which levels of which modules, says levels.py.

Goes to a ring in memory (for dmesg), to the emulator's debug console, and to the console unless the machine was booted
`quiet`; warnings and errors then still do not, since the console belongs to the first program.
Callable from anywhere, interrupt handlers included, but not with the ports' own locks held. Long lines are cut.
Locks: `lock` is a leaf, taken with interrupts off, so that lines are whole. A panic breaks it.
"""

from lang import Format, Span, array, caller_module, interrupt_context, text, u8, u64
from arch import serial, timer
from kern.core.percore import core
from kern.debug.levels import Level, Levels
from kern.lib.ring import Ring
from kern.sync.spinlock import SpinLock

RING_SIZE: u64 = 65536


storage = array(RING_SIZE, u8)
ring = Ring[u8]()
lock = SpinLock()
quiet: bool = False                         # not to the console
console_ready: bool = False                 # the serial port's queue works; before, write and wait
levels = Levels()


def debug(message: Format, module: str = caller_module()) -> None:
    """For whoever hunts a fault; dropped unless booted with `log=debug`, or `log=MODULE:debug`."""
    write(Level.DEBUG, message, module)


def info(message: Format, module: str = caller_module()) -> None:
    write(Level.INFO, message, module)


def warn(message: Format, module: str = caller_module()) -> None:
    """Something is not as it should be, and the kernel goes on."""
    write(Level.WARN, message, module)


def error(message: Format, module: str = caller_module()) -> None:
    write(Level.ERROR, message, module)


def write(level: Level, message: Format, module: str) -> None:
    if not levels.is_wanted(level, module):
        return
    line = text(1200)
    now = timer.now_ns()
    line.write(f"[{now // 1_000_000_000:>5}.{now // 1000 % 1_000_000:06}] {core.mine.core_id:>2} ")
    if level == Level.WARN:
        line.append("warning: ")
    elif level == Level.ERROR:
        line.append("error: ")
    line.write(message)
    if line.truncated:
        line.pop(1)
    line.append("\n")
    emit(line.view)


@interrupt_context
def emit(line: str) -> None:
    with lock.irqs_off():
        remember(line)
        serial.put_debug(line)
        if quiet:
            return
        if console_ready:
            serial.put(line)
        else:
            serial.put_early(line)


def remember(line: str) -> None:
    """Into the ring. Caller holds: lock."""
    if len(ring.slots) == 0:
        ring.slots = storage[0:RING_SIZE]
    for byte in line:
        ring.push_over(byte)


def read_log(into: Span[u8], position: u64) -> u64:
    """Copy what is remembered from `position` (0: the oldest) on; returns how many bytes."""
    with lock.irqs_off():
        start = ring.head + position
        count: u64 = 0
        while count < len(into) and start + count < ring.tail:
            into[count] = ring.peek(start + count)
            count += 1
        return count


def raw(message: Format) -> None:
    """Without prefix, lock or ring, at once, to all consoles: for panics and NMI handlers."""
    line = text(400)
    line.write(message)
    line.append("\n")
    raw_piece(line.view)


def raw_piece(piece: str) -> None:
    """The same for part of a line that may be long."""
    serial.put_debug(piece)
    serial.put_early(piece)


def be_quiet() -> None:
    """Keep the log off the console from now on."""
    global quiet
    quiet = True


def use_console_queue() -> None:
    """The serial port's interrupts work now."""
    global console_ready
    console_ready = True
