# SPDX-License-Identifier: GPL-2.0-or-later
"""What the language needs of the host when a program runs on it: memory, output, the end. An error slot for each thread.

The launcher calls `hosted_start(argc, argv)`, which gives `main`'s status. A check that fails ends the program with status
101 and one line on stderr, `file:line: in function: what`; an error that nothing catches prints itself and gives status 1.
"""

from collections.abc import Callable
from typing import NoReturn

from lang import (
    CheckSite,
    Errno,
    Error,
    ErrorSlot,
    FailedCheck,
    Format,
    Ptr,
    Raises,
    Sink,
    Text,
    array,
    export,
    extern,
    hook,
    i32,
    i64,
    span_of,
    text,
    u8,
    u64,
)

from compiler.runtime.sys import set_arguments

FAILED_CHECK = 101
MAX_ARGUMENTS = 256

HOST_THREADS: u64 = 16  # as in compiler/lower/module.py

slots = array(HOST_THREADS, ErrorSlot)
arguments = array(MAX_ARGUMENTS, str)


@extern("calloc")
def host_calloc(count: u64, size: u64) -> u64: ...


@extern("aligned_alloc")
def host_aligned_alloc(align: u64, size: u64) -> u64: ...


@extern("free")
def host_free(address: u64) -> None: ...


@extern("write")
def host_write(fd: i32, data: u64, size: u64) -> i64: ...


@extern("exit")
def host_exit(status: i32) -> NoReturn: ...


@extern("host_thread")
def host_thread() -> u64:
    """Which of the host's threads calls, from 0; an explorer's coroutines count as well."""


@extern("strlen")
def host_strlen(string: u64) -> u64: ...


class Output(Sink):
    """Gathers pieces, so that one print is mostly one write."""

    fd: i32
    line: Text = text(1000)

    def put(self, data: str) -> None:
        if len(data) + self.line.used > 1000:
            self.flush()
        if len(data) > 1000:
            write_all(self.fd, data)
        else:
            self.line.put(data)

    def flush(self) -> None:
        write_all(self.fd, self.line.view)
        self.line.clear()


def write_all(fd: i32, data: str) -> None:
    done: u64 = 0
    while done < len(data):
        n = host_write(fd, u64(data.ptr) + done, len(data) - done)
        if n <= 0:
            return
        done += u64(n)


@hook
def allocate(size: u64, align: u64) -> u64:
    """Zeroed memory."""
    address: u64 = 0
    if align <= 16:
        address = host_calloc(1, max(size, u64(1)))
    else:
        rounded = (size + align - 1) // align * align
        address = host_aligned_alloc(align, max(rounded, align))
    if address == 0:
        raise Error(Errno.ENOMEM, f"no memory for {size} bytes")
    return address


@hook
def release(address: u64) -> None:
    host_free(address)


@hook
def error_slot() -> ErrorSlot:
    return slots[host_thread()]


@hook
def print_to(fd: i32, message: Format) -> None:
    out = Output(fd=fd)
    message.print_to(out)
    out.flush()


@hook
def panic_with(message: Format) -> NoReturn:
    print_to(2, f"panic: {message}\n")
    host_exit(FAILED_CHECK)


@hook
def check_failed(site: CheckSite, a: u64, b: u64) -> NoReturn:
    print_to(2, f"{FailedCheck(site=site, a=a, b=b)}\n")
    host_exit(FAILED_CHECK)


def run_main(main: Callable[[], Raises[i32]]) -> i32:
    """`main`'s status; 1 and a line on stderr if an error leaves it."""
    try:
        return main()
    except Error as error:
        print_to(2, f"Error: [Errno.{error.errno.name}] {error.message}\n")
        return 1


@extern("hosted_main")
def hosted_main() -> i32: ...


@export("hosted_start")
def hosted_start(argc: i32, argv: Ptr[u64]) -> i32:
    count = min(u64(argc), u64(MAX_ARGUMENTS))
    for i in range(count):
        address = argv[i]
        arguments[i] = span_of(Ptr[u8](address), host_strlen(address))
    set_arguments(arguments[0:count])
    return hosted_main()
