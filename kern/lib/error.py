# SPDX-License-Identifier: GPL-2.0-or-later
"""Where kernel sources take `Errno` and `Error` from."""

from lang import Error                      # noqa: F401
from kern.abi.errno import Errno            # noqa: F401
