# SPDX-License-Identifier: GPL-2.0-or-later
"""The other cores: starting them, and interrupting them.

Core numbers are contiguous from 0, the boot core; hart ids are whatever the device tree says. Each core gets its stack, its copy of the
per-core data (from the template that boot.S kept) and a number in a start record, and the firmware starts it at smp_entry.S, which
comes to `ap_entry`. One after the other, so that numbers follow the tree's order, but the boot core's node and socket come first: any
hart may win the firmware's race to boot, and cores of consecutive numbers shall be near each other.
Locks: none. The boot core alone starts cores.
"""

from typing import NoReturn

from lang import Atomic, Error, Kaddr, Ptr, addr_of, array, at, copy_bytes, entry, export, extern_symbol, pause, span_of, struct
from lang import u8, u32, u64
from arch import acpi, apic, cpu, ioapic, mmu, page_table, timer, trap
from kern.arch_api import CorePlace
from kern.boot.cmdline import has_option, number_option, option
from kern.core.smp import ap_main
from kern.debug import log
from kern.mm.kmap import STACK_SIZE, alloc_stack
from kern.mm.pages import alloc_zeroed, order_for

MAX_CORES: u32 = 256
START_WAIT_MS: u64 = 10_000
WAITING: u32 = 0
ADMITTED: u32 = 1                           # it came in time, and goes on
GIVEN_UP: u32 = 2                           # it shall halt when it comes

text_start = extern_symbol("text_start")
smp_entry = extern_symbol("smp_entry")
start_hart = extern_symbol("start_hart")
start_record = extern_symbol("start_record")
percore_deltas = extern_symbol("percore_deltas")
percore_delta_word = extern_symbol("percore_delta")
percpu_start = extern_symbol("percpu_start")
percpu_end = extern_symbol("percpu_end")
percpu_template = extern_symbol("percpu_template")


@struct
class StartRecord:
    """What smp_entry.S takes."""

    satp: u64                               # offset 0: page tables
    stack: u64                              # 8
    area: u64                               # 16: its per-core words
    core: u64                               # 24


@struct
class Word:
    value: Atomic[u64]


record = StartRecord()
running: u32 = 1                            # cores that run, the boot core included
arrived = Atomic[u32](1)
admission = Atomic[u32](0)                  # of the hart that was asked last: WAITING, then either of the others, for good
hart_ids = array(256, u64)                  # by core number


def core_count() -> u32:
    """Cores that run; the boot core alone before `start_cores`."""
    return running


def hart_of(core: u32) -> u64:
    return hart_ids[core]


def locate(core: u32, place: CorePlace) -> None:
    """By the device tree: cpu-map, and numa-node-id."""
    acpi.locate(hart_ids[core], place)


def send_ipi(target: u32) -> None:
    """Have core `target` (this one too) run handle_ipi."""
    apic.send_vector(target)


def send_nmi(target: u32) -> None:
    """Have it run handle_nmi, as soon as its interrupts are on."""
    apic.requests[target].tell.store(True)
    send_ipi(target)


def stop_others() -> None:
    """Halt every other core for good, as soon as its interrupts are on."""
    apic.stopping.store(True)
    for target in range(running):
        if target != cpu.core_id():
            send_ipi(target)


def start_cores(limit: u32) -> None:
    """Start up to `limit` cores in all. Returns when all are on their way to ap_main; who never comes is logged and left out."""
    if start_harts(limit, True):
        start_harts(limit, False)


def start_harts(limit: u32, near: bool) -> bool:
    """The boot core's neighbours, or the others. False: no more can be started."""
    here = CorePlace()
    there = CorePlace()
    acpi.locate(hart_ids[0], here)
    for i in range(acpi.core_count):
        acpi.locate(acpi.harts[i], there)
        is_near = there.node == here.node and there.socket == here.socket
        if acpi.harts[i] != hart_ids[0] and is_near == near and running < min(limit, MAX_CORES):
            if not start_core(acpi.harts[i]):
                return False
    return True


def start_core(hart: u64) -> bool:
    """False: no other core may use the record any more."""
    global running
    try:
        prepare_record(running)
    except Error as e:
        log.warn(f"no memory to start core {running}: {e.message}")
        return False
    hart_ids[running] = hart
    admission.store(WAITING)
    # The option does to all harts what a firmware may do to one, for a test.
    first = text_start if option("hart_entry") == "image" else smp_entry
    start = u64(mmu.virt_to_phys(Kaddr(addr_of(first))))
    place = u64(mmu.virt_to_phys(Kaddr(addr_of(record))))
    # For a hart that the firmware lets go to the image's start instead (boot.S): the record, then whose it is.
    at(Word, addr_of(start_record)).value.store(place)
    at(Word, addr_of(start_hart)).value.store(hart + 1)
    error = cpu.sbi_call(hart, start, place, 0, cpu.SBI_HSM)
    if error != 0:
        log.warn(f"the firmware does not start hart {hart}: error {error}")
        return True
    deadline = timer.now_ns() + number_option("late_core", START_WAIT_MS) * 1_000_000
    while timer.now_ns() < deadline:
        if arrived.load() > running:
            running += 1
            return True
        pause()
    # One that comes late, on a host that is busy with other things, must not join a kernel that counts without it.
    came = not admission.cas(WAITING, GIVEN_UP)
    log.warn(f"hart {hart} {'comes, and does not get ready' if came else 'does not come'}")
    return False


def prepare_record(core: u32) -> None:
    """Stack and per-core data for core number `core`. May raise ENOMEM."""
    size = addr_of(percpu_end) - addr_of(percpu_start)
    area = u64(mmu.phys_to_virt(alloc_zeroed(order_for(size))))
    copy_bytes(span_of(Ptr[u8](area), size), span_of(Ptr[u8](addr_of(percpu_template)), size))
    delta = area - addr_of(percpu_start)
    Ptr[u64](addr_of(percore_delta_word) + delta)[0] = delta
    Ptr[u64](addr_of(percore_deltas))[core] = delta
    record.satp = mmu.satp_mode | page_table.kernel_root >> 12
    record.stack = alloc_stack()
    record.area = addr_of(percore_delta_word) + delta
    record.core = u64(core)


@entry(stack=STACK_SIZE)
@export("ap_entry")
def ap_entry(number: u32) -> NoReturn:
    """A core's first code in the language: on its own stack, per-core data in place, interrupts off."""
    cpu.init_core(number)
    if has_option("late_core") and number + 1 == acpi.core_count:
        while admission.load() == WAITING:  # for a test of what it finds when it has been given up
            pause()
    if not admission.cas(WAITING, ADMITTED):
        cpu.halt_forever()
    set_up_core(number)
    ap_main(number)


def set_up_core(number: u32) -> None:
    try:
        cpu.set_emergency_stack(alloc_stack())
    except Error as e:
        log.error(f"no stack for core {number}: {e.message}")
        cpu.halt_forever()
    trap.attach_core()
    apic.init_core(number)
    ioapic.init_core(number)
    trap.take_lines(number)
    timer.init_core()
    arrived.add(1)
