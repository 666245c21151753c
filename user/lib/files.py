# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files as programs deal with them: what is it, read all of it, copy it, list a directory. On rt.io, no locks.

Whatever is opened here is closed here, also when something raises.
"""

from lang import Error, Span, array, as_bytes, free, i32, memcpy, new, sizeof, struct, u64, u8
from kern.abi.file import DirEntry, FileKind, OpenMode, Stat
from lib.strings import discard, duplicate, sort_strings
from rt.io import close, open, read, write_all
from rt.syscall import c_string
from syscalls import sys_lstat, sys_stat

COPY_SIZE: u64 = 4096
FIRST_ROOM: u64 = 4096


def exists(path: str) -> bool:
    return kind_of(path) is not None


def is_directory(path: str) -> bool:
    """A link to one too."""
    return kind_of(path) == FileKind.DIR


def is_file(path: str) -> bool:
    """A link to one too."""
    return kind_of(path) == FileKind.FILE


def is_link(path: str) -> bool:
    return kind_itself(path) == FileKind.LINK


def kind_of(path: str) -> FileKind | None:
    """What is at the end of all links; None: nothing is."""
    stat = Stat()
    try:
        sys_stat(path, stat)
    except Error:
        return None
    return FileKind(stat.kind)


def kind_itself(path: str) -> FileKind | None:
    """The same of the name itself, which may be a link's."""
    stat = Stat()
    try:
        sys_lstat(path, stat)
    except Error:
        return None
    return FileKind(stat.kind)


def is_same(path: str, other: str) -> bool:
    """Whether both names lead to one file. Some devices do not number their files: of those only the same name is the same."""
    first = Stat()
    second = Stat()
    try:
        sys_stat(path, first)
        sys_stat(other, second)
    except Error:
        return False
    return path == other or first.ino != 0 and first.ino == second.ino and first.dev == second.dev


def read_all(fd: i32) -> Span[u8]:
    """Everything up to the end, in allocated memory that the caller frees with `discard` (empty: nothing was allocated)."""
    data = new(array(FIRST_ROOM, u8))
    used: u64 = 0
    try:
        while True:
            count = read(fd, data[used:])
            if count == 0:
                break
            used += count
            if used == len(data):
                data = _enlarged(data)
        return _trimmed(data, used)
    finally:
        free(data)


def _enlarged(data: Span[u8]) -> Span[u8]:
    larger = new(array(len(data) * 2, u8))
    memcpy(larger[: len(data)], data)
    free(data)
    return larger


def _trimmed(data: Span[u8], used: u64) -> Span[u8]:
    return duplicate(data[:used])


def read_file(path: str) -> Span[u8]:
    """All of a file; `discard` it afterwards."""
    fd = open(path)
    try:
        return read_all(fd)
    finally:
        close(fd)


def copy_fd(source: i32, target: i32) -> None:
    """Everything from one descriptor to another."""
    buffer = array(COPY_SIZE, u8)
    while (count := read(source, buffer)) > 0:
        write_all(target, buffer[:count])


def copy_file(source: str, target: str) -> None:
    """Make `target` a copy of the file `source`."""
    from_fd = open(source)
    try:
        to_fd = open(target, OpenMode.WRITE | OpenMode.CREATE | OpenMode.TRUNC)
        try:
            copy_fd(from_fd, to_fd)
        finally:
            close(to_fd)
    finally:
        close(from_fd)


@struct
class Names:
    """A growing list of strings that it owns. `close` gives all of it back."""

    items: Span[str]
    count: u64 = 0

    def add(self, name: str) -> None:
        if self.count == len(self.items):
            self._grow()
        self.items[self.count] = duplicate(name)
        self.count += 1

    def all(self) -> Span[str]:
        return self.items[: self.count]

    def sort(self) -> None:
        sort_strings(self.all())

    def close(self) -> None:
        for name in self.all():
            discard(name)
        if len(self.items) > 0:
            free(self.items)
        self.count = 0
        self.items = self.items[:0]

    def _grow(self) -> None:
        larger = new(array(max(len(self.items) * 2, 16), str))
        for i in range(self.count):
            larger[i] = self.items[i]
        if len(self.items) > 0:
            free(self.items)
        self.items = larger


@struct
class Directory:
    """An open directory: `next` gives its entries one by one, in the order of the file system."""

    fd: i32
    entry: DirEntry

    def next(self) -> bool:
        """Read the next entry into `entry`; False at the end."""
        return read(self.fd, as_bytes(self.entry)) == sizeof(DirEntry)

    @property
    def name(self) -> str:
        return c_string(self.entry.name)

    def close(self) -> None:
        close(self.fd)


def open_directory(path: str) -> Directory:
    """An allocated Directory; `close_directory` gives it back."""
    fd = open(path, OpenMode.READ | OpenMode.DIRECTORY)
    try:
        return new(Directory, fd=fd)
    except Error:
        close(fd)
        raise


def close_directory(directory: Directory) -> None:
    directory.close()
    free(directory)


def list_names(path: str, into: Names) -> None:
    """Add the names in a directory to `into`, in no order."""
    directory = open_directory(path)
    try:
        while directory.next():
            into.add(directory.name)
    finally:
        close_directory(directory)
