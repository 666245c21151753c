# SPDX-License-Identifier: GPL-2.0-or-later
"""/dev/null, which is empty and swallows everything, and /dev/zero, which never ends."""

from lang import array, u8, u64
from kern.abi.file import OpenMode
from kern.dev.chardev import CharDev, char_devices
from kern.ns.transfer import Transfer

zeros = array(4096, u8)


def swallow(io: Transfer) -> u64:
    count = io.left
    io.done = io.length
    return count


@char_devices
class Null(CharDev):
    name: str = "null"

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        return 0

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        return swallow(io)


@char_devices
class Zero(CharDev):
    name: str = "zero"

    def read(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        io.keep_short()
        while io.left > 0:
            io.give(zeros[0:4096])
        return io.done

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        return swallow(io)
