# SPDX-License-Identifier: GPL-2.0-or-later
"""The console's port: the 16550 that the device tree names, and the emulator's debug console, a paravirtual one with a register for
single characters. Until there is a port the firmware prints.

Early and in a panic by polling; once interrupts are set up, output goes through a ring that the transmitter's interrupt
empties, and input is handed on byte by byte. When the ring is full, the writer sends by polling: nothing is dropped.
Locks: `lock` guards the ring, taken with interrupts off; a leaf. `put_early` never waits for it.
"""

from typing import Callable

from lang import Ptr, array, interrupt_context, pause, u8, u32, u64, volatile_load, volatile_store
from arch import acpi, cpu, page_table, smp, trap, vga
from kern.sync.spinlock import Attempt, SpinLock

DATA: u64 = 0
IRQ_ENABLE: u64 = 1
FIFO_CONTROL: u64 = 2
IRQ_ID: u64 = 2
LINE_CONTROL: u64 = 3
MODEM_CONTROL: u64 = 4
LINE_STATUS: u64 = 5
EMERGENCY_WRITE: u64 = 0x108                # virtio 1.1, 5.3.4: config space begins at 0x100

START_OF_TEXT = "\x02\n"                    # what came before was the firmware: `make run` leaves that out
RECEIVED: u8 = 1
BREAK: u8 = 0x10
ROOM: u8 = 0x20
IRQ_RECEIVED: u8 = 5                        # data, and a break
IRQ_ROOM: u8 = 2
FIFO_SIZE: u64 = 16

RING_SIZE: u64 = 8192                       # a power of two
PATIENCE: u32 = 100_000                     # polls before a stuck transmitter is given up

lock = SpinLock()
ring = array(RING_SIZE, u8)
head: u64 = 0                               # next byte to send
tail: u64 = 0                               # next free place; both only grow
interrupts: bool = False
present: bool = False
input_handler: Callable[[u8], None] | None = None


def read(register: u64) -> u8:
    return volatile_load(Ptr[u8](acpi.uart + page_table.direct_map + register))


def write(register: u64, value: u8) -> None:
    volatile_store(Ptr[u8](acpi.uart + page_table.direct_map + register), value)


def init_early() -> None:
    """8N1, FIFO on, no interrupts; the firmware has set the speed."""
    global present
    if acpi.uart == 0:
        return
    write(IRQ_ENABLE, 0)
    write(LINE_CONTROL, 3)
    write(FIFO_CONTROL, 0xC7)
    write(MODEM_CONTROL, 0x0B)
    present = True
    put_early(START_OF_TEXT)


def init_interrupts() -> None:
    """From now on by interrupt, on core 0. May raise."""
    global interrupts
    if not present:
        return
    trap.register_irq(acpi.uart_line, handle_interrupt, 0, 0)
    interrupts = True
    write(IRQ_ENABLE, IRQ_RECEIVED)
    # What came before is nobody's. QEMU's port, full when it was cleared, takes more only when it has been read.
    read(DATA)


def line() -> u32:
    """The interrupt that it raises."""
    return acpi.uart_line


def put_debug(data: str) -> None:
    """To the emulator's debug console only."""
    if acpi.debug_console == 0:
        return
    for byte in data:
        volatile_store(Ptr[u32](acpi.debug_console + page_table.direct_map + EMERGENCY_WRITE), u32(byte))


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
        cpu.sbi_call(u64(byte), 0, 0, 0, cpu.SBI_CONSOLE_PUTCHAR)
        return
    for _ in range(PATIENCE):
        if read(LINE_STATUS) & ROOM != 0:
            break
    write(DATA, byte)


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
    if read(LINE_STATUS) & ROOM != 0:
        count: u64 = 0
        while head != tail and count < FIFO_SIZE:
            write(DATA, ring[head % RING_SIZE])
            head += 1
            count += 1
    write(IRQ_ENABLE, IRQ_RECEIVED | IRQ_ROOM if head != tail else IRQ_RECEIVED)


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
    # Until the port has nothing more to say: the line stays up that long.
    while read(IRQ_ID) & 1 == 0:
        status = read(LINE_STATUS)
        if status & BREAK != 0:
            read(DATA)
            ask_all_cores()
            status = read(LINE_STATUS)
        while status & RECEIVED != 0:
            receive(read(DATA))
            status = read(LINE_STATUS)
        with lock.irqs_off():
            fill_fifo()


def ask_all_cores() -> None:
    """A break on the line: somebody wants to know what the cores do. Elsewhere that is a non-maskable interrupt."""
    for target in range(smp.core_count()):
        smp.send_nmi(target)


def receive(byte: u8) -> None:
    handler = input_handler
    if handler is not None:
        handler(byte)
