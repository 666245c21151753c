# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of signals have in common: a handler that notes what it is told, and a read that only a signal ends."""

from lang import Atomic, Error, addr_of, array, pause, u8, u32, u64
from kern.abi.errno import Errno
from parlib.current import in_vcore_context, my_uthread
from parlib.signal_state import SignalInfo
from parlib.vcore import is_mcp
from pthread import yield_now
from rt import io
from rt.time import now_ns
from utest.harness import check, equal

ENDLESS: u64 = 10_000_000_000

count = Atomic[u64](0)                      # handlers that have run
last = SignalInfo()                         # of the last one
handler_thread: u64 = 0                     # which ran it


def note(signal: u32, info: SignalInfo) -> None:
    global handler_thread
    handler_thread = addr_of(my_uthread())
    last.signal = info.signal
    last.code = info.code
    last.value = info.value
    last.pid = info.pid
    last.address = info.address
    check(not in_vcore_context(), "a handler in vcore context")
    count.add(1)


def wait_for_count(wanted: u64) -> None:
    until = now_ns() + ENDLESS
    while count.load() < wanted and now_ns() < until:
        if is_mcp():
            yield_now()
        pause()
    equal(count.load(), wanted, "handlers run")


def read_nothing() -> Errno:
    ends = io.pipe()
    into = array(8, u8)
    got = Errno.OK
    try:
        io.read(ends[0], into[:])
    except Error as error:
        got = error.errno
    io.close(ends[0])
    io.close(ends[1])
    return got
