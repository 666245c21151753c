# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's tests of itself (kern/ktest/): one boot at each number of cores, one test here for each there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from scripts.qemu import Ending, Settings
from tests.boot.conftest import TEST_OPTIONS, Pool

KTEST = Path(__file__).parents[2] / "kern" / "ktest"
NAME = re.compile(r'^    name: str = "([\w.]+)"', re.MULTILINE)
SOURCES = [*KTEST.glob("*_tests.py"), KTEST.parents[1] / "arch/x86_64/ktests.py"]
NAMES = sorted(name for source in SOURCES for name in NAME.findall(source.read_text()))
CORES = (1, 4)
DEADLINE_S = 120
ROWS = {
    "kmsg.order": ("sync-01", "sync-04"),
    "kmsg.immediate": ("sync-02",),
    "kmsg.blocks": ("sync-03",),
    "kmsg.from_handler": ("sync-06",),
    "kmsg.no_self_interrupt": ("sync-05",),
    "core.ping": ("core-02",),
    "clock.spin": ("time-12",),
    "sync.spinlock": ("sync-19",),
    "sync.semaphore_ping_pong": ("sync-13",),
    "sync.semaphore_order": ("sync-13", "sync-07"),
    "sync.condvar": ("sync-14",),
    "sync.condvar_lock": ("sync-14",),
    "sync.completion": ("sync-18",),
    "sync.qlock": ("sync-16",),
    "sync.rendez": ("sync-15",),
    "sync.rendez_many": ("sync-15",),
    "sync.kref": ("sync-28",),
    "sync.rwlock": ("sync-17",),
    "sync.hashlock": ("sync-20",),
    "sync.poke_tracker": ("sync-22",),
    "sync.checklist": ("sync-23",),
    "sync.barrier": ("sync-23", "boot-14"),
    "smp.call_on_set": ("sync-24",),
    "sync.apipe": ("sync-30",),
    "lib.bcq": ("sync-32",),
    "lib.circular_buffer": ("sync-31",),
    "lib.ring": ("sync-31",),
    "sync.taskqueue": ("sync-33",),
    "sync.atomics": ("sync-29",),
    "sync.membar": ("sync-25",),
    "sync.semaphore_spin": ("sync-35",),
    "kthread.yield": ("sync-12",),
    "kthread.usleep": ("sync-12",),
    "error.unwinds": ("sync-36",),
    "read.rcu_pids": ("sync-26",),
    "read.seqlock": ("sync-21",),
    "read.rcu_waits": ("sync-26",),
    "read.rcu_list": ("sync-27",),
    "kthread.no_leak": ("sync-10",),
    "kthread.million_blocks": ("sync-10",),
    "kthread.guard_page": ("boot-08",),
    "alarm.order": ("time-03", "time-04"),
    "alarm.unset": ("time-05",),
    "alarm.other_core": ("time-03", "time-05"),
    "alarm.moves": ("time-03",),
    "alarm.handler_blocks": ("time-06",),
    "umem.bad_address": ("boot-29",),
    "pages.contiguous": ("kmem-12",),
    "arena.nextfit": ("kmem-01",),
    "arena.bestfit": ("kmem-01",),
    "arena.instantfit": ("kmem-01",),
    "arena.instantfit_fallback": ("kmem-01",),
    "arena.quantum_align": ("kmem-01",),
    "arena.odd_quantum": ("kmem-01", "kmem-02"),
    "arena.many": ("kmem-01",),
    "arena.xalloc": ("kmem-02",),
    "arena.xalloc_minmax": ("kmem-02",),
    "arena.xalloc_from_freelist": ("kmem-02",),
    "arena.nocross_fallback": ("kmem-02",),
    "arena.qcache": ("kmem-03",),
    "arena.qc_odd_quantum": ("kmem-03",),
    "arena.qc_large_quantum": ("kmem-03",),
    "arena.import": ("kmem-04",),
    "arena.import_slab": ("kmem-04", "kmem-08"),
    "arena.import_alignment": ("kmem-04",),
    "arena.self_source": ("kmem-04",),
    "arena.accounting": ("kmem-04",),
    "text.complete": ("kmem-11",),
    "mmu.pages": ("kmem-16",),
    "mmu.ranges": ("kmem-16",),
    "mmu.large_pages": ("kmem-12", "kmem-16"),
    "pages.large": ("kmem-12",),
    "kmap.device": ("kmem-18",),
    "kmalloc.incref": ("kmem-10",),
    "kmalloc.resize": ("kmem-10",),
    "kmalloc.wait": ("kmem-10",),
    "arena.dma_pool": ("kmem-15",),
    "arena.user_dma": ("kmem-15",),
    "dma.pages": ("kmem-15",),
    "lib.check_sums": ("kmem-20",),
    "lib.hashes": ("kmem-20",),
    "lib.packing": ("kmem-20",),
    "net.ptclbsum": ("ktest-03",),
    "net.simplesum_bench": ("ktest-03",),
    "net.ptclbsum_bench": ("ktest-03",),
    "lib.page_slices": ("kmem-19",),
    "slab.constructor": ("kmem-07",),
    "slab.magazines": ("kmem-07",),
    "slab.resize": ("kmem-07",),
    "slab.ids": ("kmem-08",),
    "slab.trace": ("kmem-09",),
    "slab.reclaim": ("kmem-06",),
    "slab.reclaim_again": ("kmem-06",),
    "proc.bad_transition": ("proc-01",),
    "proc.pids": ("proc-02",),
    "core.ipi_sending": ("core-13",),
    "hw.lapic_status_bit": ("core-13",),
    "hw.pit": ("time-11",),
    "hw.pic_reception": ("core-12",),
    "hw.ioapic_routing": ("core-14",),
    "hw.registers": ("core-23",),
    "core.shared_irq": ("core-10",),
    "alarm.periods": ("time-05",),
    "check.seqlocks": ("sync-21",),
    "check.krefs": ("sync-28",),
    "check.locks": ("core-16", "debug-04", "debug-09", "sync-19"),
}

# What an architecture has nothing for. The kernel says why.
DISABLED: dict[str, tuple[str, ...]] = {
    "x86_64": ("fail.on_purpose",),
    "riscv": ("fail.on_purpose", "hw.ioapic_routing", "hw.pic_reception", "hw.pit"),
}
# Akaros' post-boot suite: the names of its tests, and of ours that show the same.
POST_BOOT = {
    "barrier": "sync.barrier",
    "bcq": "lib.bcq",
    "bitmasks": "lib.bitmap",
    "checklists": "sync.checklist",
    "circ_buffer": "lib.ring",
    "circular_buffer": "lib.circular_buffer",
    "cmdline_parse": "lib.cmdline",
    "ipi_sending": "core.ipi_sending",
    "lapic_status_bit": "hw.lapic_status_bit",
    "pic_reception": "hw.pic_reception",
    "pit": "hw.pit",
    "cv": "sync.condvar",
    "hashtable": "lib.hashmap",
    "interrupts_irqsave": "core.irqs_save",
    "kernel_messages": "kmsg.order kmsg.immediate kmsg.blocks kmsg.from_handler",
    "kmalloc_incref": "heap.counted",
    "kref": "sync.kref",
    "kthreads": "sync.semaphore_ping_pong kthread.no_leak kthread.yield",
    "memset": "lib.memset",
    "percpu_increment": "percore.increment",
    "percpu_zalloc": "percore.zeroed",
    "abort_halt": "core.halt",
    "alarm": "alarm.order alarm.unset alarm.reset alarm.handler_blocks alarm.other_core",
    "apipe": "sync.apipe",
    "atomics": "sync.atomics",
    "rv": "sync.rendez",
    "rwlock": "sync.rwlock",
    "setjmp": "core.context",
    "smp_call_functions": "smp.call_on_set kmsg.immediate",
    "sort": "lib.sort",
    "u16pool": "lib.id_pool",
    "uaccess": "umem.copies umem.bad_address",
    "ucq": "event.ucq",
}

pytestmark = pytest.mark.xdist_group("kernel-units")
TESTS = [pytest.param(name, marks=pytest.mark.feature(*ROWS.get(name, ()))) for name in NAMES]


@cache
def results(pool: Pool, arch: str, smp: int) -> tuple[str, tuple[Ending, int]]:
    """What the console showed, and how the machine ended."""
    machine = pool.machine(f"{arch}-ktest-smp{smp}", Settings(arch=arch, smp=smp, append=f"{TEST_OPTIONS} ktest"))
    end = machine.wait(DEADLINE_S)
    return machine.seen(), end


@pytest.mark.parametrize("smp", CORES)
def test_the_machine_ends_with_their_number_of_failures(pool: Pool, arch: str, smp: int) -> None:
    shown, end = results(pool, arch, smp)
    assert end == (Ending.STATUS, 0), shown
    disabled = len(DISABLED.get(arch, ()))
    assert f"{len(NAMES) - disabled} passed, 0 failed, {disabled} disabled" in shown


# Akaros' arena suite, by its names.
ARENA_SUITE = (
    "nextfit bestfit instantfit quantum_align odd_quantum nocross_fallback xalloc_from_freelist qcache qc_odd_quantum qc_large_quantum "
    "import import_slab import_alignment xalloc xalloc_minmax accounting self_source dma_pool user_dma"
).split()


@pytest.mark.feature("ktest-02")
@pytest.mark.parametrize("smp", CORES)
def test_the_arena_suite_passes_whole(pool: Pool, arch: str, smp: int) -> None:
    shown, _ = results(pool, arch, smp)
    passed = re.findall(r"^PASSED arena\.(\w+) ", shown, re.MULTILINE)
    assert len(ARENA_SUITE) == 19 and set(ARENA_SUITE) <= set(passed), shown


@pytest.mark.parametrize("smp", CORES)
@pytest.mark.parametrize("name", TESTS)
def test_kernel(pool: Pool, arch: str, smp: int, name: str) -> None:
    shown, _ = results(pool, arch, smp)
    result = rf"DISABLED {re.escape(name)}: \w" if name in DISABLED.get(arch, ()) else rf"PASSED {re.escape(name)} \(\d+ ms\)"
    assert re.search(rf"^\r*{result}", shown, re.MULTILINE), shown  # a test of the console's interrupts sends some returns


@pytest.mark.feature("ktest-04")
@pytest.mark.parametrize("name", POST_BOOT)
def test_each_test_of_the_post_boot_suite_has_its_own_here(name: str) -> None:
    assert set(POST_BOOT[name].split()) <= set(NAMES)
