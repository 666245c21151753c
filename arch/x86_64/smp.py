# SPDX-License-Identifier: GPL-2.0-or-later
"""The other cores: starting them, and interrupting them.

Each gets its stack, its copy of the per-core data (from the template that boot.S kept) and a number, the next free one, in a
start record; the trampoline (smp_entry.S) takes the record and comes to `ap_entry`. All get INIT first, so that the wait
after it is paid once; then one after the other is started, so that numbers follow the firmware's order.
Locks: none. The boot core alone starts cores.
"""

from typing import NoReturn

from lang import Atomic, Error, Ptr, addr_of, array, at, copy_bytes, export, extern_symbol, pause, span_of, struct
from lang import entry, u8, u32, u64
from arch import acpi, apic, cpu, mmu, page_table, timer, trap
from kern.arch_api import CorePlace
from kern.boot.cmdline import has_option
from kern.core.smp import ap_main
from kern.debug import log
from kern.mm.kmap import STACK_SIZE, alloc_stack
from kern.mm.pages import alloc_zeroed, order_for

MAX_CORES: u32 = 256
TRAMPOLINE: u64 = 0x8000                    # a page of conventional memory; the page allocator never has the first MiB
INIT_WAIT_NS: u64 = 10_000_000
START_WAIT_NS: u64 = 100_000_000            # until a start is tried again
START_TRIES: u32 = 10
TOPOLOGY_LEAF: u32 = 0xB
LEVEL_THREADS: u32 = 1
MAX_LEVELS: u32 = 6

smp_trampoline = extern_symbol("smp_trampoline")
smp_trampoline_end = extern_symbol("smp_trampoline_end")
smp_patch_far64 = extern_symbol("smp_patch_far64")
smp_patch_far32 = extern_symbol("smp_patch_far32")
smp_patch_gdt = extern_symbol("smp_patch_gdt")
boot_pml4 = extern_symbol("boot_pml4")
boot_pdpt_low = extern_symbol("boot_pdpt_low")
ap_record = extern_symbol("ap_record")
percore_deltas = extern_symbol("percore_deltas")
percore_delta_word = extern_symbol("percore_delta")
percpu_start = extern_symbol("percpu_start")
percpu_end = extern_symbol("percpu_end")
percpu_template = extern_symbol("percpu_template")


@struct
class StartRecord:
    """What smp_entry.S takes."""

    root: u64                               # offset 0: page tables
    stack: u64                              # 8
    delta: u64                              # 16: of its per-core data
    core: u64                               # 24


@struct
class Published:
    """The word of smp_entry.S from which a core that starts takes the record."""

    record: Atomic[u64]


record = StartRecord()
running: u32 = 1                            # cores that run, the boot core included
arrived = Atomic[u32](1)
apic_ids = array(MAX_CORES, u32)            # by core number


def core_count() -> u32:
    """Cores that run; the boot core alone before `start_cores`."""
    return running


def apic_id_of(core: u32) -> u32:
    return apic_ids[core]


def locate(core: u32, place: CorePlace) -> None:
    """By the levels that an APIC id is made of (SDM volume 3A, 9.9.3: leaf 0BH), and ACPI."""
    id = apic_ids[core]
    place.node = acpi.node_of(id)
    words = cpu.CpuidWords()
    processor_shift: u32 = 0
    socket_shift: u32 = 0
    for level in range(u32(MAX_LEVELS)):
        cpu.cpuid(TOPOLOGY_LEAF, level, words)
        kind = words.ecx >> 8 & 0xFF
        if kind == 0:
            break
        if kind == LEVEL_THREADS:
            processor_shift = words.eax & 31
        socket_shift = words.eax & 31
    place.processor = id >> processor_shift
    place.socket = id >> socket_shift if socket_shift != 0 else 0


def send_ipi(target: u32) -> None:
    """Have core `target` (this one too) run handle_ipi."""
    apic.send_vector(apic_ids[target], u32(trap.IPI_VECTOR))


def send_nmi(target: u32) -> None:
    apic.send_nmi(apic_ids[target])


def stop_others() -> None:
    """Halt every other core for good, whatever it does."""
    apic.stopping.store(True)
    for target in range(running):
        if target != cpu.core_id():
            send_nmi(target)


def start_cores(limit: u32) -> None:
    """Start up to `limit` cores in all. Returns when all are on their way to ap_main; who never comes is logged and left out."""
    mine = apic.id()
    apic_ids[0] = mine
    others: u32 = 0
    prepare_trampoline()
    for i in range(acpi.core_count):
        if acpi.core_apic_ids[i] != mine and others + 1 < limit:
            apic.send_init(acpi.core_apic_ids[i])
            others += 1
    timer.spin_ns(INIT_WAIT_NS)
    late: u32 | None = None                 # the last core, kept back for a test of what it finds when it comes
    for i in range(acpi.core_count):
        if acpi.core_apic_ids[i] != mine and running < min(limit, MAX_CORES):
            if not publish_record():
                break
            if has_option("late_core") and i + 1 == acpi.core_count:
                late = acpi.core_apic_ids[i]
            else:
                start_core(acpi.core_apic_ids[i])
    withdraw_record()
    if late is not None:
        apic.send_startup(late, TRAMPOLINE)


def withdraw_record() -> None:
    """Cores that come late must not join a kernel that counts without them: they find no record, and wait for good."""
    if at(Published, addr_of(ap_record)).record.swap(0) == 0 and record.core == u64(running):
        wait_for_arrival()                  # one has just taken it


def prepare_trampoline() -> None:
    """Copy it to its page, and tell it where that is."""
    size = addr_of(smp_trampoline_end) - addr_of(smp_trampoline)
    target = TRAMPOLINE + page_table.DIRECT_MAP
    copy_bytes(span_of(Ptr[u8](target), size), span_of(Ptr[u8](addr_of(smp_trampoline)), size))
    add_page(target, addr_of(smp_patch_far64))
    add_page(target, addr_of(smp_patch_far32))
    add_page(target, addr_of(smp_patch_gdt))
    # It runs one to one until it is in the higher half.
    Ptr[u64](addr_of(boot_pml4) + page_table.DIRECT_MAP)[0] = addr_of(boot_pdpt_low) | page_table.PRESENT | page_table.WRITABLE


def add_page(target: u64, patch: u64) -> None:
    place = target + (patch - addr_of(smp_trampoline))
    low = Ptr[u8](place)
    # The words are not aligned; the offsets in them are below one page, so that only two bytes change.
    value = u64(low[0]) + (u64(low[1]) << 8) + TRAMPOLINE
    low[0] = u8(value & 0xFF)
    low[1] = u8((value >> 8) & 0xFF)
    low[2] = u8((value >> 16) & 0xFF)


def publish_record() -> bool:
    """For the next core, unless it is there: who did not come has left it. False: there is no memory for it."""
    published = at(Published, addr_of(ap_record))
    if published.record.load() == 0:
        try:
            prepare_record(running)
        except Error as e:
            log.warn(f"no memory to start core {running}: {e.message}")
            return False
        published.record.store(addr_of(record))
    return True


def start_core(apic_id: u32) -> None:
    """Start the core, which takes the record."""
    for _ in range(START_TRIES):
        apic.send_startup(apic_id, TRAMPOLINE)
        if wait_for_arrival():
            return
    log.warn(f"the core with APIC id {apic_id} does not start")


def wait_for_arrival() -> bool:
    """Count the core that took the record, when it is ready. False if none is within START_WAIT_NS."""
    global running
    deadline = timer.now_ns() + START_WAIT_NS
    while timer.now_ns() < deadline:
        if arrived.load() > running:
            running += 1
            return True
        pause()
    return False


def prepare_record(core: u32) -> None:
    """Stack and per-core data for core number `core`. May raise ENOMEM."""
    size = addr_of(percpu_end) - addr_of(percpu_start)
    area = u64(mmu.phys_to_virt(alloc_zeroed(order_for(size))))
    copy_bytes(span_of(Ptr[u8](area), size), span_of(Ptr[u8](addr_of(percpu_template)), size))
    delta = area - addr_of(percpu_start)
    Ptr[u64](addr_of(percore_delta_word) + delta)[0] = delta
    Ptr[u64](addr_of(percore_deltas))[core] = delta
    record.root = page_table.kernel_root
    record.stack = alloc_stack()
    record.delta = delta
    record.core = u64(core)


@entry(stack=STACK_SIZE)
@export("ap_entry")
def ap_entry(number: u32) -> NoReturn:
    """A core's first code in the language: on its own stack, per-core data in place, interrupts off."""
    cpu.init_core(number)
    set_up_core(number)
    ap_main(number)


def set_up_core(number: u32) -> None:
    try:
        for i in range(cpu.IST_STACKS):
            cpu.set_ist(i, alloc_stack())
    except Error as e:
        log.error(f"no stacks for core {number}: {e.message}")
        cpu.halt_forever()
    trap.attach_core()
    apic.init_core()
    timer.init_core()
    apic_ids[number] = apic.id()
    arrived.add(1)
