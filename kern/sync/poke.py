# SPDX-License-Identifier: GPL-2.0-or-later
"""PokeTracker: have something looked at, by one runner at a time, such that the last one to ask is always heard.

    queue.push(work)                        # first what is to be seen,
    tracker.poke(look, addr_of(queue))      # then the poke: `look` begins after this, here or on another core
Whoever pokes while somebody runs leaves it to that one, who runs again. So `poke` never waits, and the function never runs twice at once;
many pokes during one run cost one more. It may run once more than needed. `run` itself may poke. No locks.
"""

from typing import Callable

from lang import Atomic, struct, u32, u64


@struct
class PokeTracker:
    pokes: Atomic[u32]                      # asked for since the last run began, that one's own included; 0: nobody runs

    def poke(self, run: Callable[[u64], None], arg: u64) -> None:
        """See that `run(arg)` begins after this. Runs it here unless it runs already. Callable from wherever `run` may be called."""
        if self.pokes.add(1) > 0:
            return
        while True:
            seen = self.pokes.load()
            run(arg)
            # Who poked since `seen` was read relied on us.
            if self.pokes.sub(seen) == seen:
                return
