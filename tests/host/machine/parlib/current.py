# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: which vcore runs this thread of the host."""

from lang import ThreadLocal, u32
from compiler.runtime.hosted import host_thread
from parlib.vcore import Vcore

vcores = ThreadLocal[Vcore]()


def my_vcore() -> Vcore:
    vcore = vcores.mine
    vcore.id = u32(host_thread())
    return vcore
