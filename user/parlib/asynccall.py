# SPDX-License-Identifier: LGPL-2.1-or-later
"""Functions called asynchronously: on a thread of their own, with the result, or the error, fetched later.

    first = AsyncCall()
    first.start(checksum, addr_of(block))
    …
    print(first.wait())
The first one turns the process into an MCP. Akaros: asynccall.
"""

from typing import Callable

from lang import ACQUIRE, RELEASE, Atomic, Errno, Error, Raises, Ref, Text, addr_of, at, struct, text, u64
from parlib.join import uthread_join
from parlib.threads import uthread_create
from parlib.uthread import Uthread


def nothing(arg: u64) -> u64:
    return arg


@struct
class AsyncCall:
    """One call at a time; it must not go while its call runs."""

    fn: Callable[[u64], Raises[u64]] = nothing
    arg: u64
    result: u64
    errno: Errno = Errno.OK
    message: Text = text(128)
    over: Atomic[bool]
    uthread: Ref[Uthread] | None

    def start(self, fn: Callable[[u64], Raises[u64]], arg: u64) -> None:
        """Have a thread call fn(arg). Raises EBUSY if nobody waited for the one before; ENOMEM, ENOSYS."""
        if self.uthread is not None:
            raise Error(Errno.EBUSY, "the call before has not been waited for")
        self.fn = fn
        self.arg = arg
        self.errno = Errno.OK
        self.over.store(False)
        self.uthread = uthread_create(run, addr_of(self))

    def is_over(self) -> bool:
        """Whether `wait` would return at once."""
        return self.over.load(order=ACQUIRE)  # pairs with the end of `run`

    def wait(self) -> u64:
        """What the function returned; raises what it raised. Blocks the calling thread. Raises EINVAL if there is no call."""
        uthread = self.uthread
        if uthread is None:
            raise Error(Errno.EINVAL, "no call was started")
        uthread_join(uthread)
        self.uthread = None
        if self.errno != Errno.OK:
            raise Error(self.errno, f"{self.message}")
        return self.result


def run(address: u64) -> None:
    call = at(AsyncCall, address)
    try:
        call.result = call.fn(call.arg)
    except Error as e:
        call.errno = e.errno
        call.message.clear()
        call.message.append(e.message)
    call.over.store(True, order=RELEASE)
