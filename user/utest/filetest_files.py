# SPDX-License-Identifier: LGPL-2.1-or-later
"""Of filetest: what calls about files, directories and pipes promise."""

from lang import Errno, Error, Span, array, i32, i64, sizeof, text, u64, u8
from kern.abi.file import DirEntry, FileKind, OpenMode, Stat, Whence
from lib.files import Names, exists, list_names, read_all, read_file
from lib.strings import discard
from rt.io import close, dup, open, pipe, read, read_full, write_all
from syscalls import sys_chdir, sys_fstat, sys_getcwd, sys_mkdir, sys_openat, sys_remove, sys_rename, sys_seek, sys_stat
from utest.harness import check, equal, fails, run


FILE = "/tmp/filetest"
OTHER = "/tmp/filetest-2"
FOLDER = "/tmp/filetest-d"
PAGE: u64 = 4096
NEW = OpenMode.WRITE | OpenMode.CREATE | OpenMode.TRUNC


fd_tried: i32 = -1


def run_files() -> None:
    run("files.write_and_read", test_write_and_read)
    run("files.open_modes", test_open_modes)
    run("files.open_errors", test_open_errors)
    run("files.close", test_close)
    run("files.stat", test_stat)
    run("files.seek", test_seek)
    run("files.dup", test_dup)
    run("files.remove", test_remove)
    run("files.rename", test_rename)
    run("files.directories", test_directories)
    run("files.working_directory", test_working_directory)
    run("files.pipe", test_pipe)
    run("files.bad_addresses", test_bad_addresses)


def make(path: str, content: str) -> None:
    fd = open(path, NEW)
    write_all(fd, content)
    close(fd)


def holds(path: str, wanted: str) -> None:
    content = read_file(path)
    found: str = content
    check(found == wanted, f"{path} holds {found!r}, not {wanted!r}")
    discard(content)


def test_write_and_read() -> None:
    make(FILE, "first second")
    fd = open(FILE)
    part = array(5, u8)
    equal(read(fd, part), 5, "bytes read")
    found: str = part[0:5]
    check(found == "first", f"read {found!r}")
    rest = array(100, u8)
    equal(read_full(fd, rest), 7, "bytes of the rest")
    equal(read(fd, rest), 0, "bytes at the end")
    close(fd)
    sys_remove(FILE)


def test_open_modes() -> None:
    make(FILE, "long content")
    make(FILE, "short")
    holds(FILE, "short")
    fd = open(FILE, OpenMode.WRITE | OpenMode.APPEND)
    write_all(fd, " and more")
    close(fd)
    holds(FILE, "short and more")
    fd = open(FILE, OpenMode.READ | OpenMode.WRITE)
    write_all(fd, "SHORT")
    close(fd)
    holds(FILE, "SHORT and more")
    sys_mkdir(FOLDER, 0o755)
    folder = open(FOLDER, OpenMode.READ | OpenMode.DIRECTORY)
    fd = sys_openat(folder, "inside", NEW, 0o644)
    close(fd)
    close(folder)
    check(exists("/tmp/filetest-d/inside"), "a file made relative to a directory is elsewhere")
    sys_remove("/tmp/filetest-d/inside")
    sys_remove(FOLDER)
    sys_remove(FILE)


def test_open_errors() -> None:
    make(FILE, "x")
    fails(Errno.EEXIST, "exclusive creation", open_exclusive)
    fails(Errno.ENOENT, "a file that is not there", open_missing)
    fails(Errno.ENOTDIR, "a file as a directory", open_as_directory)
    fails(Errno.EISDIR, "a directory to be written", write_directory)
    fails(Errno.ENOTDIR, "a path through a file", open_through_file)
    fails(Errno.EBADF, "reading what is open for writing", read_write_only)
    sys_remove(FILE)


def open_exclusive() -> None:
    close(open(FILE, OpenMode.WRITE | OpenMode.CREATE | OpenMode.EXCL))


def open_missing() -> None:
    close(open(OTHER))


def open_as_directory() -> None:
    close(open(FILE, OpenMode.READ | OpenMode.DIRECTORY))


def write_directory() -> None:
    close(open("/tmp", OpenMode.WRITE))


def open_through_file() -> None:
    close(open("/tmp/filetest/below"))


def read_write_only() -> None:
    fd = open(FILE, OpenMode.WRITE)
    try:
        byte = array(1, u8)
        read(fd, byte)
    finally:
        close(fd)


def test_close() -> None:
    global fd_tried
    fd_tried = open("/dev/null")
    close(fd_tried)
    fails(Errno.EBADF, "closing twice", close_tried)
    fd_tried = -1
    fails(Errno.EBADF, "closing -1", close_tried)
    fd_tried = 100_000
    fails(Errno.EBADF, "closing a large number", close_tried)


def close_tried() -> None:
    close(fd_tried)


def test_stat() -> None:
    make(FILE, "twelve bytes")
    by_path = Stat()
    by_fd = Stat()
    sys_stat(FILE, by_path)
    fd = open(FILE)
    sys_fstat(fd, by_fd)
    close(fd)
    equal(by_path.size, 12, "size")
    check(by_path.kind == FileKind.FILE, "a file is no file")
    check(by_path.ino == by_fd.ino and by_path.dev == by_fd.dev and by_fd.size == 12, "stat and fstat differ")
    sys_stat("/tmp", by_path)
    check(by_path.kind == FileKind.DIR, "a directory is none")
    sys_stat("/dev/null", by_path)
    check(by_path.kind == FileKind.CHAR, "a device is none")
    fails(Errno.ENOENT, "stat of nothing", stat_missing)
    sys_remove(FILE)


def stat_missing() -> None:
    stat = Stat()
    sys_stat(OTHER, stat)


def test_seek() -> None:
    make(FILE, "0123456789")
    fd = open(FILE)
    byte = array(1, u8)
    equal(sys_seek(fd, 4, Whence.SET), 4, "from the start")
    read(fd, byte)
    equal(u64(byte[0]), u64(ord("4")), "what is there")
    equal(sys_seek(fd, -2, Whence.CUR), 3, "from here")
    equal(sys_seek(fd, -1, Whence.END), 9, "from the end")
    read(fd, byte)
    equal(u64(byte[0]), u64(ord("9")), "the last byte")
    far: i64 = 5_000_000_000
    equal(sys_seek(fd, far, Whence.SET), u64(far), "beyond 4 GiB")
    equal(read(fd, byte), 0, "bytes far behind the end")
    close(fd)
    fails(Errno.EINVAL, "before the start", seek_before_start)
    fails(Errno.ESPIPE, "in a pipe", seek_pipe)
    sys_remove(FILE)


def seek_before_start() -> None:
    fd = open(FILE)
    try:
        sys_seek(fd, -1, Whence.SET)
    finally:
        close(fd)


def seek_pipe() -> None:
    reader, writer = pipe()
    try:
        sys_seek(reader, 1, Whence.SET)
    finally:
        close(reader)
        close(writer)


def test_dup() -> None:
    make(FILE, "abcdef")
    fd = open(FILE)
    other = dup(fd)
    check(other != fd, "the same descriptor")
    byte = array(1, u8)
    read(fd, byte)
    read(other, byte)
    equal(u64(byte[0]), u64(ord("b")), "the place in the file is shared")
    close(fd)
    read(other, byte)
    equal(u64(byte[0]), u64(ord("c")), "one lives on without the other")
    equal(u64(dup(other, 40)), 40, "a chosen number")
    close(40)
    close(other)
    sys_remove(FILE)


def test_remove() -> None:
    make(FILE, "still readable")
    fd = open(FILE)
    sys_remove(FILE)
    check(not exists(FILE), "a removed file is there")
    content = read_all(fd)
    equal(len(content), 14, "bytes of a removed file that is open")
    discard(content)
    close(fd)
    fails(Errno.ENOENT, "removing twice", remove_file)
    sys_mkdir(FOLDER, 0o755)
    make("/tmp/filetest-d/file", "x")
    fails(Errno.ENOTEMPTY, "removing a full directory", remove_folder)
    sys_remove("/tmp/filetest-d/file")
    remove_folder()


def remove_file() -> None:
    sys_remove(FILE)


def remove_folder() -> None:
    sys_remove(FOLDER)


def test_rename() -> None:
    make(FILE, "one")
    make(OTHER, "two")
    sys_rename(FILE, OTHER)
    holds(OTHER, "one")
    check(not exists(FILE), "the old name is still there")
    fails(Errno.ENOENT, "renaming nothing", rename_missing)
    fails(Errno.EXDEV, "across devices", rename_across)
    sys_mkdir(FOLDER, 0o755)
    sys_rename(OTHER, "/tmp/filetest-d/moved")
    holds("/tmp/filetest-d/moved", "one")
    fails(Errno.EINVAL, "a directory into itself", rename_into_itself)
    sys_remove("/tmp/filetest-d/moved")
    sys_remove(FOLDER)


def rename_missing() -> None:
    sys_rename(FILE, OTHER)


def rename_across() -> None:
    sys_rename(OTHER, "/etc/filetest")


def rename_into_itself() -> None:
    sys_rename(FOLDER, "/tmp/filetest-d/below")


def test_directories() -> None:
    sys_mkdir(FOLDER, 0o755)
    fails(Errno.EEXIST, "making a directory twice", make_folder)
    path = text(64)
    for i in range(50):
        path.clear()
        path.write(f"{FOLDER}/file{i}")
        make(path.view, "x")
    names = Names()
    list_names(FOLDER, names)
    equal(names.count, 50, "entries")
    names.sort()
    check(names.items[0] == "file0" and names.items[49] == "file9", "the names are others")
    names.close()
    short = array(sizeof(DirEntry) - 1, u8)
    fd = open(FOLDER)
    fails_to_read_short(fd, short)
    close(fd)
    for i in range(50):
        path.clear()
        path.write(f"{FOLDER}/file{i}")
        sys_remove(path.view)
    sys_remove(FOLDER)


def fails_to_read_short(fd: i32, room: Span[u8]) -> None:
    """Less room than an entry takes gives none, by whatever answer, and never half of one."""
    try:
        equal(read(fd, room), 0, "part of an entry")
    except Error as e:
        check(e.errno == Errno.EINVAL, f"too little room for an entry: {e.errno.name}")


def make_folder() -> None:
    sys_mkdir(FOLDER, 0o755)


def test_working_directory() -> None:
    sys_mkdir(FOLDER, 0o755)
    before = text(1024)
    room = array(1024, u8)
    before.append(room[: sys_getcwd(room)])
    sys_chdir(0, FOLDER)
    make("relative", "here")
    holds("/tmp/filetest-d/relative", "here")
    sys_remove("../filetest-d/./relative")
    where: str = room[: sys_getcwd(room)]
    check(where == FOLDER, f"the working directory is {where}")
    fails(Errno.ERANGE, "no room for the path", getcwd_short)
    fails(Errno.ENOENT, "to nowhere", chdir_nowhere)
    sys_chdir(0, before.view)
    make(FILE, "x")
    fails(Errno.ENOTDIR, "to a file", chdir_file)
    sys_remove(FILE)
    sys_remove(FOLDER)


def getcwd_short() -> None:
    little = array(3, u8)
    sys_getcwd(little)


def chdir_nowhere() -> None:
    sys_chdir(0, "/tmp/nowhere")


def chdir_file() -> None:
    sys_chdir(0, FILE)


def test_pipe() -> None:
    reader, writer = pipe()
    write_all(writer, "through")
    data = array(20, u8)
    equal(read(reader, data), 7, "bytes through a pipe")
    write_all(writer, "last words")
    close(writer)
    equal(read(reader, data), 10, "bytes after the writer has gone")
    equal(read(reader, data), 0, "bytes at the end")
    close(reader)
    fails(Errno.EPIPE, "writing without a reader", write_without_reader)


def write_without_reader() -> None:
    reader, writer = pipe()
    close(reader)
    try:
        write_all(writer, "x")
    finally:
        close(writer)


def test_bad_addresses() -> None:
    fails(Errno.EFAULT, "reading into nothing", read_into_nothing)
    fails(Errno.EFAULT, "writing from nothing", write_from_nothing)
    fails(Errno.EFAULT, "reading into the kernel", read_into_kernel)
    fails(Errno.EFAULT, "a path in nothing", open_nothing)


def read_into_nothing() -> None:
    fd = open("/dev/zero")
    try:
        read(fd, Span[u8](0x0020_0000_0000, 100))
    finally:
        close(fd)


def write_from_nothing() -> None:
    fd = open(FILE, NEW)
    try:
        write_all(fd, Span[u8](0x0020_0000_0000, 100))
    finally:
        close(fd)
        sys_remove(FILE)


def read_into_kernel() -> None:
    fd = open("/dev/zero")
    try:
        read(fd, Span[u8](0xFFFF_8000_0010_0000, 100))
    finally:
        close(fd)


def open_nothing() -> None:
    close(open(Span[u8](0x0020_0000_0000, 10)))
