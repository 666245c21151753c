# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: as much of a process as lock-free units look at."""

from lang import i32, struct
from kern.sync.qlock import QLock


@struct
class Proc:
    pid: i32
    ucq_lock: QLock
