# SPDX-License-Identifier: GPL-2.0-or-later
"""What each architecture gives the kernel, module by module, and what it calls in return.

`arch/<arch>/cpu.py` has the functions of `Cpu` at module level (without `self`), `mmu.py` those of `Mmu`, and so on; the last lines here
say so, and the compiler checks them. The shared types at the top are the only ones that cross the border besides `arch.abi`.

What the architecture calls in the kernel:
    kern.boot.main.kernel_start(info: u64, kind: u64) -> NoReturn       exported; on the boot stack, first code in the language
    kern.core.smp.ap_main(core_id: u32) -> NoReturn                     exported; on the core's own stack, interrupts off, core set up
    kern.syscall.dispatch.handle_syscall(calls: u64, count: u64, ctx: u64) -> None     exported; interrupts on; when it
                                                                        returns they are off, and the caller goes on at once
    kern.core.idle.leave_kernel() -> NoReturn                           the end of every entry from user space
    kern.core.kmsg.handle_ipi() -> None                                 from the IPI handler
    kern.time.alarm.timer_interrupt() -> None                           from the timer interrupt
    kern.mm.fault.handle_page_fault(address: Uaddr, access: PageFlag) -> Errno     of the current process; never blocks; OK = retry
    kern.proc.fault.handle_user_trap(ctx: UserContext, kind: TrapKind, problem: Errno) -> None     a fault of user code that stays
                                                                        one, of a page fault what handle_page_fault said; cur_ctx is
                                                                        set; `leave_kernel` follows if it returns
    kern.debug.panic.handle_nmi(pc: u64, frame: u64) -> None            a non-maskable interrupt that nobody here asked for; pc and
                                                                        frame pointer of what was interrupted
    kern.debug.log                                                      messages
"""

from abc import abstractmethod
from enum import IntFlag
from typing import Callable, NoReturn, Protocol

from lang import Array, Kaddr, Paddr, Ptr, Span, Text, Uaddr, array, i64, struct, text, u8, u32, u64
from arch import boot, context, cpu, hpet, mmu, power, serial, smp, timer, trap, usercopy
from arch.abi import FpState, UserContext
from arch.context import KthreadContext
from arch.mmu import AddressSpace
from kern.abi.fault import TrapKind


class PageFlag(u32, IntFlag):
    """What a mapping allows, or what an access wanted."""

    READ = 1
    WRITE = 2
    EXEC = 4
    USER = 8                                # user mode may; user pages are never executable nor (with SMAP) readable by the kernel
    UNCACHED = 16                           # device registers
    PRESENT = 32                            # faults only: there was a mapping, but not with these rights
    CLEAN = 64                              # have the first write noted: `take_pages` and `take_dirty` tell of it
    WRITE_COMBINING = 128                   # stores may be gathered, as suits a frame buffer (where COMBINES_WRITES)
    ACCESSED = 256                          # `lookup_flags` only: it was touched since it was entered, or `take_accessed`
    DIRTY = 512                             # `lookup_flags` only: it was written since it was entered CLEAN, or `take_dirty`


@struct
class TakenPage:
    """A user page that was mapped."""

    address: u64                            # where
    page: Paddr
    dirty: u8                               # 1: written since it was entered CLEAN


@struct
class MemRange:
    """Physical memory [start, end), page-aligned."""

    start: u64
    end: u64


@struct
class BootInfo:
    """What the boot loader told, in no loader's format. `usable` excludes the first MiB, the kernel image and the modules."""

    usable: Array[MemRange] = array(64)     # sorted, disjoint
    usable_count: u32
    cmdline: Text = text(1024)
    rsdp: u64                               # physical address of ACPI's root pointer, 0 if the loader did not say
    memory_top: u64                         # end of the highest RAM
    modules: Array[MemRange] = array(8)     # files that were loaded beside the kernel
    module_count: u32


@struct
class CorePlace:
    """Where a core is, in the hardware's own numbers: processors of different sockets may have the same one, and so on."""

    node: u32                               # NUMA node
    socket: u32
    processor: u32                          # whose hardware threads the cores are


class Boot(Protocol):
    """boot.py: the loader's information; run once, first of all."""

    @abstractmethod
    def init_early(self, info: u64, kind: u64) -> BootInfo:
        """On the boot core: traps that panic readably, the debug console, BootInfo, final page tables (W^X), per-core data.
        Takes page-table memory out of `usable`. The page allocator may be set up when it returns."""

    @abstractmethod
    def init_devices(self) -> None:
        """With page allocator, heap and kernel map ready: ACPI, interrupt controllers, timer, serial port."""

    @abstractmethod
    def early_alloc(self, size: u64) -> Paddr:
        """Physical memory below 4 GiB, page-aligned and zeroed, taken out of `usable` for good. Only before the page allocator runs."""


class Cpu(Protocol):
    """cpu.py: the core that this runs on."""

    @abstractmethod
    def irqs_save(self) -> u64:
        """Turn interrupts off; returns what `irqs_restore` wants."""

    @abstractmethod
    def irqs_restore(self, saved: u64) -> None: ...

    @abstractmethod
    def irqs_on(self) -> None: ...

    @abstractmethod
    def irqs_off(self) -> None: ...

    @abstractmethod
    def irqs_are_on(self) -> bool: ...

    @abstractmethod
    def halt_with_irqs_on(self) -> None:
        """Turn interrupts on and halt until one comes, with none lost in between; interrupts are on when it returns."""

    @abstractmethod
    def jump(self, address: u64) -> None:
        """Call what lies there, which nobody has compiled: for tests that must not get there."""

    @abstractmethod
    def guards_user_memory(self) -> bool:
        """Whether the processor keeps the kernel from executing user pages, and from touching them outside of user copies."""

    @abstractmethod
    def halt_forever(self) -> NoReturn:
        """Interrupts off, for good."""

    @abstractmethod
    def flush_caches(self) -> None:
        """Write this core's caches back and forget what they hold, as far as software may."""

    @abstractmethod
    def core_id(self) -> u32:
        """Contiguous from 0, the boot core."""

    @abstractmethod
    def hardware_random(self) -> u64 | None:
        """64 unpredictable bits from the processor, or from what the firmware gave; None if there are none (any more)."""

    @abstractmethod
    def set_kernel_stack(self, top: u64) -> None:
        """Where traps and system calls from user space on this core start from now on."""

    @abstractmethod
    def device_fence(self) -> None:
        """All accesses before it, of memory and of devices, come before all after it."""

    @abstractmethod
    def read_fence(self) -> None:
        """The same for reads alone."""

    @abstractmethod
    def write_fence(self) -> None:
        """The same for writes alone."""

    @abstractmethod
    def describe(self, into: Text) -> None:
        """One line: vendor, model, features in use."""

    @abstractmethod
    def features(self) -> u64:
        """What the processor has, as bits of its own choice."""

    @abstractmethod
    def extended_state(self) -> u64:
        """Which extended registers are in use, as the processor numbers them; 0 where there is nothing to choose."""

    @abstractmethod
    def read_register(self, number: u32, into: Ptr[u64]) -> bool:
        """One of this core's special registers, by the processor's own number. False if it has none of this number, or none to be read."""

    @abstractmethod
    def may_write_register(self, number: u32) -> bool:
        """Whether programs may set it: nothing may depend on what is in it."""

    @abstractmethod
    def write_register(self, number: u32, value: u64) -> bool:
        """Set one that may be set. False if there is none, or it cannot hold this."""


class Mmu(Protocol):
    """mmu.py: address spaces. None of it flushes other cores; kern/mm/shootdown.py does."""

    @abstractmethod
    def phys_to_virt(self, address: Paddr) -> Kaddr:
        """Through the direct map of all RAM."""

    @abstractmethod
    def real_mode_memory(self) -> Span[u8]:
        """What firmware of old keeps at the lowest addresses; empty where there is nothing of the kind."""

    @abstractmethod
    def virt_to_phys(self, address: Kaddr) -> Paddr:
        """Of the direct map or the kernel image only."""

    @abstractmethod
    def clear_page(self, page: Kaddr) -> None:
        """Fill a page with zeros, as fast as this processor does."""

    @abstractmethod
    def copy_page(self, to: Kaddr, source: Kaddr) -> None:
        """Make a page hold what another one does."""

    @abstractmethod
    def new_space(self, space: AddressSpace) -> None:
        """Give `space` an empty user half. May raise ENOMEM."""

    @abstractmethod
    def destroy_space(self, space: AddressSpace) -> None:
        """Free the page tables (not the pages mapped, which must be unmapped by now). No core has it loaded."""

    @abstractmethod
    def map_page(self, space: AddressSpace, address: Uaddr, page: Paddr, flags: PageFlag) -> None:
        """Enter a 4 KiB user page, over whatever was there. May raise ENOMEM for a page table."""

    @abstractmethod
    def place_of(self, space: AddressSpace, address: Uaddr) -> Ptr[u64]:
        """Where a user page's entry stands; the tables above are made. Good until the space is destroyed. May raise ENOMEM."""

    @abstractmethod
    def has_page(self, place: Ptr[u64]) -> bool:
        """Whether a page is mapped there."""

    @abstractmethod
    def page_of(self, place: Ptr[u64]) -> Paddr:
        """Which page that is."""

    @abstractmethod
    def put_page(self, place: Ptr[u64], address: Uaddr, page: Paddr, flags: PageFlag) -> None:
        """What `map_page` does, with the place of the address's entry at hand."""

    @abstractmethod
    def unmap_page(self, space: AddressSpace, address: Uaddr) -> Paddr | None:
        """Take a user page out; returns it, or None if there was none."""

    @abstractmethod
    def take_pages(self, space: AddressSpace, base: u64, end: u64, into: Span[TakenPage]) -> tuple[u64, u64]:
        """Take the user pages in [base, end) out, as many as `into` has room for; (how many, where to go on)."""

    @abstractmethod
    def share_pages(self, space: AddressSpace, base: u64, end: u64, into: Span[TakenPage]) -> tuple[u64, u64]:
        """Make the user pages in [base, end) read-only, as many as `into` has room for, and tell which they are; (how many, where to go
        on). Cores may write to them until they have flushed."""

    @abstractmethod
    def next_page(self, space: AddressSpace, base: u64, end: u64) -> u64:
        """The lowest address in [base, end) where a page is mapped; `end` if there is none."""

    @abstractmethod
    def take_dirty(self, space: AddressSpace, address: Uaddr) -> bool:
        """Whether the page there was written since it was entered CLEAN, or since this was asked last. A core that keeps
        a translation notes no further write before it has flushed."""

    @abstractmethod
    def take_accessed(self, space: AddressSpace, address: Uaddr) -> bool:
        """Whether the page there was touched since it was entered, or since this was asked last; entering one counts. A core that keeps
        a translation notes no further access before it has flushed."""

    @abstractmethod
    def protect_page(self, space: AddressSpace, address: Uaddr, flags: PageFlag) -> bool:
        """Change the rights of a page that is mapped; False if it is not. With CLEAN what is known of writes stays."""

    @abstractmethod
    def lookup(self, space: AddressSpace, address: Uaddr) -> Paddr | None:
        """The page mapped there."""

    @abstractmethod
    def lookup_flags(self, space: AddressSpace, address: Uaddr) -> PageFlag:
        """The rights of the page mapped there, none if there is none."""

    @abstractmethod
    def map_large(self, space: AddressSpace, address: Uaddr, page: Paddr, size: u64, flags: PageFlag) -> None:
        """Enter a user page of 2 MiB or 1 GiB, aligned to its size in both. Raises EEXIST if something is, or was, there; ENOMEM."""

    @abstractmethod
    def unmap_large(self, space: AddressSpace, address: Uaddr) -> Paddr | None:
        """Take a large page out; None if there is none."""

    @abstractmethod
    def page_size_at(self, space: AddressSpace, address: Uaddr) -> u64:
        """How large the page is that is mapped there; 0 if there is none."""

    @abstractmethod
    def kernel_page_flags(self, address: Kaddr) -> PageFlag:
        """The rights of a page of the kernel's, and how it is cached; none if there is none."""

    @abstractmethod
    def load(self, space: AddressSpace) -> None:
        """Make it this core's address space."""

    @abstractmethod
    def load_kernel(self) -> None:
        """Leave any user address space."""

    @abstractmethod
    def outdate(self, space: AddressSpace) -> None:
        """Translations that cores may keep of a space that they have left are not used again. Its tables were changed before."""

    @abstractmethod
    def flush_local_page(self, address: u64) -> None: ...

    @abstractmethod
    def flush_local_all(self) -> None:
        """This core forgets all translations that may ever change."""

    @abstractmethod
    def map_kernel_page(self, address: Kaddr, page: Paddr, flags: PageFlag) -> None:
        """Enter a page into the kernel map, [KMAP_BASE, KMAP_END), which all address spaces share. May raise ENOMEM.
        The caller holds the kernel map's lock."""

    @abstractmethod
    def unmap_kernel_page(self, address: Kaddr) -> Paddr | None: ...

    @abstractmethod
    def kernel_table_pages(self) -> u64:
        """How many pages the tables of the kernel map have taken since boot. They stay."""

    @abstractmethod
    def is_kernel_mapped(self, address: u64) -> bool:
        """Whether the kernel could read a byte there: a walk of the kernel's tables, without locks, for backtraces."""


class Context(Protocol):
    """context.py: user contexts and kernel stacks."""

    @abstractmethod
    def init_vcore_context(self, ctx: UserContext, entry: Uaddr, stack: Uaddr, thread_pointer: Uaddr, vcoreid: u32) -> None:
        """Make `ctx` a fresh hardware context that calls entry(vcoreid) on `stack`; sane whatever the arguments are."""

    @abstractmethod
    def init_process_context(self, ctx: UserContext, entry: Uaddr, stack: Uaddr) -> None:
        """Make `ctx` the first context of a program: `stack` points at argc, the thread pointer is 0."""

    @abstractmethod
    def sanitise(self, ctx: UserContext) -> None:
        """Make a context that a process could have written safe to pop: nothing that user mode may not have."""

    @abstractmethod
    def divert_call(self, ctx: UserContext, returning: Uaddr, target: Uaddr) -> bool:
        """Have a system call that would return to the user address `returning` go to `target` instead. False if it would not."""

    @abstractmethod
    def copy_sanitised(self, into: UserContext, source: UserContext) -> None:
        """Copy a context out of process memory, then sanitise the copy."""

    @abstractmethod
    def keep(self, into: UserContext, ctx: UserContext) -> None:
        """Copy the context that this core is to go on with, `cur_ctx`, so that it can go on with something else. What an entry left in the
        processor, to save its time, is stored with it."""

    @abstractmethod
    def save_fp(self, into: FpState) -> None: ...

    @abstractmethod
    def restore_fp(self, state: FpState) -> None:
        """Load extended registers; a state that the processor would refuse loads a fresh one instead."""

    @abstractmethod
    def init_fp(self) -> None: ...

    @abstractmethod
    def switch_stack_and_call(self, top: u64, fn: Callable[[u64], NoReturn], arg: u64) -> NoReturn:
        """Call fn(arg) on an empty stack."""

    @abstractmethod
    def save_and_switch(self, into: KthreadContext, top: u64, fn: Callable[[u64], NoReturn], arg: u64) -> None:
        """Save this call into `into`, then call fn(arg) on the empty stack `top`. Returns when someone resumes `into`."""

    @abstractmethod
    def resume(self, context: KthreadContext) -> NoReturn:
        """Go on where `save_and_switch` left, on whatever core this is, with interrupts as they are now."""


class Trap(Protocol):
    """trap.py: interrupts, and the way back to user space."""

    @abstractmethod
    def pop_user(self, ctx: UserContext) -> NoReturn:
        """Resume user code. Interrupts are off. `ctx` is sane; its address space is loaded."""

    @abstractmethod
    def trap_kind(self, ctx: UserContext) -> TrapKind:
        """Why the processor stopped user code at this context."""

    @abstractmethod
    def register_irq(self, irq: u32, handler: Callable[[u64], None], arg: u64, target: u32) -> None:
        """Call handler(arg) with interrupts off for interrupts of line `irq`, on core `target`; lines may be shared. May raise."""

    @abstractmethod
    def unregister_irq(self, irq: u32, handler: Callable[[u64], None], arg: u64) -> None:
        """Undo that. When it returns the handler does not run, nor will. Raises ENOENT. Interrupts are on."""

    @abstractmethod
    def irq_count(self) -> u32:
        """How many handlers there are to describe."""

    @abstractmethod
    def describe_irq(self, index: u32, into: Text) -> None:
        """Line, where it arrives, core, and how often the handler ran; nothing if it is gone."""


class Smp(Protocol):
    """smp.py: the other cores."""

    @abstractmethod
    def core_count(self) -> u32:
        """Cores that run; the boot core alone before `start_cores`."""

    @abstractmethod
    def start_cores(self, limit: u32) -> None:
        """Start up to `limit` cores in all. Each runs `ap_main`. Returns when all have reached it, or after a deadline without them."""

    @abstractmethod
    def locate(self, core: u32, place: CorePlace) -> None:
        """Where a core is. What the machine does not tell is 0."""

    @abstractmethod
    def send_ipi(self, target: u32) -> None:
        """Have core `target` (this one too) run `handle_ipi`."""

    @abstractmethod
    def send_nmi(self, target: u32) -> None: ...

    @abstractmethod
    def stop_others(self) -> None:
        """Halt every other core for good, whatever it does. For panic and reboot."""


class Timer(Protocol):
    """timer.py: time and the core's one-shot timer."""

    @abstractmethod
    def now_ns(self) -> u64:
        """Since boot, the same on all cores."""

    @abstractmethod
    def tsc_freq(self) -> u64:
        """Cycles of the counter a second."""

    @abstractmethod
    def bus_freq(self) -> u64:
        """What the core's timer counts by, ticks a second."""

    @abstractmethod
    def cycles_to_ns(self, cycles: u64) -> u64: ...

    @abstractmethod
    def set_core_timer(self, when_ns: u64) -> None:
        """One interrupt at `when_ns` (now if that is past) on this core; replaces an earlier one. 0: none."""

    @abstractmethod
    def wall_clock_ns(self) -> u64:
        """Nanoseconds since 1970 by the board's clock, to the second. Slow."""


class Serial(Protocol):
    """serial.py: the console's port."""

    @abstractmethod
    def line(self) -> u32:
        """The interrupt that it raises, as `register_irq` takes it."""

    @abstractmethod
    def put_early(self, data: str) -> None:
        """Write and wait: from the first instruction on, in a panic, in an NMI handler. Never waits for a lock."""

    @abstractmethod
    def put_debug(self, data: str) -> None:
        """To the emulator's debug console only."""

    @abstractmethod
    def put(self, data: str) -> None:
        """Queue for sending; waits for room by polling when the queue is full. Callable from anywhere."""

    @abstractmethod
    def on_input(self, handler: Callable[[u8], None]) -> None:
        """`handler(byte)` runs for every byte received, in interrupt context."""


class Power(Protocol):
    """power.py"""

    @abstractmethod
    def reboot(self) -> NoReturn: ...

    @abstractmethod
    def power_off(self, status: u32) -> NoReturn:
        """Through the emulator's exit port if there is one, which hands `status` to the host, else ACPI."""

    @abstractmethod
    def panic_exit(self) -> NoReturn:
        """End the machine in a way that the host can tell from success: exit port value 0x7f; halts where there is none."""

    @abstractmethod
    def on_power_button(self, handler: Callable[[], None]) -> None:
        """`handler` runs with interrupts off when the power button is pressed; at once if it was while the machine booted."""


class Usercopy(Protocol):
    """usercopy.py: the only code that touches user memory, always of the process whose address space is loaded.

    The caller has checked that addresses lie below USER_TOP (and that words are aligned). A page that is not there is
    faulted in as for user code, which may block; what cannot be is answered, not survived by luck.
    """

    @abstractmethod
    def copy_user(self, into: u64, source: u64, size: u64) -> u64:
        """memcpy with one side in user memory; returns how many bytes were *not* copied."""

    @abstractmethod
    def zero_user(self, into: u64, size: u64) -> u64:
        """Clear user memory; returns how many bytes were not cleared."""

    @abstractmethod
    def copy_user_string(self, into: u64, source: u64, room: u64) -> i64:
        """Copy up to and with the NUL; returns its length without NUL, `room` if no NUL came, -1 on a fault."""

    @abstractmethod
    def copy_user_call(self, into: u64, source: u64) -> u64:
        """Copy in the number and the arguments of a SyscallWords, and nothing else of it; not 0 on a fault."""

    @abstractmethod
    def load_user_u32(self, address: u64, fault: Ptr[u32]) -> u32:
        """One word, atomically; on a fault stores 1 to `fault` and returns 0. So do all of the following, which return the old value."""

    @abstractmethod
    def load_user_u64(self, address: u64, fault: Ptr[u32]) -> u64: ...

    @abstractmethod
    def store_user_u32(self, address: u64, value: u32, fault: Ptr[u32]) -> None: ...

    @abstractmethod
    def store_user_u64(self, address: u64, value: u64, fault: Ptr[u32]) -> None: ...

    @abstractmethod
    def swap_user_u64(self, address: u64, value: u64, fault: Ptr[u32]) -> u64: ...

    @abstractmethod
    def cas_user_u32(self, address: u64, expected: u32, new: u32, fault: Ptr[u32]) -> u32: ...

    @abstractmethod
    def cas_user_u64(self, address: u64, expected: u64, new: u64, fault: Ptr[u32]) -> u64: ...

    @abstractmethod
    def publish_user(self, call: u64, value: u64) -> i64:
        """Store the result of a Syscall, then set DONE in its flags unless UEVENT is set; returns what the flags were, -1 on a fault."""

    @abstractmethod
    def or_user_u32(self, address: u64, bits: u32, fault: Ptr[u32]) -> u32: ...

    @abstractmethod
    def and_user_u32(self, address: u64, bits: u32, fault: Ptr[u32]) -> u32: ...

    @abstractmethod
    def add_user_u32(self, address: u64, amount: u32, fault: Ptr[u32]) -> u32: ...

    @abstractmethod
    def add_user_u64(self, address: u64, amount: u64, fault: Ptr[u32]) -> u64: ...


class Hpet(Protocol):
    """hpet.py: a timer of the board that interrupts core 0 whatever it does. All of it runs on core 0 but `start_watchdog`."""

    @abstractmethod
    def start_watchdog(self, timeout_ns: u64) -> bool:
        """Interrupt core 0 unmaskably in so long, unless `kick_watchdog` comes before. False if the board cannot. May raise."""

    @abstractmethod
    def kick_watchdog(self, timeout_ns: u64) -> None:
        """So long from now on."""

    @abstractmethod
    def stop_watchdog(self) -> None: ...

    @abstractmethod
    def watchdog_fired(self) -> bool:
        """In the handler of a non-maskable interrupt: whether this is why it came."""


# Modules that satisfy protocols (PEP 544). Nothing is made of these lines.
given_boot: Boot = boot
given_cpu: Cpu = cpu
given_mmu: Mmu = mmu
given_context: Context = context
given_trap: Trap = trap
given_smp: Smp = smp
given_timer: Timer = timer
given_serial: Serial = serial
given_power: Power = power
given_usercopy: Usercopy = usercopy
given_hpet: Hpet = hpet
