# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unpredictable numbers, as many as one likes, from the kernel's #random. They never wait."""

from lang import Error, Span, array, u8, u64
from kern.abi.errno import Errno
from rt.io import close, open, read_full


def getrandom(into: Span[u8]) -> None:
    """Fill it. Raises what opening and reading raise."""
    source = open("#random/urandom")
    try:
        if read_full(source, into) != len(into):
            raise Error(Errno.EIO, "the random numbers have come to an end")
    finally:
        close(source)


def random_u64() -> u64:
    bytes = array(8, u8)
    getrandom(bytes[0:8])
    value: u64 = 0
    for byte in bytes:
        value = value << 8 | u64(byte)
    return value
