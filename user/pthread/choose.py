# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which 2LS threads run under, by name, for programs that leave it to their users. A program that imports this carries both."""

from lang import Errno, Error
from parlib.threads import use_library
from pthread.ready import scheduler
from pthread.steal import steal_scheduler


def use_2ls(name: str) -> None:
    """`fifo`: one queue for all vcores. `steal`: a queue for each, and stealing. Before the first thread. Raises EINVAL."""
    match name:
        case "fifo":
            use_library(scheduler)
        case "steal":
            use_library(steal_scheduler)
        case _:
            raise Error(Errno.EINVAL, f"no 2LS is called {name}: fifo, steal")
