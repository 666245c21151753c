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
    CEQ = 3                                 # one record an id: coalesces payloads, unbounded in time, bounded in ids


class CeqOperation(u32, IntEnum):
    """How the `arg2` of messages of one id are joined."""

    OR = 1
    ADD = 2


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
    spare_page: Atomic[u64]                 # 8: pages that were read, linked by `next`: the user adds, the kernel takes all
    extra_pages: Atomic[u64]                # 16: pages that the kernel had to map
    cons_idx: Atomic[u64]                   # 24: the user's own: next slot to read; its high 16 bits count pages
    prod_overflow: Atomic[u32]              # 32: producers must take the lock
    ready: Atomic[u32]                      # 36
    consumer_lock: Array[u64] = array(2)    # 40: the user's own lock for changing pages
    stock: Atomic[u64]                      # 56: the kernel's own: such pages that it has taken and not used yet


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


CEQ_NO_ID: u32 = 0xFFFF_FFFF                # an empty slot of the ring


@struct(size=32)
class CeqEvent:
    """What came in under one id since it was last looked at."""

    blob: Atomic[u64]                       # 0: arg3 of the last message
    user_data: u64                          # 8: the user's own
    coalesce: Atomic[u32]                   # 16: arg2 of all messages, joined
    posted: Atomic[u32]                     # 20: there is something; the consumer clears it before it takes `coalesce`
    unused: u64


@struct(size=32)
class CeqShape:
    """What is set up once."""

    events: Uaddr                           # 0: nr_events CeqEvent, by id
    ring: Uaddr                             # 8: ring_size slots of 4 bytes, each an id that was posted, or CEQ_NO_ID
    nr_events: u32                          # 16: ids are below this
    ring_size: u32                          # 20: a power of two
    operation: u32                          # 24: CeqOperation
    unused: u32


@struct(size=80)
class Ceq(CeqShape):
    """Coalescing event queue: messages of one id (their ev_type) become one, and the ring says which ids to look at.

    When the ring is full the producer says so instead, and the consumer goes through all ids up to `max_event_ever`. Indices count up
    without end; slot = index % ring_size. Producers reserve at prod_idx and may not pass cons_pub + ring_size.
    """

    prod_idx: Atomic[u32]                   # 32
    cons_pub: Atomic[u32]                   # 36: slots before this are empty again
    cons_pvt: Atomic[u32]                   # 40: next slot for a consumer
    ring_overflowed: Atomic[u32]            # 44: ids were posted that are not in the ring
    max_event_ever: Atomic[u32]             # 48: the highest id that was ever posted
    recovering: Atomic[u32]                 # 52: the user's own, with the next two: a walk over all ids is under way
    next_id: u32                            # 56
    unused_either: u32
    consumer_lock: Array[u64] = array(2)    # 64: the user's own lock for that walk


@struct(size=224)
class EventMailbox:
    kind: u32                               # 0: a MailboxKind, which says which of these is used
    unused: u32
    ucq: Ucq                                # 8
    bitmap: EventBitmap                     # 72
    ceq: Ceq                                # 144


@struct(size=48)
class EventQueue:
    mbox: Uaddr                             # 0: an EventMailbox, or 0: a default mailbox of the vcore
    flags: u32                              # 8: EventFlag
    vcore: u32                              # 12: whom to tell
    alert_pending: Atomic[u32]              # 16: an indirection is on its way; the consumer clears it before it drains
    unused: u32
    handler: Uaddr                          # 24: the user's own: parlib calls it for the queue's indirections, if it is not 0
    udata: u64                              # 32: the user's own
    spare: u64
