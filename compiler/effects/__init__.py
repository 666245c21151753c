# SPDX-License-Identifier: GPL-2.0-or-later
"""Effects: what a function may do, found bottom-up over the call graph of the whole program."""
