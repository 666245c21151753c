# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: who owns a core is kept."""

from kern.core.percore import core


def clear_owning_proc() -> None:
    core.mine.owning_proc = None
