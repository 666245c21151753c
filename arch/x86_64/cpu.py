# SPDX-License-Identifier: GPL-2.0-or-later
"""The core that this runs on: interrupts on and off, privileged registers, ports, features, descriptor tables.

`init_core` puts every core into the same state: our GDT, TSS and IDT, system calls, and each protection that the
processor offers (NX WP SMEP SMAP UMIP), FSGSBASE, SSE and AVX state for user code.
The per-core words that the entry paths use (cpu.S, boot.S) are set here. No locks.
"""

from typing import NoReturn

from lang import (
    Array,
    Ptr,
    Text,
    addr_of,
    array,
    at,
    begins_atomic,
    cycle_counter,
    ends_atomic,
    extern,
    extern_symbol,
    must_use,
    struct,
    u8,
    u16,
    u32,
    u64,
)

KERNEL_CS: u16 = 0x08
TSS_SELECTOR: u16 = 0x28

MSR_EFER: u32 = 0xC000_0080
MSR_STAR: u32 = 0xC000_0081
MSR_LSTAR: u32 = 0xC000_0082
MSR_SFMASK: u32 = 0xC000_0084
MSR_APIC_BASE: u32 = 0x1B
# What an entry's PAT, PCD and PWT bits choose (Intel SDM vol. 3, 12.12): as after a reset, but for the fifth, which combines writes.
MEMORY_TYPES: u64 = 0x0007_0401_0007_0406
MSR_PAT: u32 = 0x277
MSR_TSC_DEADLINE: u32 = 0x6E0
MSR_TSC: u32 = 0x10
MSR_PMC0: u32 = 0xC1                        # eight counters of chosen events
MSR_FIXED_CTR0: u32 = 0x309                 # three of fixed ones (Intel SDM vol. 3, 20.2)
EFER_SYSCALL: u64 = 1

# Cleared on `syscall`: TF IF DF IOPL NT AC.
SYSCALL_CLEARS: u64 = 0x4_7700
RFLAGS_IF: u64 = 0x200

CR4_PGE: u64 = 1 << 7
CR4_OSFXSR: u64 = 1 << 9
CR4_OSXMMEXCPT: u64 = 1 << 10
CR4_UMIP: u64 = 1 << 11
CR4_FSGSBASE: u64 = 1 << 16
CR4_OSXSAVE: u64 = 1 << 18
CR4_SMEP: u64 = 1 << 20
CR4_SMAP: u64 = 1 << 21

XCR0_X87_SSE: u32 = 3
XCR0_AVX: u32 = 4

IST_STACKS: u32 = 4                         # NMI, double fault, machine check, debug: in this order in the TSS
IST_NMI: u64 = 1
IST_DOUBLE_FAULT: u64 = 2
IST_MACHINE_CHECK: u64 = 3
IST_DEBUG: u64 = 4
RANDOM_TRIES: u32 = 10                      # RDRAND may have to wait for its source (Intel SDM vol. 1, 7.3.17.1)

core_gdt = extern_symbol("core_gdt")
core_tss = extern_symbol("core_tss")
core_number = extern_symbol("core_number")
trap_stubs = extern_symbol("trap_stubs")
syscall_entry = extern_symbol("syscall_entry")
syscall_entry_without_fsgsbase = extern_symbol("syscall_entry_without_fsgsbase")
cpu_has_fsgsbase = extern_symbol("cpu_has_fsgsbase")
smap_sites_start = extern_symbol("smap_sites_start")
smap_sites_end = extern_symbol("smap_sites_end")
cpu_has_xsave = extern_symbol("cpu_has_xsave")
cpu_xsave_mask = extern_symbol("cpu_xsave_mask")


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


@extern("asm_flags")
def flags() -> u64:
    """RFLAGS."""
    ...


@extern("asm_rdseed")
def rdseed() -> u64: ...


@extern("asm_rdrand")
def rdrand() -> u64: ...


@extern("asm_device_fence")
def device_fence() -> None: ...


@extern("asm_read_fence")
def read_fence() -> None: ...


@extern("asm_write_fence")
def write_fence() -> None: ...


@extern("asm_halt_with_irqs_on")
def halt_with_irqs_on() -> None:
    """Turn interrupts on and halt until one comes; none that comes in between is slept through."""
    ...


@extern("asm_halt_forever")
def halt_forever() -> NoReturn: ...


@extern("asm_jump")
def jump(address: u64) -> None: ...


@extern("asm_flush_caches")
def flush_caches() -> None:
    """WBINVD (SDM volume 2)."""
    ...


@extern("asm_rdmsr")
def read_msr(msr: u32) -> u64: ...


@extern("asm_wrmsr")
def write_msr(msr: u32, value: u64) -> None: ...


@extern("asm_try_rdmsr")
def try_read_msr(msr: u32, into: Ptr[u64]) -> u32: ...


@extern("asm_try_wrmsr")
def try_write_msr(msr: u32, value: u64) -> u32: ...


@extern("asm_cpuid")
def raw_cpuid(leaf: u32, subleaf: u32, into: u64) -> None: ...


@extern("asm_read_cr2")
def read_cr2() -> u64:
    """Where the last page fault was."""
    ...


@extern("asm_read_cr3")
def read_cr3() -> u64: ...


@extern("asm_write_cr3")
def write_cr3(value: u64) -> None: ...


@extern("asm_read_cr4")
def read_cr4() -> u64: ...


@extern("asm_write_cr4")
def write_cr4(value: u64) -> None: ...


@extern("asm_patch_text")
def patch_text(address: u64, byte: u8) -> None:
    """Change a byte of the kernel's code, which is read-only to all others."""
    ...


@extern("asm_write_xcr0")
def write_xcr0(value: u32) -> None: ...


@extern("asm_load_tables")
def load_tables(gdtr: u64, idtr: u64, tss: u64) -> None: ...


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


@extern("asm_in8")
def in8(port: u16) -> u8: ...


@extern("asm_in16")
def in16(port: u16) -> u16: ...


@extern("asm_in32")
def in32(port: u16) -> u32: ...


@extern("asm_out8")
def out8(port: u16, value: u8) -> None: ...


@extern("asm_out16")
def out16(port: u16, value: u16) -> None: ...


@extern("asm_out32")
def out32(port: u16, value: u32) -> None: ...


@extern("asm_triple_fault")
def triple_fault() -> NoReturn: ...


@struct(packed=True)
class TableRegister:
    """What lgdt and lidt read."""

    limit: u16
    base: u64


@struct(packed=True)
class Tss:
    reserved: u32
    rsp0: u64
    rsp1: u64
    rsp2: u64
    reserved1: u64
    ist: Array[u64] = array(7)
    reserved2: u64
    reserved3: u16
    io_map: u16


@struct
class CpuidWords:
    eax: u32
    ebx: u32
    ecx: u32
    edx: u32


smap_is_used: bool = False

SYSCALL_VECTOR: u64 = 0xE0                  # of the system call as a trap, by `int`
idt = array(512, u64)                       # 256 gates of two words, the same for all cores


def irqs_are_on() -> bool:
    return flags() & RFLAGS_IF != 0


def cpuid(leaf: u32, subleaf: u32, into: CpuidWords) -> None:
    """A leaf that the processor does not have reads as zeros."""
    raw_cpuid(leaf & 0x8000_0000, 0, addr_of(into))
    if into.eax < leaf or into.eax > leaf | 0xFFFF:
        into.eax = 0
        into.ebx = 0
        into.ecx = 0
        into.edx = 0
        return
    raw_cpuid(leaf, subleaf, addr_of(into))


def has_x2apic() -> bool:
    words = CpuidWords()
    cpuid(1, 0, words)
    return words.ecx & (1 << 21) != 0


def has_tsc_deadline() -> bool:
    words = CpuidWords()
    cpuid(1, 0, words)
    return words.ecx & (1 << 24) != 0


def has_gigabyte_pages() -> bool:
    words = CpuidWords()
    cpuid(0x8000_0001, 0, words)
    return words.edx & (1 << 26) != 0


def init_idt() -> None:
    """Fill the gates; `init_core` loads them. Once, on the boot core."""
    for vector in range(u64(0), 256):
        set_gate(vector, 0)
    set_gate(1, IST_DEBUG)
    set_gate(2, IST_NMI)
    set_gate(8, IST_DOUBLE_FAULT)
    set_gate(18, IST_MACHINE_CHECK)
    set_gate(SYSCALL_VECTOR, 0)


def set_gate(vector: u64, ist: u64) -> None:
    """An interrupt gate to the vector's stub. Breakpoint, overflow and system calls may be raised by user code."""
    target = addr_of(trap_stubs) + vector * 16
    privilege: u64 = 3 if vector == 3 or vector == 4 or vector == SYSCALL_VECTOR else 0
    idt[vector * 2] = (
        (target & 0xFFFF) | (u64(KERNEL_CS) << 16) | (ist << 32) | ((0x8E | (privilege << 5)) << 40) | (((target >> 16) & 0xFFFF) << 48)
    )
    idt[vector * 2 + 1] = target >> 32


def init_core(number: u32) -> None:
    """Descriptor tables, system calls and protections of this core. Its IST stacks are to be set next."""
    Ptr[u32](addr_of(core_number) + percore_delta())[0] = number
    init_tables()
    enable_features()
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SYSCALL)
    # sysret takes SS from +8 and CS from +16 of the upper half.
    write_msr(MSR_STAR, (u64(0x13) << 48) | (u64(KERNEL_CS) << 32))
    write_msr(MSR_LSTAR, addr_of(syscall_entry) if read_cr4() & CR4_FSGSBASE != 0 else addr_of(syscall_entry_without_fsgsbase))
    write_msr(MSR_SFMASK, SYSCALL_CLEARS)
    write_msr(MSR_PAT, MEMORY_TYPES)


def set_ist(index: u32, top: u64) -> None:
    """Make `top` the stack of one of the four; its highest word tells the handler this core's GS base (trap.S)."""
    start = top - 16
    Ptr[u64](start)[0] = percore_delta()
    at(Tss, addr_of(core_tss) + percore_delta()).ist[index] = start


def init_tables() -> None:
    gdt_at = addr_of(core_gdt) + percore_delta()
    tss_at = addr_of(core_tss) + percore_delta()
    gdt = Ptr[u64](gdt_at)
    gdt[0] = 0
    gdt[1] = 0x00AF_9A00_0000_FFFF          # kernel code
    gdt[2] = 0x00CF_9200_0000_FFFF          # kernel data
    gdt[3] = 0x00CF_F200_0000_FFFF          # user data
    gdt[4] = 0x00AF_FA00_0000_FFFF          # user code
    gdt[5] = 103 | ((tss_at & 0xFF_FFFF) << 16) | (u64(0x89) << 40) | (((tss_at >> 24) & 0xFF) << 56)
    gdt[6] = tss_at >> 32
    at(Tss, tss_at).io_map = 104            # beyond the limit: no port is the user's
    gdtr = TableRegister(limit=55, base=gdt_at)
    idtr = TableRegister(limit=4095, base=addr_of(idt))
    load_tables(addr_of(gdtr), addr_of(idtr), u64(TSS_SELECTOR))


def features() -> u64:
    """CPUID leaf 1: EDX in the low half, ECX in the high one (SDM volume 2A)."""
    words = CpuidWords()
    cpuid(1, 0, words)
    return u64(words.ecx) << 32 | u64(words.edx)


def read_register(number: u32, into: Ptr[u64]) -> bool:
    """A model-specific register."""
    if number == MSR_TSC:
        into[0] = cycle_counter()           # the same; but emulators say 0 here
        return True
    return try_read_msr(number, into) != 0


def may_write_register(number: u32) -> bool:
    """The performance counters, on which nothing depends."""
    return number in range(MSR_PMC0, MSR_PMC0 + 8) or number in range(MSR_FIXED_CTR0, MSR_FIXED_CTR0 + 3)


def write_register(number: u32, value: u64) -> bool:
    return try_write_msr(number, value) != 0


def extended_state() -> u64:
    """XCR0 (SDM volume 1, 13.3); 0 without XSAVE."""
    return u64(Ptr[u32](addr_of(cpu_xsave_mask))[0]) if Ptr[u8](addr_of(cpu_has_xsave))[0] != 0 else 0


def enable_features() -> None:
    """Switch on what this processor has. The same on every core, so the flags that entry paths read are simply rewritten."""
    words = CpuidWords()
    cpuid(7, 0, words)
    cr4 = read_cr4() | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT
    if words.ecx & (1 << 2) != 0:
        cr4 |= CR4_UMIP
    if words.ebx & 1 != 0:
        cr4 |= CR4_FSGSBASE
    if words.ebx & (1 << 7) != 0:
        cr4 |= CR4_SMEP
    if words.ebx & (1 << 20) != 0:
        cr4 |= CR4_SMAP
    cpuid(1, 0, words)
    xsave = words.ecx & (1 << 26) != 0
    avx = words.ecx & (1 << 28) != 0
    if xsave:
        cr4 |= CR4_OSXSAVE
    write_cr4(cr4)
    if xsave:
        mask = XCR0_X87_SSE | XCR0_AVX if avx else XCR0_X87_SSE
        write_xcr0(mask)
        Ptr[u32](addr_of(cpu_xsave_mask))[0] = mask
        Ptr[u8](addr_of(cpu_has_xsave))[0] = 1
    Ptr[u8](addr_of(cpu_has_fsgsbase))[0] = 1 if cr4 & CR4_FSGSBASE != 0 else 0
    if cr4 & CR4_SMAP != 0 and not smap_is_used:
        use_smap()


def use_smap() -> None:
    """Each NOP where user memory is allowed or forbidden becomes what it stands for. On the boot core, before there is any."""
    global smap_is_used
    sites = Ptr[u64](addr_of(smap_sites_start))
    for i in range((addr_of(smap_sites_end) - addr_of(smap_sites_start)) // 16):
        patch_text(sites[i * 2], 0x0F)
        patch_text(sites[i * 2] + 1, 0x01)
        patch_text(sites[i * 2] + 2, u8(sites[i * 2 + 1]))
    smap_is_used = True


def hardware_random() -> u64 | None:
    """RDSEED, else RDRAND (Intel SDM vol. 1, 7.3.17); None if the processor has neither, or nothing ready."""
    words = CpuidWords()
    cpuid(7, 0, words)
    has_seed = words.ebx & (1 << 18) != 0
    cpuid(1, 0, words)
    has_random = words.ecx & (1 << 30) != 0
    for _ in range(RANDOM_TRIES):
        found = rdseed() if has_seed else rdrand() if has_random else u64(0)
        if found != 0:
            return found
    return None


def guards_user_memory() -> bool:
    """SMEP and SMAP: the kernel neither executes user pages nor touches them by mistake (Intel SDM vol. 3, 4.6)."""
    return read_cr4() & (CR4_SMEP | CR4_SMAP) == CR4_SMEP | CR4_SMAP


def describe(into: Text) -> None:
    """One line: vendor, family and model, the features in use."""
    words = CpuidWords()
    cpuid(0, 0, words)
    vendor = array(12, u8)
    for i in range(u32(0), 4):
        vendor[i] = u8((words.ebx >> (i * 8)) & 0xFF)
        vendor[i + 4] = u8((words.edx >> (i * 8)) & 0xFF)
        vendor[i + 8] = u8((words.ecx >> (i * 8)) & 0xFF)
    into.append(vendor[0:12])
    cpuid(1, 0, words)
    family = ((words.eax >> 8) & 0xF) + ((words.eax >> 20) & 0xFF)
    model = ((words.eax >> 4) & 0xF) | ((words.eax >> 12) & 0xF0)
    into.write(f" family {family} model {model}:")
    into.append(" nx wp")
    cr4 = read_cr4()
    if cr4 & CR4_SMEP != 0:
        into.append(" smep")
    if cr4 & CR4_SMAP != 0:
        into.append(" smap")
    if cr4 & CR4_UMIP != 0:
        into.append(" umip")
    if cr4 & CR4_FSGSBASE != 0:
        into.append(" fsgsbase")
    if cr4 & CR4_OSXSAVE != 0:
        into.append(" xsave")
