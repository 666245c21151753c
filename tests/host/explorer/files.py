# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes that open, make and remove the same file at the same time: kern/ns/chan.py over the files in memory."""

from lang import Atomic, Error, Text, addr_of, struct, text, u64
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from kern.dev.tmpfs import TmpDev
from kern.ns.chan import find_or_create
from kern.ns.dev import devices, mount_devices
from kern.ns.path import find_parent

STAND_INS = ("tests/host/files", "tests/host/machine", "tests/host/paging")
NEW = OpenMode.READ | OpenMode.WRITE | OpenMode.CREATE


@devices  # of other modules' only those are registered that a unit reaches
class Files(TmpDev):
    pass


def join(into: Text) -> Text:
    into.append("/tmp/a")
    return into


def make(mode: OpenMode) -> u64:
    """The file's address, which is given back."""
    node = find_or_create(join(text(64)), mode, 0o644)
    found = addr_of(node)
    node.put()
    return found


def remove() -> None:
    parent, name = find_parent(join(text(64)))
    try:
        parent.remove(name)
    finally:
        parent.put()


@struct
class Creating:
    """Of two who make a file that is not there, each opens it, and it is one file."""

    PREEMPTIONS = 1
    STALE_READS = 0
    first: u64
    second: u64

    def setup(self) -> None:
        mount_devices()

    def thread_one(self) -> None:
        self.first = make(NEW)

    def thread_two(self) -> None:
        self.second = make(NEW)

    def check(self) -> None:
        assert self.first == self.second != 0, "two files of one name"
        remove()


@struct
class CreatingNew:
    """Of two who want it to be new, one makes it."""

    PREEMPTIONS = 1
    STALE_READS = 0
    made: Atomic[u64]

    def setup(self) -> None:
        mount_devices()

    def thread_one(self) -> None:
        self.make_new()

    def thread_two(self) -> None:
        self.make_new()

    def make_new(self) -> None:
        try:
            make(NEW | OpenMode.EXCL)
            self.made.add(1)
        except Error as e:
            assert e.errno == Errno.EEXIST, f"{e.errno.name}"

    def check(self) -> None:
        assert self.made.load() == 1, f"{self.made.load()} made it"
        remove()


@struct
class CreatingWhatGoes:
    """A file is not there, then it is, then not: who opens it, or makes it, succeeds at any moment."""

    PREEMPTIONS = 2
    STALE_READS = 0

    def setup(self) -> None:
        mount_devices()

    def thread_one(self) -> None:
        make(NEW)
        remove()

    def thread_two(self) -> None:
        make(NEW)
