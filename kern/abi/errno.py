# SPDX-License-Identifier: GPL-2.0-or-later
"""Error numbers, shared with user land: the language's own (`raise Error(Errno.X, …)` is part of it)."""

from lang import Errno

__all__ = ["Errno"]
