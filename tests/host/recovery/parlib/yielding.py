# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: a vcore that begins anew leaves what it was doing by an error, since its stack is the host's."""

from typing import NoReturn

from lang import Error
from kern.abi.errno import Errno
from parlib.vcore import Vcore


def vcore_restart(vcore: Vcore) -> NoReturn:
    raise Error(Errno.ESRCH, "the vcore begins anew")
