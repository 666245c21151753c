# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the kernel begins: brings everything up in order, and leaves the boot core in its idle loop.

On the boot stack first, until there is memory for a guarded one. Interrupts stay off until the controllers are set up.
Each step needs those before it. Locks: none of its own.
"""

from typing import Callable, NoReturn

from lang import Error, Registry, addr_of, at, entry, export, panic, u32, u64
from arch import boot, context, cpu, power, smp
from kern.arch_api import BootInfo
from kern.boot.cmdline import command_line, has_option, number_option, option_or, set_command_line
from kern.boot.init_proc import start_first_process
from kern.core.idle import smp_idle
from kern.core.percore import core
from kern.core.smp import all_online
from kern.debug import log
from kern.debug.levels import Level
from kern.ktest.runner import run_kernel_tests
from kern.lib import random
from kern.mm.heap import init_heap
from kern.mm.kmap import init_kmap
from kern.mm.pages import free_bytes, init_pages
from kern.mm.shootdown import relax
from kern.sync.kthread import adopt_boot_stack, current_kthread, spawn_ktask
from kern.time.clock import init_clock, now_ns

DEFAULT_CORES: u64 = 64
BOOT_STACK_SIZE: u64 = 65536                # of boot.S
ONLINE_DEADLINE_NS: u64 = 20_000_000_000

# What other modules want run at boot, once memory, devices and all cores are there, before the first process.
inits = Registry[Callable[[], None]]()


@entry(stack=BOOT_STACK_SIZE)
@export("kernel_start")
def kernel_start(info_address: u64, kind: u64) -> NoReturn:
    """First code in the language: on the boot core and the boot stack, interrupts off, boot page tables."""
    info = boot.init_early(info_address, kind)
    core.mine.core_id = 0
    read_options(info)
    log.info(f"Pykaros starts; command line: {command_line}")
    init_pages(info)
    init_heap()
    log.info(f"memory: {free_bytes() >> 20} MiB free")
    try:
        init_kmap()
        adopt_boot_stack()
    except Error as e:
        panic(f"no stack for the boot core: {e.message}")
    context.switch_stack_and_call(current_kthread().stack_top, bring_up, addr_of(info))


def read_options(info: BootInfo) -> None:
    set_command_line(info.cmdline.view)
    if has_option("quiet"):
        log.be_quiet()
    if has_option("debug"):
        log.levels.everywhere = Level.DEBUG
    try:
        log.levels.set_from(option_or("log", ""))
    except Error as e:
        log.warn(f"{e.message}")


def bring_up(info_address: u64) -> NoReturn:
    """The rest, on a stack with a guard page."""
    try:
        boot.init_devices()
        log.use_console_queue()
        init_clock()
        random.stir(u64(at(BootInfo, info_address).memory_top))
        cpu.irqs_on()
        start_other_cores()
        for init in inits:
            init()
        power.on_power_button(power_button)
        spawn_ktask("init", run_kernel_tests if has_option("ktest") else start_first_process, 0)
    except Error as e:
        panic(f"boot: {e.message}")
    smp_idle()


def start_other_cores() -> None:
    """All that the machine has, or as many as `cores=` says; returns when all have reached their idle loops."""
    smp.start_cores(u32(min(number_option("cores", DEFAULT_CORES), 0xFFFF_FFFF)))
    core.mine.online.store(True)
    deadline = now_ns() + ONLINE_DEADLINE_NS
    while not all_online() and now_ns() < deadline:
        cpu.irqs_on()
        relax()
    log.info(f"{smp.core_count()} cores are up")


def power_button() -> None:
    """In interrupt context: the machine is asked to go off, and there is nothing that must be saved first."""
    log.info("the power button was pressed")
    power.power_off(0)
