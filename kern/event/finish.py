# SPDX-License-Identifier: GPL-2.0-or-later
"""Ending what has been begun in a process' memory, where the process waits for its end: a message, a system call.

Memory is looked for before a message is begun, and the message refused without. But pages that a fork shares are copied by the first
write to each, and the process may fork at any moment. `with finishing:` such a copy may take the memory that processes do not get.
"""

from lang import struct
from kern.sync.kthread import current_kthread


@struct
class Finishing:
    """A section of the current kernel thread."""

    def __enter__(self) -> None:
        current_kthread().must_finish += 1

    def __exit__(self) -> None:
        current_kthread().must_finish -= 1


finishing = Finishing()
