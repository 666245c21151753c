# SPDX-License-Identifier: LGPL-2.1-or-later
"""MCS locks: waiters queue up and each spins on a word of its own, so a contended lock does not flood the memory system.

McsLock is plain: for threads that nobody preempts, or that notifications may interrupt at any point. McsNotifSafeLock disables
notifications. The two others recover preempted vcores besides: McsPdrLock, the usual one, has a node for each vcore, and its waiters see
to it that the holder runs, if it is known, else the one before them. McsPdroLock is the older form, with nodes of the callers', whose
waiters know only the one before them: after a preemption each runs its predecessor in turn until the holder is reached.
J. Mellor-Crummey, M. Scott: Algorithms for scalable synchronization on shared-memory multiprocessors (TOCS 1991).
"""

from lang import ACQUIRE, RELAXED, RELEASE, Array, Atomic, addr_of, array, at, atomic_section, begins_atomic
from lang import ends_atomic, pause, struct, u32, u64
from parlib.current import my_vcore
from parlib.vcore import ANY_VCORE, disable_notifs, enable_notifs, relax_for


@struct(align=64)
class McsNode:
    next: Atomic[u64]                       # address of the node behind, or 0
    waiting: Atomic[u32]


@struct
class McsLock:
    tail: Atomic[u64]                       # address of the last node, 0: free

    def lock(self, node: McsNode) -> None:
        """`node` is the caller's until `unlock` with the same one."""
        node.next.store(0, order=RELAXED)   # nobody sees the node before the swap, which releases these two
        node.waiting.store(u32(1), order=RELAXED)
        before = self.tail.swap(addr_of(node))  # pairs with the cas in unlock: what the last holder did is seen
        if before == 0:
            return
        at(McsNode, before).next.store(addr_of(node), order=RELEASE)  # pairs with the loads of `next` in unlock
        while node.waiting.load(order=ACQUIRE) != 0:  # pairs with the hand-over in unlock
            pause()

    def unlock(self, node: McsNode) -> None:
        if node.next.load(order=ACQUIRE) == 0:  # pairs with the store in lock
            if self.tail.cas(addr_of(node), 0):
                return
            # Somebody has swapped itself in, and is about to say who it is.
            while node.next.load(order=ACQUIRE) == 0:
                pause()
        at(McsNode, node.next.load()).waiting.store(u32(0), order=RELEASE)  # pairs with the wait in lock


@struct
class McsNotifSafeLock:
    """Notifications are disabled while it is held: the holder is not interrupted, but it may be preempted."""

    inner: McsLock

    @begins_atomic
    def lock(self, node: McsNode) -> None:
        disable_notifs()
        self.inner.lock(node)

    @ends_atomic
    def unlock(self, node: McsNode) -> None:
        self.inner.unlock(node)
        enable_notifs()


@struct(align=64)
class McsPdroNode:
    next: Atomic[u64]                       # address of the node behind, or 0
    waiting: Atomic[u32]
    vcoreid: u32


@struct
class McsPdroLock:
    tail: Atomic[u64]                       # address of the last node, 0: free

    @begins_atomic
    def lock(self, node: McsPdroNode) -> None:
        """`node` is the caller's until `unlock` with the same one."""
        disable_notifs()
        node.next.store(0, order=RELAXED)
        node.waiting.store(u32(1), order=RELAXED)
        node.vcoreid = my_vcore().id
        before = self.tail.swap(addr_of(node))
        if before == 0:
            return
        # The one before us cannot go, nor its node, until it knows of us.
        predecessor = at(McsPdroNode, before).vcoreid
        at(McsPdroNode, before).next.store(addr_of(node), order=RELEASE)  # pairs with the loads of `next` in unlock
        while node.waiting.load(order=ACQUIRE) != 0:  # pairs with the hand-over in unlock
            relax_for(predecessor)

    @ends_atomic
    def unlock(self, node: McsPdroNode) -> None:
        if node.next.load(order=ACQUIRE) == 0 and self.tail.cas(addr_of(node), 0):
            enable_notifs()
            return
        while node.next.load(order=ACQUIRE) == 0:
            relax_for(ANY_VCORE)            # somebody has swapped itself in, and was perhaps preempted before it said who it is
        at(McsPdroNode, node.next.load()).waiting.store(u32(0), order=RELEASE)
        enable_notifs()


@struct
class McsPdrLock:
    tail: Atomic[u32]                       # 1 + id of the last vcore in the queue, 0: free
    holder: Atomic[u32]                     # 1 + id of the vcore that holds it; a hint, so relaxed
    nodes: Array[McsNode] = array(256)      # by vcore; `next` is 1 + id here

    @begins_atomic
    def lock(self) -> None:
        disable_notifs()
        mine = my_vcore().id
        node = self.nodes[mine]
        node.next.store(0, order=RELAXED)
        node.waiting.store(u32(1), order=RELAXED)
        before = self.tail.swap(mine + 1)
        if before != 0:
            self.nodes[before - 1].next.store(u64(mine + 1), order=RELEASE)
            while node.waiting.load(order=ACQUIRE) != 0:  # pairs with the hand-over in unlock
                self.help_on(mine, before - 1)
        self.holder.store(mine + 1, order=RELAXED)  # a hint whom to help on, and nothing else

    def help_on(self, mine: u32, before: u32) -> None:
        """A waiter's turn round its loop: see that those run who must before it can."""
        holder = self.holder.load(order=RELAXED)
        relax_for(before if holder == 0 or holder == mine + 1 else holder - 1)

    @ends_atomic
    def unlock(self) -> None:
        mine = my_vcore().id
        node = self.nodes[mine]
        self.holder.store(u32(0), order=RELAXED)
        if node.next.load(order=ACQUIRE) == 0 and self.tail.cas(mine + 1, 0):
            enable_notifs()
            return
        while node.next.load(order=ACQUIRE) == 0:
            relax_for(self.tail.load() - 1)
        self.nodes[node.next.load() - 1].waiting.store(u32(0), order=RELEASE)
        enable_notifs()

    @atomic_section
    def __enter__(self) -> None:
        self.lock()

    def __exit__(self) -> None:
        self.unlock()
