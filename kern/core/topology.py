# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the cores are: NUMA node, socket, and processor, whose hardware threads share it. As the firmware and the processors tell it.

Numbers are dense and count from 0 in the order of the cores. What is not told is one for all. Set once at boot, then only read. No locks.
"""

from lang import array, struct, u32
from arch import smp
from kern.abi.proc import MAX_CORES
from kern.arch_api import CorePlace
from kern.boot.main import inits

SAME_CORE: u32 = 0
SAME_PROCESSOR: u32 = 1
SAME_SOCKET: u32 = 2
SAME_NODE: u32 = 3
SAME_MACHINE: u32 = 4

places = array(MAX_CORES, CorePlace)        # with dense numbers, by core


@struct
class Numbering:
    """Dense numbers for what the hardware calls otherwise."""

    count: u32

    def number(self, core: u32, before: u32 | None) -> u32:
        """Of something that was met before, with that number, or not."""
        if before is not None:
            return before
        self.count += 1
        return self.count - 1


@inits
def read_topology() -> None:
    """Once, when all cores are up."""
    raw = array(MAX_CORES, CorePlace)
    nodes = Numbering()
    sockets = Numbering()
    processors = Numbering()
    for core in range(smp.core_count()):
        smp.locate(core, raw[core])
        node: u32 | None = None
        socket: u32 | None = None
        processor: u32 | None = None
        for other in range(core):
            if raw[other].node == raw[core].node:
                node = places[other].node
                # A socket's number is unique in its node only as far as the firmware cares; a processor's, in its socket.
                if raw[other].socket == raw[core].socket:
                    socket = places[other].socket
                    if raw[other].processor == raw[core].processor:
                        processor = places[other].processor
        place = places[core]
        place.node = nodes.number(core, node)
        place.socket = sockets.number(core, socket)
        place.processor = processors.number(core, processor)


def distance(one: u32, other: u32) -> u32:
    """How far apart two cores are: the lowest level that both are in, 0 to 4."""
    a = places[one]
    b = places[other]
    if one == other:
        return SAME_CORE
    if a.processor == b.processor:
        return SAME_PROCESSOR
    if a.socket == b.socket:
        return SAME_SOCKET
    return SAME_NODE if a.node == b.node else SAME_MACHINE
