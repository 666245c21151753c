# SPDX-License-Identifier: GPL-2.0-or-later
"""The console's port: a 16550 at 0x3f8, mirrored to the VGA text screen, and the emulator's debug console at port 0xe9.

Early and in a panic by polling; once interrupts are set up, output goes through a ring that the transmitter's interrupt
empties, and input is handed on byte by byte. When the ring is full, the writer sends by polling: nothing is dropped.
Locks: `lock` guards the ring and the screen, taken with interrupts off; a leaf. `put_early` never waits for it.
"""

from typing import Callable

from lang import array, interrupt_context, pause, u8, u16, u32, u64
from arch import cpu, trap, vga
from kern.sync.spinlock import Attempt, SpinLock

DATA: u16 = 0x3F8
IRQ_ENABLE: u16 = 0x3F9
FIFO_CONTROL: u16 = 0x3FA
IRQ_ID: u16 = 0x3FA
LINE_CONTROL: u16 = 0x3FB
MODEM_CONTROL: u16 = 0x3FC
LINE_STATUS: u16 = 0x3FD
SCRATCH: u16 = 0x3FF
DEBUG_CONSOLE: u16 = 0xE9

RECEIVED: u8 = 1
ROOM: u8 = 0x20
IRQ_RECEIVED: u8 = 1
IRQ_ROOM: u8 = 2
FIFO_SIZE: u64 = 16
LINE: u32 = 4                               # ISA interrupt

RING_SIZE: u64 = 8192                       # a power of two
PATIENCE: u32 = 100_000                     # polls before a stuck transmitter is given up

lock = SpinLock()
ring = array(RING_SIZE, u8)
head: u64 = 0                               # next byte to send
tail: u64 = 0                               # next free place; both only grow
interrupts: bool = False
present: bool = False
input_handler: Callable[[u8], None] | None = None


def init_early() -> None:
    """115200 8N1, FIFO on, no interrupts; find out whether there is a port at all."""
    global present
    cpu.out8(SCRATCH, 0x5A)
    present = cpu.in8(SCRATCH) == 0x5A
    cpu.out8(IRQ_ENABLE, 0)
    cpu.out8(LINE_CONTROL, 0x80)
    cpu.out8(DATA, 1)
    cpu.out8(IRQ_ENABLE, 0)
    cpu.out8(LINE_CONTROL, 3)
    cpu.out8(FIFO_CONTROL, 0xC7)
    cpu.out8(MODEM_CONTROL, 0x0B)


def init_interrupts() -> None:
    """From now on by interrupt, on core 0. May raise."""
    global interrupts
    if not present:
        return
    trap.register_irq(LINE, handle_interrupt, 0, 0)
    interrupts = True
    cpu.out8(IRQ_ENABLE, IRQ_RECEIVED)


def line() -> u32:
    """The interrupt that it raises."""
    return LINE


def put_debug(data: str) -> None:
    """To the emulator's debug console only."""
    for byte in data:
        cpu.out8(DEBUG_CONSOLE, byte)


def put_early(data: str) -> None:
    """Write and wait: for the first messages, for panics and NMI handlers. Never waits for a lock: whoever holds it may be
    the code that was interrupted, or a core that was stopped. Then the ring is left alone, and the screen."""
    saved = cpu.irqs_save()
    with Attempt(lock) as held:
        if held:
            drain()
        for byte in data:
            if byte == 10:
                send_polled(13)
            send_polled(byte)
            if held:
                vga.put(byte)
    cpu.irqs_restore(saved)


def send_polled(byte: u8) -> None:
    if not present:
        return
    for _ in range(PATIENCE):
        if cpu.in8(LINE_STATUS) & ROOM != 0:
            break
    cpu.out8(DATA, byte)


@interrupt_context
def put(data: str) -> None:
    """Queue for sending. Callable from anywhere, interrupt handlers included."""
    if not interrupts:
        put_early(data)
        return
    with lock.irqs_off():
        for byte in data:
            if byte == 10:
                push(13)
            push(byte)
            vga.put(byte)
        fill_fifo()


def push(byte: u8) -> None:
    """Caller holds: lock."""
    global tail
    if tail - head == RING_SIZE:
        while tail - head > RING_SIZE // 2:
            send_one()
    ring[tail % RING_SIZE] = byte
    tail += 1


def send_one() -> None:
    """The oldest byte of the ring, by polling."""
    global head
    byte = ring[head % RING_SIZE]
    head += 1
    send_polled(byte)


def fill_fifo() -> None:
    """Give the transmitter what it has room for, and have it interrupt for more only if there is more. Caller holds: lock."""
    global head
    if cpu.in8(LINE_STATUS) & ROOM != 0:
        count: u64 = 0
        while head != tail and count < FIFO_SIZE:
            cpu.out8(DATA, ring[head % RING_SIZE])
            head += 1
            count += 1
    cpu.out8(IRQ_ENABLE, IRQ_RECEIVED | IRQ_ROOM if head != tail else IRQ_RECEIVED)


def drain() -> None:
    """Send all that is queued, by polling. Caller holds: lock."""
    while head < tail:
        send_one()


def finish() -> None:
    """The machine ends: send all that is queued, and keep everyone else from queueing more.

    Whoever is at work on the queue is let finish first: two that send from it would send old contents again. Not waited for
    without end, since in a panic the holder may be a core that has been halted, or this one.
    """
    for _ in range(PATIENCE):
        if lock.try_lock():
            break
        pause()
    drain()


def on_input(handler: Callable[[u8], None]) -> None:
    """`handler(byte)` runs for every byte received, in interrupt context on core 0."""
    global input_handler
    input_handler = handler


def handle_interrupt(unused: u64) -> None:
    # Until the port has nothing more to say: the line is edge-triggered.
    while cpu.in8(IRQ_ID) & 1 == 0:
        while cpu.in8(LINE_STATUS) & RECEIVED != 0:
            receive(cpu.in8(DATA))
        with lock.irqs_off():
            fill_fifo()


def receive(byte: u8) -> None:
    handler = input_handler
    if handler is not None:
        handler(byte)
