# SPDX-License-Identifier: GPL-2.0-or-later
"""Why goals of `make bench WHAT=system` are missed, by name, for the page; told only of those that are."""

WHY_MISSED = {
    "event round trip, between two processes": "both wait by spinning, and other work had the host's two cores: single runs differ tenfold",
    "memory of a process": "page tables, stacks, what is shared with the kernel and two pages of every program's data are its own",
}
