# SPDX-License-Identifier: LGPL-2.1-or-later
"""Have something done that many may ask for at once, by one of them: after each request it is done at least once, never twice at a time.

Who finds it being done leaves at once. State an asker changes before it pokes is seen by the run that serves it.
"""

from typing import Callable

from lang import Atomic, struct, u32


@struct
class Poke:
    asked: Atomic[u32]                      # since the one who runs the action has last looked; 0: nobody runs it

    def poke(self, action: Callable[[], None]) -> None:
        if self.asked.add(1) != 0:
            return
        while True:
            seen = self.asked.load()
            action()
            if self.asked.cas(seen, 0):
                return
