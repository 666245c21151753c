# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tracing into the kernel's log (`dmesg`), where the kernel's own lines stand, and saying that one came by."""

from lang import Error, Format, caller_module, text
from kern.abi.file import OpenMode
from parlib.current import current_vcoreid, my_uthread
from rt.io import STDERR, close, open, print_to, write


def trace_print(message: Format) -> None:
    """What Akaros calls trace_printf. Not in vcore context. A trace that cannot be written is dropped."""
    line = text(180)
    line.write(message)
    try:
        fd = open("/dev/klog", OpenMode.WRITE)
        write(fd, line.view)
        close(fd)
    except Error:
        return


def here(module: str = caller_module()) -> None:
    """I_AM_HERE: which thread, on which vcore, came by in which module."""
    print_to(STDERR, f"thread {my_uthread().id} on vcore {current_vcoreid()} is in {module}\n")
