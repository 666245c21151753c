# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sets of cores: of which to provision, where to run. `parse` reads what people write: `0-3,7,9-15:2` (every second)."""

from lang import Array, Errno, Error, array, popcount, struct, u64
from kern.abi.proc import MAX_CORES

WORDS: u64 = 4                              # of 64 cores
LIMIT: u64 = 256                            # MAX_CORES


@struct
class CoreSet:
    words: Array[u64] = array(WORDS)

    def add(self, core: u64) -> None:
        """Raises EINVAL for what is no core's number."""
        if core >= LIMIT:
            raise Error(Errno.EINVAL, f"no core {core}: there are at most {MAX_CORES}")
        self.words[core // 64] |= u64(1) << core % 64

    def remove(self, core: u64) -> None:
        if core < LIMIT:
            self.words[core // 64] &= ~(u64(1) << core % 64)

    def __contains__(self, core: u64) -> bool:
        return core < LIMIT and self.words[core // 64] >> core % 64 & 1 != 0

    def __len__(self) -> u64:
        return sum(u64(popcount(word)) for word in self.words)

    def __eq__(self, other: "CoreSet") -> bool:
        return all(self.words[i] == other.words[i] for i in range(WORDS))

    def fill(self, count: u64) -> None:
        """The cores 0 to count - 1, and no others."""
        self.clear()
        for core in range(min(count, LIMIT)):
            self.words[core // 64] |= u64(1) << core % 64

    def clear(self) -> None:
        for i in range(WORDS):
            self.words[i] = 0

    def unite(self, other: "CoreSet") -> None:
        for i in range(WORDS):
            self.words[i] |= other.words[i]

    def intersect(self, other: "CoreSet") -> None:
        for i in range(WORDS):
            self.words[i] &= other.words[i]

    def subtract(self, other: "CoreSet") -> None:
        for i in range(WORDS):
            self.words[i] &= ~other.words[i]

    def invert(self, count: u64) -> None:
        """Of the cores 0 to count - 1, those that are not in it."""
        for core in range(min(count, LIMIT)):
            self.words[core // 64] ^= u64(1) << core % 64

    def next_from(self, core: u64) -> u64:
        """The lowest core that is not below `core`; LIMIT if there is none."""
        here = core
        while here < LIMIT and here not in self:
            here += 1
        return min(here, LIMIT)

    def parse(self, description: str) -> None:
        """Add what is described: numbers and ranges, with commas between. Raises EINVAL, and adds nothing then."""
        made = CoreSet()
        rest = description
        while True:
            part, rest = rest.split1(",")
            made.parse_part(part.strip())
            if len(rest) == 0:
                break
        self.unite(made)

    def parse_part(self, part: str) -> None:
        whole, step_text = part.split1(":")
        first_text, last_text = whole.split1("-")
        first = u64(first_text)
        last = first if whole == first_text else u64(last_text)
        step = u64(1) if part == whole else u64(step_text)
        if last < first or step == 0 or last >= LIMIT:
            raise Error(Errno.EINVAL, f"{part!r} is no range of cores")
        for core in range(first, last + 1):
            if (core - first) % step == 0:
                self.add(core)
