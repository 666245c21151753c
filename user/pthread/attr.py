# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a thread may be told when it is started."""

from lang import struct, u64

PAGE_SIZE: u64 = 4096
DEFAULT_STACK_SIZE: u64 = 4 << 20           # address space: pages are there when they are touched
MIN_STACK_SIZE: u64 = 16384


@struct
class Attr:
    """Sizes are rounded up to pages. The scheduling attributes of POSIX have no meaning here: this library's threads are equal."""

    stack_size: u64 = DEFAULT_STACK_SIZE
    guard_size: u64 = PAGE_SIZE             # inaccessible, below the stack
    detached: bool = False
