# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: system calls that are done at once."""

from lang import Uaddr, u32, u64
from kern.abi.syscall import Syscall


def submit_munmap(call: Syscall, address: Uaddr, length: u64) -> None:
    call.flags.store(u32(1))
