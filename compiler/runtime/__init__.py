# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of the language's run time that are written in the language itself; compiled into every world."""
