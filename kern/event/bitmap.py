# SPDX-License-Identifier: GPL-2.0-or-later
"""Producing into a process' bitmap mailboxes (kern/abi/event.py, EventBitmap): one bit an event type, no payload.

No locks.
"""

from lang import Uaddr, offsetof, u32, u64
from kern.abi.event import EventBitmap
from kern.mm.umem import or_u32, store_u32


def post_bitmap(bitmap: Uaddr, ev_type: u32) -> None:
    """Set the type's bit, and then say that there are bits. Raises EFAULT. The address space is loaded. May block."""
    # Words of 32 bits: the layout is little-endian on every architecture that there is.
    word = bitmap + offsetof(EventBitmap, "bits") + u64(ev_type // 32) * 4
    or_u32(word, u32(1) << (ev_type % 32))
    store_u32(bitmap + offsetof(EventBitmap, "check_bits"), 1)
