# SPDX-License-Identifier: GPL-2.0-or-later
"""Why goals of `make bench WHAT=system` are missed, by name, for the page; told only of those that are."""

WHY_MISSED = {
    "pipe round trip, two threads": "a half is four steps of 250 to 400: write, empty read, answer, and through vcore context to the other",
    "event round trip, between two processes": "both wait by spinning, and other work had the host's two cores: single runs differ tenfold",
    "locks held longer on 64 cores than on 4, of 99 places": (
        "an address space's lock is held over a search of all its regions, of which each vcore has some, until other cores have flushed; "
        "granting a core looks at all that are asked for"
    ),
    "memory of a process": "page tables, stacks, what is shared with the kernel and two pages of every program's data are its own",
}
