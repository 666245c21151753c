# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-in: physical memory (kern/mm/pages.py) is where it is."""

from lang import Kaddr, Paddr, u64


def phys_to_virt(address: Paddr) -> Kaddr:
    return Kaddr(u64(address))


def virt_to_phys(address: Kaddr) -> Paddr:
    return Paddr(u64(address))
