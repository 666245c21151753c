# SPDX-License-Identifier: GPL-2.0-or-later
"""Signals by number, as Linux numbers them. The kernel knows SIGKILL, which ends a process, and tells of all others by an event."""

from enum import IntEnum

from lang import u32

NR_SIGNALS: u32 = 65                        # numbers 1 to 64; those from FIRST_REALTIME on have no names
FIRST_REALTIME: u32 = 32


class Signal(u32, IntEnum):
    HUP = 1
    INT = 2
    QUIT = 3
    ILL = 4
    TRAP = 5
    ABRT = 6
    BUS = 7
    FPE = 8
    KILL = 9
    USR1 = 10
    SEGV = 11
    USR2 = 12
    PIPE = 13
    ALRM = 14
    TERM = 15
    STKFLT = 16
    CHLD = 17
    CONT = 18
    STOP = 19
    TSTP = 20
    TTIN = 21
    TTOU = 22
    URG = 23
    XCPU = 24
    XFSZ = 25
    VTALRM = 26
    PROF = 27
    WINCH = 28
    IO = 29
    PWR = 30
    SYS = 31
