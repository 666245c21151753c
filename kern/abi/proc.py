# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process and the kernel tell each other through memory: ProcInfo (read-only for the process) and ProcData.

Both lie at fixed user addresses and are always present in memory: neither side ever faults on them. The array of each that is
counted by vcores is its last, of which only the first `max_vcores` elements are backed. The kernel reads ProcData as untrusted input.
The core maps are read under `coremap_seqctr`, a sequence counter.
"""

from enum import IntEnum, IntFlag

from arch.abi import FpState, UserContext
from lang import Array, Atomic, Uaddr, array, i32, struct, u32, u64
from kern.abi.event import NR_EVENT_TYPES, EventMailbox
from kern.abi.seqcount import SeqCounter

MAX_CORES: u32 = 256
MAX_VCORES: u32 = 256

# The user half of every address space, the same on each architecture (it fits the smallest, Sv39's 256 GiB). What every process has lies
# right below where programs begin, in one page table (2 MiB), of which the tables above are the program's as well.
USER_BASE: u64 = 0x1000                     # the page at 0 is never mapped
PROCDATA_ADDR: u64 = 0x0020_0000
PROCINFO_ADDR: u64 = 0x002C_0000
SHARED_END: u64 = 0x002D_0000               # from PROCDATA_ADDR to here no system call maps anything
VCORE0_ADDR: u64 = 0x002D_0000              # for the user's own: stack and mailboxes of vcore 0, below and above which nothing lies
USER_STACK_TOP: u64 = 0x003F_0000           # first stack; grows down by demand
USER_STACK_SIZE: u64 = 0x0010_0000
PROGRAM_BASE: u64 = 0x0040_0000             # where position-independent programs are put, and others are linked for: all lie above
INTERPRETER_BASE: u64 = 0x0004_0000_0000    # where the dynamic linker is put
BRK_START: u64 = 0x0008_0000_0000           # programs lie below; what they allocate grows upwards from here by mmap, without a call brk
BRK_END: u64 = 0x0010_0000_0000
MMAP_BASE: u64 = BRK_END                    # mmap without MAP_FIXED chooses from here ...
MMAP_TOP: u64 = 0x003F_0000_0000            # ... to here
USER_TOP: u64 = 0x003F_E000_0000            # user addresses are below this

NO_CORE: u32 = 0xFFFF_FFFF
KILLED_EXIT_CODE: i32 = 1337                # exit code of a process that the kernel killed
FIRST_PID: i32 = 1
MAX_PID: i32 = 32767


class ProcState(u32, IntEnum):
    """Single bits, so that a test for a set of states is a mask."""

    CREATED = 1
    RUNNABLE_S = 2
    RUNNING_S = 4
    WAITING = 8
    DYING = 16
    DYING_ABORT = 32
    RUNNABLE_M = 64
    RUNNING_M = 128


class Resource(u32, IntEnum):
    CORES = 0
    MEMORY = 1
    APPLE_PIES = 2


NR_RESOURCES: u32 = 3


class VcoreFlag(u32, IntFlag):
    K_LOCK = 1                              # the kernel is changing the vcore's state: spin, never compare-and-swap
    PREEMPTED = 2                           # the vcore was taken, or changed away; its saved state is complete
    CAN_RCV_MSG = 4                         # somebody will look into this vcore's public mailbox
    UTHREAD_STEALING = 8                    # another vcore is taking this vcore's current uthread
    SCP_NOVCCTX = 16                        # vcore 0 cannot be entered in vcore context yet


class Pending(u32, IntEnum):
    """What a vcore has not acknowledged."""

    NOTHING = 0
    MESSAGES = 1                            # look everywhere: in the mailboxes, and for finished calls
    CALLS = 2                               # nothing but finished calls


class VcoreRflag(u32, IntFlag):
    FPU_SAVED = 1                           # preempt_anc holds the vcore's extended state


class AuxType(u64, IntEnum):
    """Of the vector of (type, value) pairs above envp on the first stack. SysV values."""

    NULL = 0
    PHDR = 3
    PHENT = 4
    PHNUM = 5
    PAGE_SIZE = 6
    BASE = 7                                # where the interpreter was put, 0 without one
    ENTRY = 9


@struct(size=48)
class VcoreMapping:
    pcoreid: u32                            # 0: which physical core it has, or had last
    valid: u32                              # 4: 1 = mapped; this is what "online" means
    nr_preempts_sent: Atomic[u64]           # 8
    nr_preempts_done: Atomic[u64]           # 16: sent != done: a preemption is on its way
    preempt_pending: Atomic[u64]            # 24: cycle counter at which the core will be taken, 0 = none
    resume_ticks: u64                       # 32: cycle counter when it was last started
    total_ticks: u64                        # 40: cycles it ran before that


@struct(size=8)
class PcoreMapping:
    vcoreid: u32
    valid: u32


@struct
class ProcInfo:
    pid: i32                                # 0
    ppid: i32                               # 4
    max_vcores: u32                         # 8: vcores that the process may ever get; prepare all before change_to_m
    num_vcores: u32                         # 12: mapped now, as an MCP
    is_mcp: u32                             # 16
    core_count: u32                         # 20: physical cores of the machine
    coremap_seqctr: SeqCounter              # 24: of the two maps; the kernel writes
    tsc_freq: u64                           # 32: cycles a second
    timing_overhead: u64                    # 40: cycles that reading the counter takes
    wall_base_ns: u64                       # 48: wall clock (ns since 1970) ...
    wall_base_tsc: u64                      # 56: ... when the cycle counter was this
    program_end: u64                        # 64: first address after the program's segments, page-aligned
    res_grant: Array[u32] = array(4)        # 72: by Resource
    # Of the machine, the same for all processes
    cpu_features: u64                       # 88: what the processor has, in its own terms (`features` of arch/*/cpu.py)
    extended_state: u64                     # 96: which extended registers are in use, where that can be chosen; else 0
    bus_freq: u64                           # 104: of the timer, ticks a second
    pcoremap: Array[PcoreMapping] = array(MAX_CORES)
    vcoremap: Array[VcoreMapping] = array(MAX_VCORES)


@struct(size=16)
class ResourceRequest:
    amt_wanted: Atomic[u64]
    amt_wanted_min: u32
    flags: u32


@struct(align=64)
class VcorePreemptData:
    flags: Atomic[u32]                      # 0: VcoreFlag
    notif_disabled: Atomic[u32]             # 4: 1 = in vcore context: the kernel must not interrupt for events
    notif_pending: Atomic[u32]              # 8: Pending: something was posted that the vcore has not acknowledged
    rflags: Atomic[u32]                     # 12: VcoreRflag
    vcore_entry: Uaddr                      # 16: where fresh vcore contexts start, with the vcore id as first argument,
    vcore_stack: Uaddr                      # 24: ... this stack pointer
    vcore_tls: Uaddr                        # 32: ... and this thread pointer. Set by the user before the vcore may run.
    user_data: u64                          # 40: the user's own
    finished: Atomic[u64]                   # 48: address of the Syscall that was finished here last, the one before in its ev_q; 0 = none
    public_mbox: EventMailbox
    private_mbox: EventMailbox
    uthread_ctx: UserContext                # the thread that was interrupted by notification or preemption
    vcore_ctx: UserContext                  # the vcore itself, when it was preempted in vcore context
    preempt_anc: FpState                    # extended registers saved at preemption


@struct(align=64)
class ProcData:
    res_req: Array[ResourceRequest] = array(4)  # by Resource; tell the kernel with sys_poke_ksched
    kernel_evts: Array[u64] = array(NR_EVENT_TYPES)  # by EventType: address of an EventQueue, 0 = not wanted
    # A system call that would return to the one address returns to the other if calls of other threads have been finished meanwhile
    call_return: Uaddr
    call_notified: Uaddr
    vcores: Array[VcorePreemptData] = array(MAX_VCORES)
