# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a process finds out about another's memory, or does to it: nothing, while that lives or after. Run as an SCP, the curious one."""

from lang import Error, Uaddr, as_bytes, i32, text, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import OpenMode, StatChange, StatField
from kern.abi.mman import MapFlags, Prot
from lib.files import Names, list_names, read_file
from lib.strings import discard
from rt import io
from rt.exit import exit_now
from rt.process import fork, wait
from syscalls import sys_fwstat, sys_mmap, sys_openat
from utest.harness import Suite, check, equal, run, suites
from utest.paging import FILE, NEW_FILE, PAGE, USUAL, Word, end_file, unmap, word
from utest.sharing_tests import await_told, map_memory, tell

PAGES: u64 = 2048                           # that the neighbour has
LINE: u64 = 64
PART_OF_SECRET: u64 = 0x0F1E_2D3C_4B5A_6978  # the whole is in the neighbour's memory only
GOOD: i32 = 3


@suites
class Neighbour(Suite):
    name: str = "neighbour"

    def run(self) -> None:
        run("neighbour.files", test_files)
        run("neighbour.remains", test_remains)


def secret_of(part: u64) -> u64:
    return part * 3 + 1


def live_next_door(told: i32, tells: i32) -> None:
    """Fill memory with the secret, and see whether it stays so until the other has tried everything."""
    place = map_memory(PAGES)
    for at in range(place, place + PAGES * PAGE, LINE):
        word(at).value = secret_of(PART_OF_SECRET)
    tell(tells)
    await_told(told)
    for at in range(place, place + PAGES * PAGE, LINE):
        if word(at).value != secret_of(PART_OF_SECRET):
            exit_now(1)
    exit_now(GOOD)


def test_files() -> None:
    """What /proc tells of a process holds nothing of its memory, takes nothing, and cannot be mapped."""
    there = io.pipe()
    back = io.pipe()
    pid = fork()
    if pid == 0:
        live_next_door(there[0], back[1])
    await_told(back[0])
    folder = text(20)
    folder.write(f"/proc/{pid}")
    names = Names()
    list_names(folder.view, names)
    check(names.count >= 5, f"only {names.count} files tell about the neighbour")
    for name in names.all():
        path = text(60)
        path.write(f"{folder.view}/{name}")
        pry(path.view)
    names.close()
    tell(there[1])
    equal(u64(wait(pid)), u64(GOOD), "what the neighbour found")
    for fds in (there, back):
        io.close(fds[0])
        io.close(fds[1])


def pry(path: str) -> None:
    try:
        shown = read_file(path)
        found = shown.find(as_bytes(Word(value=secret_of(PART_OF_SECRET)))) >= 0
        discard(shown)
        check(not found, f"{path} has the secret")
    except Error as e:
        check(e.errno in (Errno.EINVAL, Errno.EACCES), f"{path} cannot be read: {e.errno.name}")  # what is written only
    for mode in (OpenMode.READ, OpenMode.WRITE, OpenMode.READ | OpenMode.WRITE):
        check(not is_mapped(path, mode), f"{path} can be mapped")
    check(not is_written(path), f"{path} takes what it is given")


def is_mapped(path: str, mode: OpenMode) -> bool:
    try:
        fd = sys_openat(-100, path, mode, 0)
    except Error:
        return False
    try:
        sys_mmap(Uaddr(0), PAGE, Prot.READ, MapFlags.SHARED, fd, 0)
        return True
    except Error:
        return False
    finally:
        io.close(fd)


def is_written(path: str) -> bool:
    try:
        fd = sys_openat(-100, path, OpenMode.WRITE, 0)
    except Error:
        return False
    try:
        io.write_all(fd, "????????")
        return True
    except Error:
        return False
    finally:
        io.close(fd)


def test_remains() -> None:
    """Pages of one that has ended come to others without what was in them: as memory, and as what a file has never been given."""
    back = io.pipe()
    there = io.pipe()
    pid = fork()
    if pid == 0:
        live_next_door(there[0], back[1])
    await_told(back[0])
    tell(there[1])
    equal(u64(wait(pid)), u64(GOOD), "what the neighbour found")
    place = map_memory(2 * PAGES)
    check(is_zero(place, 2 * PAGES), "new memory has something in it")
    unmap(place, 2 * PAGES)
    fd = sys_openat(-100, FILE, NEW_FILE, 0o600)
    io.write_all(fd, "x")
    sys_fwstat(fd, StatChange(fields=u32(StatField.SIZE), size=PAGES * PAGE))
    place = u64(sys_mmap(Uaddr(0), PAGES * PAGE, USUAL, MapFlags.SHARED, fd, 0))
    equal(word(place).value, u64(ord("x")), "what the file begins with")
    check(is_zero(place + LINE, PAGES), "a file has something that nobody wrote")
    unmap(place, PAGES)
    end_file(fd)
    for fds in (there, back):
        io.close(fds[0])
        io.close(fds[1])


def is_zero(place: u64, pages: u64) -> bool:
    for at in range(place, place + pages * PAGE - LINE, LINE):
        if word(at).value != 0:
            return False
    return True
