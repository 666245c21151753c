# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unit tests of parlib and the threads, as one program: `utest [NAME]`."""
