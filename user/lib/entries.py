# SPDX-License-Identifier: LGPL-2.1-or-later
"""How often each core has entered the kernel, by what: the kernel's own counts, from #kprof/counts."""

from lang import Sink, Span, struct, u64
from lib.files import read_file
from lib.strings import discard, next_field

FILE = "#kprof/counts"


@struct
class Entries:
    """Of one core, since boot or over a while."""

    calls: u64
    faults: u64
    ipis: u64                               # interrupts from other cores
    timer: u64
    devices: u64
    nmis: u64

    @property
    def total(self) -> u64:
        return self.calls + self.faults + self.ipis + self.timer + self.devices + self.nmis

    def parse(self, line: str) -> None:
        """A line of the file: the core, then names and numbers. Raises EINVAL."""
        name, at = next_field(line, 0)
        name, at = next_field(line, at)
        while len(name) > 0:
            value, at = next_field(line, at)
            self.set(name, u64(value))
            name, at = next_field(line, at)

    def set(self, name: str, value: u64) -> None:
        match name:
            case "calls":
                self.calls = value
            case "faults":
                self.faults = value
            case "ipis":
                self.ipis = value
            case "timer":
                self.timer = value
            case "devices":
                self.devices = value
            case "nmis":
                self.nmis = value

    def subtract(self, before: "Entries") -> None:
        self.calls -= before.calls
        self.faults -= before.faults
        self.ipis -= before.ipis
        self.timer -= before.timer
        self.devices -= before.devices
        self.nmis -= before.nmis

    def format(self, sink: Sink) -> None:
        sink.print(f"{self.total} entries: calls {self.calls} faults {self.faults} ipis {self.ipis} timer {self.timer}")
        sink.print(f" devices {self.devices} nmis {self.nmis}")


def read_entries(into: Span[Entries]) -> None:
    """The counts of every core now. Raises EINVAL for what makes no sense."""
    content = read_file(FILE)
    rest: str = content
    core: u64 = 0
    while len(rest) > 0:
        line, rest = rest.split1("\n")
        into[core].parse(line)
        core += 1
    discard(content)
