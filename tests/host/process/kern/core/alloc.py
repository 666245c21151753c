# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: nobody waits for a core."""

from lang import struct, u32
from kern.proc.proc import Proc


@struct
class Provision:
    pass


def put_idle(p: Proc, pcore: u32) -> None:
    pass
