# SPDX-License-Identifier: LGPL-2.1-or-later
"""Of filetest: what symbolic links promise."""

from lang import Errno, array, memset, text, u64, u8
from kern.abi.file import NAME_MAX, PATH_MAX, FileKind, OpenMode, Stat
from lib.files import close_directory, exists, is_directory, is_link, open_directory
from lib.posix import chmod, lstat, path_of, readlink, stat, symlink
from rt.io import close, open
from rt.process import run_and_wait
from syscalls import sys_chdir, sys_getcwd, sys_mkdir, sys_openat, sys_remove, sys_rename
from utest.filetest_files import NEW, holds, make
from utest.harness import check, equal, fails, run

PLACE = "/tmp/links"

buffer = array(PATH_MAX + 1, u8)
tried = text(2048)                          # what the actions below are about


def run_links() -> None:
    run("links.made_and_read", test_made_and_read)
    run("links.refused", test_refused)
    run("links.stat", test_stat)
    run("links.on_the_way", test_on_the_way)
    run("links.true_paths", test_true_paths)
    run("links.loops", test_loops)
    run("links.opened", test_opened)
    run("links.moved_and_removed", test_moved_and_removed)
    run("links.programs", test_programs)


def begin() -> None:
    """PLACE/real/inner, PLACE/real/file, PLACE/dir -> real, PLACE/name -> real/file."""
    sys_mkdir(PLACE, 0o755)
    sys_mkdir("/tmp/links/real", 0o755)
    sys_mkdir("/tmp/links/real/inner", 0o755)
    make("/tmp/links/real/file", "content")
    symlink("real", "/tmp/links/dir")
    symlink("real/file", "/tmp/links/name")


def end() -> None:
    sys_remove("/tmp/links/name")
    sys_remove("/tmp/links/dir")
    sys_remove("/tmp/links/real/file")
    sys_remove("/tmp/links/real/inner")
    sys_remove("/tmp/links/real")
    sys_remove(PLACE)


def with_path(path: str) -> None:
    tried.clear()
    tried.append(path)


def is_at(path: str, wanted: str) -> None:
    """Whether an open file, and the directory that one goes to, is where it really is."""
    fd = open(path)
    found = path_of(fd, buffer)
    close(fd)
    check(found == wanted, f"{path} is at {found}, not {wanted}")


def make_link() -> None:
    symlink("anywhere", tried.view)


def make_long_link() -> None:
    symlink(tried.view, "/tmp/links/long")


def read_link() -> None:
    readlink(tried.view, buffer)


def look() -> None:
    stat(tried.view, Stat())


def look_at_it() -> None:
    lstat(tried.view, Stat())


def go() -> None:
    sys_chdir(0, tried.view)


def open_it() -> None:
    close(open(tried.view))


def open_unfollowed() -> None:
    close(open(tried.view, OpenMode.READ | OpenMode.NOFOLLOW))


def open_unfollowed_or_new() -> None:
    close(open(tried.view, NEW | OpenMode.NOFOLLOW))


def open_new() -> None:
    close(open(tried.view, NEW | OpenMode.EXCL))


def make_folder() -> None:
    sys_mkdir(tried.view, 0o755)


def test_made_and_read() -> None:
    """With a NUL behind it, which must have room too."""
    begin()
    memset(buffer[:20], ord("."))
    equal(len(readlink("/tmp/links/name", buffer[:10])), 9, "length of what the link stands for")
    check(buffer[:11] == "real/file\0.", "no NUL behind it, or more was written")
    with_path("/tmp/links/name")
    fails(Errno.ERANGE, "without room for the NUL", read_into_nine)
    symlink("/none/at all", "/tmp/links/none")
    check(readlink("/tmp/links/none", buffer) == "/none/at all", "what is not there can be stood for")
    check(readlink("/tmp/links/dir/../none", buffer) == "/none/at all", "a link behind a link")
    sys_remove("/tmp/links/none")
    end()


def read_into_nine() -> None:
    readlink(tried.view, buffer[:9])


def test_refused() -> None:
    begin()
    for path in ("/tmp/links/name", "/tmp/links/dir", "/tmp/links/real"):
        with_path(path)
        fails(Errno.EEXIST, "a link where something is", make_link)
    with_path("/tmp/links/real/file/x")
    fails(Errno.ENOTDIR, "a link in a file", make_link)
    with_path("/tmp/links/none/x")
    fails(Errno.ENOENT, "a link in nothing", make_link)
    with_path("/dev/link")
    fails(Errno.EPERM, "a link where there are none", make_link)
    with_path("")
    fails(Errno.ENOENT, "a link that stands for nothing", make_long_link)
    for _ in range(1025):
        tried.append("x")
    fails(Errno.ENAMETOOLONG, "a link that stands for more than a path", make_long_link)
    for path in ("/tmp/links/real", "/tmp/links/real/file", "/dev/null", "/"):
        with_path(path)
        fails(Errno.EINVAL, "reading what is no link", read_link)
    with_path("/tmp/links/none")
    fails(Errno.ENOENT, "reading no link", read_link)
    for _ in range(NAME_MAX):
        tried.append("n")
    fails(Errno.ENAMETOOLONG, "a link with a long name", make_link)
    end()


def test_stat() -> None:
    begin()
    found = Stat()
    stat("/tmp/links/name", found)
    check(found.kind == FileKind.FILE and found.size == 7, "stat is of the file")
    lstat("/tmp/links/name", found)
    check(found.kind == FileKind.LINK and found.size == 9 and found.mode == 0o777, "lstat is of the link")
    lstat("/tmp/links/real/file", found)
    check(found.kind == FileKind.FILE and found.size == 7, "lstat of a file is of the file")
    lstat("/tmp/links/dir/", found)
    check(found.kind == FileKind.DIR, "a link with a slash behind it is a directory")
    chmod("/tmp/links/name", 0o604)
    stat("/tmp/links/real/file", found)
    equal(u64(found.mode), 0o604, "mode of the file behind the link")
    lstat("/tmp/links/name", found)
    equal(u64(found.mode), 0o777, "mode of the link")
    folder = open_directory(PLACE)
    links: u64 = 0
    while folder.next():
        if folder.entry.kind == FileKind.LINK:
            links += 1
    close_directory(folder)
    equal(links, 2, "links in the directory")
    with_path("/tmp/links/name/")
    fails(Errno.ENOTDIR, "a link to a file with a slash behind it", look_at_it)
    end()


def test_on_the_way() -> None:
    begin()
    holds("/tmp/links/dir/file", "content")
    holds("/tmp/links/dir/inner/../file", "content")
    symlink("../../dir", "/tmp/links/real/inner/up")
    holds("/tmp/links/dir/inner/up/inner/up/file", "content")
    symlink("/tmp/links/real/inner", "/tmp/links/deep")
    holds("/tmp/links/deep/../file", "content")  # beside what the link stands for, not beside the link
    symlink("/dev/null", "/tmp/links/device")
    holds("/tmp/links/device", "")
    symlink("#proc/1", "/tmp/links/first")
    check(exists("/tmp/links/first/status"), "a link to a device by its name")
    symlink("../..", "/tmp/links/root")
    check(is_directory("/tmp/links/root/bin"), "a link out of the device")
    with_path("/tmp/links/name/x")
    fails(Errno.ENOTDIR, "a link to a file on the way", look)
    with_path("/tmp/links/none/..")
    fails(Errno.ENOENT, "the parent of nothing, where there are links", look)
    check(is_directory("/proc/none/..") and is_directory("/bin/true/.."), "where there are none, `..` is cleaned as text")
    sys_remove("/tmp/links/root")
    sys_remove("/tmp/links/first")
    sys_remove("/tmp/links/device")
    sys_remove("/tmp/links/deep")
    sys_remove("/tmp/links/real/inner/up")
    end()


def test_true_paths() -> None:
    """The working directory, and the paths of descriptors, have no links in them."""
    begin()
    sys_chdir(0, "/tmp/links/dir/inner")
    check(buffer[: sys_getcwd(buffer)] == "/tmp/links/real/inner", "the working directory's path")
    holds("../../name", "content")
    sys_chdir(0, "../../dir/..")
    check(buffer[: sys_getcwd(buffer)] == PLACE, "the directory that a link stands for is in its own parent")
    is_at("name", "/tmp/links/real/file")
    is_at("dir/inner/..", "/tmp/links/real")
    folder = open("dir", OpenMode.READ | OpenMode.DIRECTORY)
    inside = sys_openat(folder, "../name", OpenMode.READ, 0)
    check(path_of(inside, buffer) == "/tmp/links/real/file", "a file from a directory that was opened by a link")
    close(inside)
    close(folder)
    sys_chdir(0, "/")
    end()


def test_loops() -> None:
    begin()
    symlink("two", "/tmp/links/one")
    symlink("one", "/tmp/links/two")
    with_path("/tmp/links/one")
    fails(Errno.ELOOP, "stat of a circle", look)
    fails(Errno.ELOOP, "open of a circle", open_it)
    fails(Errno.ELOOP, "going in a circle", go)
    check(is_link("/tmp/links/one"), "a circle can be looked at")
    with_path("/tmp/links/two/x")
    fails(Errno.ELOOP, "a circle on the way", look_at_it)
    sys_remove("/tmp/links/one")
    sys_remove("/tmp/links/two")
    end()


def test_opened() -> None:
    """For what is not there yet, too; but who insists on a new file gets none, nor who follows no links."""
    begin()
    symlink("real/new", "/tmp/links/later")
    with_path("/tmp/links/later")
    fails(Errno.ENOENT, "opening what is not there yet", open_it)
    fails(Errno.EEXIST, "a new file where a link is", open_new)
    fails(Errno.EEXIST, "a new directory where a link is", make_folder)
    fails(Errno.ELOOP, "not following, perhaps making", open_unfollowed_or_new)
    check(not exists("/tmp/links/real/new"), "nothing was made so far")
    make("/tmp/links/later", "made")
    holds("/tmp/links/real/new", "made")
    fails(Errno.ELOOP, "not following", open_unfollowed)
    check(is_link("/tmp/links/later"), "the link is still one")
    with_path("/tmp/links/real/new")
    open_unfollowed()
    with_path("/tmp/links/dir/new")
    open_unfollowed()                       # links on the way are followed all the same
    sys_remove("/tmp/links/later")
    sys_remove("/tmp/links/real/new")
    end()


def test_moved_and_removed() -> None:
    """Both are of the link, not of what it stands for."""
    begin()
    sys_rename("/tmp/links/dir", "/tmp/links/real/moved")
    check(readlink("/tmp/links/real/moved", buffer) == "real", "a moved link stands for the same path")
    check(not exists("/tmp/links/real/moved/file"), "which from there leads nowhere")
    sys_rename("/tmp/links/real/moved", "/tmp/links/dir")
    make("/tmp/links/other", "other")
    sys_rename("/tmp/links/other", "/tmp/links/name")
    holds("/tmp/links/name", "other")
    holds("/tmp/links/real/file", "content")
    symlink("real/file", "/tmp/links/fresh")
    sys_rename("/tmp/links/fresh", "/tmp/links/name")
    holds("/tmp/links/name", "content")
    sys_remove("/tmp/links/dir")
    check(exists("/tmp/links/real/file"), "what a removed link stood for")
    symlink("real", "/tmp/links/dir")
    end()


def test_programs() -> None:
    symlink("/bin/true", "/tmp/links-true")
    argv = array(1, str)
    argv[0] = "anything"
    equal(u64(run_and_wait("/tmp/links-true", argv)), 0, "status of a program behind a link")
    sys_remove("/tmp/links-true")
    symlink("/bin", "/tmp/links-bin")
    equal(u64(run_and_wait("/tmp/links-bin/false", argv)), 1, "status of a program below a link")
    sys_remove("/tmp/links-bin")
