# SPDX-License-Identifier: GPL-2.0-or-later
"""Events: messages that the kernel, or another process, posts into a process' memory, and how they are to be told.

An EventQueue says where a message goes (its mailbox, or a mailbox of a vcore when `mbox` is 0) and how vcores hear of it
(`flags`). The kernel reads these structures at the moment of sending, and trusts nothing in them.
Every vcore has two default mailboxes, public (may be drained by others when it was preempted) and private.
"""

from enum import IntEnum, IntFlag

from lang import Array, Atomic, Uaddr, array, struct, u16, u32, u64

NR_EVENT_TYPES: u32 = 50                    # static types below 25, the process' own from FIRST_DYNAMIC_EVENT
FIRST_DYNAMIC_EVENT: u32 = 25


class EventType(u16, IntEnum):
    NONE = 0
    PREEMPT_PENDING = 1                     # arg2 = vcore: it will be taken at vcoremap[vcore].preempt_pending
    GANG_PREEMPT_PENDING = 2
    VCORE_PREEMPT = 3                       # arg2 = vcore that was taken, or changed away; recover it
    GANG_RETURN = 4
    USER_IPI = 5                            # from sys_notify
    PAGE_FAULT = 6
    ALARM = 7
    EVENT = 8                               # indirection: arg3 = address of the EventQueue to look into
    FREE_APPLE_PIE = 9                      # print a diagnosis of the process
    SYSCALL = 10                            # arg3 = address of a finished Syscall
    CHECK_MSGS = 11                         # arg2 = vcore whose public mailbox is to be drained
    POSIX_SIGNAL = 12                       # arg1 = signal number


class EventFlag(u32, IntFlag):
    IPI = 1                                 # notify the vcore after posting
    SPAM_PUBLIC = 2                         # ignore mbox; the message itself goes to some reachable vcore's public mailbox
    INDIR = 4                               # post to mbox, then EV_EVENT with the queue's address to the vcore
    VCORE_PRIVATE = 8                       # without mbox: the vcore's private mailbox rather than the public one
    SPAM_INDIR = 16                         # the indirection falls back to other vcores
    VCORE_MUST_RUN = 32                     # spam only to vcores that are mapped now
    NOTHROTTLE = 64                         # an indirection for each message, even if one is on its way
    ROUNDROBIN = 128                        # next vcore each time, stored back in `vcore`
    VCORE_APPRO = 256                       # the kernel's suggestion of a vcore overrides `vcore`
    WAKEUP = 512                            # wake the process if it waits


class MailboxKind(u32, IntEnum):
    UCQ = 1                                 # unbounded, keeps each message
    BITMAP = 2                              # one bit a type, coalesces, no payload


@struct(size=24)
class EventMsg:
    ev_type: u16
    arg1: u16
    arg2: u32
    arg3: u64
    arg4: u64


@struct(size=64)
class Ucq:
    """Unbounded concurrent queue of EventMsg in linked pages. Kernel threads produce, the process consumes.

    An index is a page's address with the slot number in its low 12 bits; a slot is good if page != 0 and slot < 127.
    `ready` is set by the user once current and spare page are in place; earlier messages are dropped.
    """

    prod_idx: Atomic[u64]                   # 0: next slot to write; fetch-added by producers
    spare_page: Atomic[u64]                 # 8: a zeroed page, or 0
    extra_pages: Atomic[u64]                # 16: pages that the kernel had to map
    cons_idx: Atomic[u64]                   # 24: next slot to read
    prod_overflow: Atomic[u32]              # 32: producers must take the lock
    ready: Atomic[u32]                      # 36
    consumer_lock: Array[u64] = array(3)    # 40: the user's own lock for changing pages


UCQ_SLOTS: u64 = 127
UCQ_PAGE_SIZE: u64 = 4096


@struct(size=32)
class UcqSlot:
    msg: EventMsg
    ready: Atomic[u32]                      # 24: written last by the producer, cleared by the consumer
    unused: u32


@struct(size=4096)
class UcqPage:
    next: Atomic[u64]                       # 0: the page after this one, or 0
    consumed: Atomic[u64]                   # 8: slots that were read; 127 means the page may be reused
    slots: Array[UcqSlot] = array(127)      # 16
    unused: Array[u64] = array(2)


@struct(size=72)
class EventBitmap:
    """One bit an event type. Producer: set the bit, then check_bits := 1. Consumer: see semantics of clearing in parlib."""

    check_bits: Atomic[u32]                 # 0
    unused: u32
    bits: Array[u64] = array(8)             # 8: bit t of word t // 64; changed atomically


@struct(size=144)
class EventMailbox:
    kind: u32                               # 0: a MailboxKind
    unused: u32
    ucq: Ucq                                # 8
    bitmap: EventBitmap                     # 72


@struct(size=48)
class EventQueue:
    mbox: Uaddr                             # 0: an EventMailbox, or 0: a default mailbox of the vcore
    flags: u32                              # 8: EventFlag
    vcore: u32                              # 12: whom to tell
    alert_pending: Atomic[u32]              # 16: an indirection is on its way; the consumer clears it before it drains
    unused: u32
    handler: Uaddr                          # 24: the user's own
    udata: u64                              # 32: the user's own
    spare: u64
