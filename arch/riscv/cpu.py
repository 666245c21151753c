# SPDX-License-Identifier: GPL-2.0-or-later
"""The core that this runs on: interrupts on and off, privileged registers, the firmware's calls.

`init_core` puts every core into the same state: trap vector, interrupt sources, no access to user pages (SUM off), counters readable
and floating point usable for user code. tp is how far this core's per-core data lies from the boot core's, sscratch where they are.
The per-core words that the entry paths use (boot.S) are set here. No locks.
"""

from typing import NoReturn

from lang import Ptr, Text, addr_of, begins_atomic, ends_atomic, extern, extern_symbol, i64, must_use, u32, u64
from arch import acpi, mmu

STATUS_SIE: u64 = 2
STATUS_FS: u64 = 0x6000                     # all of it: floating-point registers were written since it was cleared
INTERRUPT_SOFTWARE: u64 = 1
INTERRUPT_TIMER: u64 = 5
INTERRUPT_EXTERNAL: u64 = 9

# Extensions of the supervisor binary interface, and the one call of each that is used.
SBI_CONSOLE_PUTCHAR: u64 = 1
SBI_TIME: u64 = 0x5449_4D45
SBI_IPI: u64 = 0x73_5049
SBI_HSM: u64 = 0x48_534D
SBI_RESET: u64 = 0x5352_5354

random_words_used: u64 = 0

core_number = extern_symbol("core_number")
core_emergency = extern_symbol("core_emergency")
trap_entry = extern_symbol("trap_entry")


@begins_atomic("interrupts")
@extern("asm_irqs_save")
@must_use
def irqs_save() -> u64:
    """Turn interrupts off; returns what irqs_restore wants."""
    ...


@ends_atomic("interrupts")
@extern("asm_irqs_restore")
def irqs_restore(saved: u64) -> None: ...


@extern("asm_irqs_on")
def irqs_on() -> None: ...


@extern("asm_irqs_off")
def irqs_off() -> None: ...


@extern("asm_status")
def status() -> u64:
    """sstatus."""
    ...


@extern("asm_halt_with_irqs_on")
def halt_with_irqs_on() -> None:
    """Turn interrupts on and halt until one comes; none that comes in between is slept through."""
    ...


@extern("asm_halt_forever")
def halt_forever() -> NoReturn: ...


@extern("asm_jump")
def jump(address: u64) -> None: ...


@extern("asm_try_read_csr")
def try_read_csr(number: u32, into: Ptr[u64]) -> u32: ...


@extern("asm_flush_caches")
def flush_caches() -> None:
    """Data caches are coherent, and not the software's to flush without Zicbom; what was written becomes visible, to fetches too."""
    ...


@extern("asm_init_core")
def init_registers(entry: u64, interrupts: u64) -> None: ...


@extern("asm_clear_software_interrupt")
def clear_software_interrupt() -> None: ...


@extern("asm_write_satp")
def write_satp(value: u64) -> u64:
    """Switch page tables; returns what the register then holds: bits that this processor does not have stay 0, and a mode that it does
    not have leaves all as it was. Nothing is forgotten."""
    ...


@extern("asm_set_kernel_stack")
def set_kernel_stack(top: u64) -> None:
    """Where traps and system calls from user space on this core start."""
    ...


@extern("asm_set_actual_ctx")
def set_actual_ctx(ctx: u64) -> None:
    """Where they store the user's registers."""
    ...


@extern("asm_percore_delta")
def percore_delta() -> u64:
    """Distance of this core's per-core data from the boot core's."""
    ...


@extern("asm_core_number")
def core_id() -> u32: ...


@extern("asm_sbi_call")
def sbi_call(arg0: u64, arg1: u64, arg2: u64, function: u64, extension: u64) -> i64:
    """Ask the firmware; 0 or a negative error."""
    ...


@extern("asm_has_own_timer")
def has_own_timer() -> bool:
    """Whether this core has a timer that the kernel may set itself (extension Sstc)."""
    ...


@extern("asm_set_own_timer")
def set_own_timer(when: u64) -> None:
    """One timer interrupt, pending from when the time counter has reached `when` until it is set again (Sstc, chapter 2)."""
    ...


@extern("asm_write_message_register")
def write_message_register(register: u64, value: u64) -> None:
    """Of this hart's controller for incoming messages (RISC-V AIA 1.0, 3.8)."""
    ...


@extern("asm_claim_message")
def claim_message() -> u32:
    """Take the next of its messages; 0 if there is none."""
    ...


@extern("asm_device_fence")
def device_fence() -> None: ...


@extern("asm_read_fence")
def read_fence() -> None: ...


@extern("asm_write_fence")
def write_fence() -> None: ...


def irqs_are_on() -> bool:
    return status() & STATUS_SIE != 0


def init_core(number: u32) -> None:
    """Registers of this core. Its emergency stack is to be set next."""
    Ptr[u32](addr_of(core_number) + percore_delta())[0] = number
    sources = (u64(1) << INTERRUPT_SOFTWARE) | (u64(1) << INTERRUPT_TIMER) | (u64(1) << INTERRUPT_EXTERNAL)
    init_registers(addr_of(trap_entry), sources)


def set_emergency_stack(top: u64) -> None:
    """Where traps go that find the stack they interrupt used up."""
    Ptr[u64](addr_of(core_emergency) + percore_delta())[0] = top


def features() -> u64:
    """Bit n: the extension that the alphabet's letter n names, as in misa (Privileged Specification, 3.1.1)."""
    found: u64 = 0
    name = acpi.isa.view
    for letter in name[min(4, len(name)) :]:
        if letter < ord("a") or letter > ord("z"):
            break
        found |= 1 << u64(letter - ord("a"))
    return found


def read_register(number: u32, into: Ptr[u64]) -> bool:
    """A control and status register: one of the supervisor's that say something, or a counter (cpu.S lists them)."""
    return try_read_csr(number, into) != 0


def may_write_register(number: u32) -> bool:
    """The counters are the machine mode's, and all else is the kernel's."""
    return False


def write_register(number: u32, value: u64) -> bool:
    return False


def extended_state() -> u64:
    return 0


def hardware_random() -> u64 | None:
    """The next word of what the firmware put into the device tree, since a core has nothing of the kind for the kernel."""
    global random_words_used
    place = random_words_used * 8
    if place + 8 > acpi.random_seed.size:
        return None
    random_words_used += 1
    return acpi.quad(acpi.random_seed.at + place)


def guards_user_memory() -> bool:
    """Always: user pages are never executed by the kernel, and touched only while SUM is set (privileged 1.12, 4.1.1.2 and 4.3.1)."""
    return True


def describe(into: Text) -> None:
    """One line: the extensions that the device tree names."""
    into.append(acpi.isa.view if acpi.isa.view else "rv64")
    into.append(": ")
    mmu.describe_translation(into)
