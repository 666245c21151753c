# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory mapping flags."""

from enum import IntFlag

from lang import u32, u64

FAULT_BACKED: u64 = 1 << 31                 # in the error_code of a reflected page fault: sys_populate_va brings the page in, from its file


class Prot(u32, IntFlag):
    NONE = 0
    READ = 1
    WRITE = 2
    EXEC = 4


class MapFlags(u32, IntFlag):
    SHARED = 1
    PRIVATE = 2
    FIXED = 16                              # exactly there, replacing what is mapped
    ANONYMOUS = 32                          # zeroed memory, no file
    POPULATE = 0x8000                       # bring the pages in at once
