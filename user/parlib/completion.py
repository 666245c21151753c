# SPDX-License-Identifier: LGPL-2.1-or-later
"""System calls whose end is told by calling a function in vcore context, instead of waking a thread that waits for it.

    completion.done = handler
    submit_block(completion.call, usec)
    if not completion.expect(queue): …      # it is over already: nobody will call the handler
A Completion may be used again from the moment that its handler is called, or `expect` said no.
"""

from typing import Callable

from lang import addr_of, at, struct, u64
from kern.abi.event import EventQueue
from kern.abi.syscall import Syscall
from parlib.blockon import register_for
from parlib.vcore import Vcore, wait_spinning

MARK: u64 = 1                               # in a call's `u_data`, which is a uthread's address otherwise


@struct
class Completion:
    call: Syscall
    done: Callable[[Vcore, "Completion"], None]

    def expect(self, queue: EventQueue) -> bool:
        """Have `done` called when the call is over. False if it is over now."""
        self.call.u_data = addr_of(self) | MARK
        if register_for(self.call, queue):
            return True
        wait_spinning(self.call)
        return False


def is_completion(u_data: u64) -> bool:
    return u_data & MARK != 0


def complete(vcore: Vcore, u_data: u64) -> None:
    """EV_SYSCALL of such a call."""
    completion = at(Completion, u_data ^ MARK)
    wait_spinning(completion.call)          # the kernel sends the event before it is through with the structure
    completion.done(vcore, completion)
