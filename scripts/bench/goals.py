# SPDX-License-Identifier: GPL-2.0-or-later
"""Why goals of `make bench WHAT=system` are missed, by name, for the page; told only of those that are."""

WHY_MISSED = {
    "null call": "150 is the call; the rest is that a call is over before its result is stored, and the caller's loop",
    "pipe round trip, two threads": "both reads sleep: to sleep, be woken and tell of the end is 950 each, the calls are 1,183",
    "event round trip, between two processes": "both wait by spinning, and other work had the host's two cores: single runs differ tenfold",
    "memory of a process": "page tables, stacks, what is shared with the kernel and two pages of every program's data are its own",
}
