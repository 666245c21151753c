# SPDX-License-Identifier: GPL-2.0-or-later
"""Error numbers, as in POSIX with Linux' values: the language's own, since every `Error` carries one (compiler/lang/errno.py)."""

from lang import Errno                      # noqa: F401
