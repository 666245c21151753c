# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory mapping flags."""

from enum import IntFlag

from lang import u32


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
    LOCKED = 0x2000                         # bring the pages in at once, or fail; they stay
    POPULATE = 0x8000                       # bring the pages in at once, as far as that goes
