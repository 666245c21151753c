# SPDX-License-Identifier: LGPL-2.1-or-later
"""parlib: vcores, uthreads, events and asynchronous calls; what every second-level scheduler (2LS) stands on.

In reading order: machine, tls, current, vcore, pdr, mcs, ucq, event, uthread, sched, thread0, blockon, preempt, entry, sync, init.
"""

from parlib.vcore import max_vcores, num_vcores
