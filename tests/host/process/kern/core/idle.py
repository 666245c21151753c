# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a core that goes to its idle loop leaves what it was doing by an error, since no stack is left on a host."""

from typing import NoReturn

from lang import Error
from kern.abi.errno import Errno


def smp_idle() -> NoReturn:
    raise Error(Errno.ESRCH, "the core is in its idle loop")
