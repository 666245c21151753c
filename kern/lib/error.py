# SPDX-License-Identifier: GPL-2.0-or-later
"""Where kernel sources take `Errno` and `Error` from."""

from lang import Error
from kern.abi.errno import Errno
