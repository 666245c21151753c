# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of programs that are linked dynamically: `hellodyn` and its library as they are, and changed so that they must be refused: by the
kernel when the program is made (ENOEXEC), by the dynamic linker when it begins (a message, and status 127). Run as an SCP.
"""

from lang import Errno, Error, Span, addr_of, array, at, copy_bytes, i32, sizeof, text, u8, u32, u64
from kern.abi.elf import SEGMENT_INTERP, SEGMENT_LOAD, ElfHeader, ElfSegment
from kern.abi.file import FdPair, OpenMode, SpawnFlag
from kern.abi.proc import PROGRAM_BASE, AuxType
from lib.files import read_all, read_file
from lib.posix import symlink
from lib.strings import discard
from rt import io
from rt.args import aux_value
from rt.process import create, kill, run as start, wait
from syscalls import sys_remove
from utest.harness import Suite, check, equal, run, suites

DYNAMIC = "/bin/hellodyn"
LIBRARY = "/lib/libgreet.so"
CHANGED = "/tmp/changed"
OTHER_LIBRARY = "/tmp/libgreet.so"
FROM_TMP = "LD_LIBRARY_PATH=/nowhere:/tmp"
CANNOT_LINK: u64 = 127

said = text(600)                            # by the last program that ran, or the kernel's refusal
arguments = array(2, str)
variables = array(1, str)
fds = array(2, FdPair)


def made(path: str, argument: str, variable: str, output: i32) -> i32:
    """A CREATED child with no descriptors but the two for output."""
    arguments[0] = path
    arguments[1] = argument
    variables[0] = variable
    for i in range(u64(2)):
        fds[i].first = output
        fds[i].second = i32(i) + 1
    return create(path, arguments[: 2 if argument else 1], variables[: 1 if variable else 0], fds[:], SpawnFlag(0))


def status_of(path: str, argument: str = "", variable: str = "") -> u64:
    """Run a program; its status, with what it said in `said`."""
    ends = io.pipe()
    pid = made(path, argument, variable, ends[1])
    start(pid)
    io.close(ends[1])
    output = read_all(ends[0])
    io.close(ends[0])
    said.clear()
    said.append(output)
    discard(output)
    return u64(wait(pid))


def expect_refused(what: str) -> None:
    """The kernel makes no process of the changed program, and says why."""
    said.clear()
    try:
        kill(made(CHANGED, "", "", io.STDOUT))
        check(False, f"a program is taken, where {what} should be said")
    except Error as e:
        said.write(e.message)
        check(e.errno == Errno.ENOEXEC and said.view.find(what) >= 0, f"{e.errno.name}: {said}, expected: {what}")


def expect_unlinked(what: str, variable: str = "") -> None:
    """The dynamic linker ends the changed program, or the given library's, with a message."""
    equal(status_of(DYNAMIC if variable else CHANGED, "", variable), CANNOT_LINK, "the status of what cannot be linked")
    check(said.view.find(what) >= 0, f"{said}, expected: {what}")


def write_file(path: str, content: Span[u8]) -> None:
    fd = io.open(path, OpenMode.WRITE | OpenMode.CREATE | OpenMode.TRUNC, 0o755)
    io.write_all(fd, content)
    io.close(fd)


def replace(content: Span[u8], old: str, new: str) -> None:
    """The first `old` by `new`, which is as long."""
    place = content.find(old)
    check(place >= 0 and len(old) == len(new), f"{old} is not in the file")
    if place >= 0:
        copy_bytes(content[u64(place) : u64(place) + len(new)], new)


def write_replaced(path: str, source: str, old: str, new: str) -> None:
    """A copy of the file `source`, changed in one place."""
    content = read_file(source)
    replace(content, old, new)
    write_file(path, content)
    discard(content)


def header_of(content: Span[u8]) -> ElfHeader:
    return at(ElfHeader, addr_of(content[0]))


def segment_of(content: Span[u8], kind: u32, last: bool) -> ElfSegment:
    """The first program header of a kind, or the last."""
    header = header_of(content)
    found = at(ElfSegment, addr_of(content[0]) + header.phoff)
    missing = True
    for i in range(u64(header.phnum)):
        segment = at(ElfSegment, addr_of(content[0]) + header.phoff + i * sizeof(ElfSegment))
        if segment.type == kind and (last or missing):
            found = segment
            missing = False
    check(not missing, f"there is no segment of kind {kind}")
    return found


def test_hello() -> None:
    """Both kinds run. The library calls what the program defines; zeroed memory is zeros."""
    equal(status_of("/bin/hello"), 0, "the static one's status")
    check(said.view.startswith("Hello from Pykaros!"), f"{said}")
    equal(status_of(DYNAMIC), 0, "the dynamic one's status")
    check(said.view == "Hello, world!\n", f"{said}")
    equal(status_of(DYNAMIC, "ann"), 0, "the dynamic one's status")
    check(said.view == "Hello, ann!\n1 greetings from a library\n", f"{said}")


def test_auxv() -> None:
    """What the kernel says to a static program, which this one is, and to a dynamic one."""
    header = at(ElfHeader, PROGRAM_BASE)
    equal(aux_value(AuxType.PHDR), PROGRAM_BASE + header.phoff, "where the program headers are")
    equal(aux_value(AuxType.PHNUM), u64(header.phnum), "how many")
    equal(aux_value(AuxType.PHENT), sizeof(ElfSegment), "how large")
    equal(aux_value(AuxType.PAGE_SIZE), 4096, "the size of a page")
    equal(aux_value(AuxType.ENTRY), header.entry, "where it begins")
    equal(aux_value(AuxType.BASE), 0, "the interpreter, which it does not have")
    content = read_file(DYNAMIC)
    wanted = text(200)
    wanted.write(f"program headers 0x400040: {header_of(content).phnum} of 56 bytes\n")
    wanted.write(f"pages of 4096 bytes, entry {header_of(content).entry:#x}, linker 0x400000000\n")
    discard(content)
    equal(status_of(DYNAMIC, "-v"), 0, "the dynamic one's status")
    check(said.view.startswith(wanted.view), f"{said}, expected {wanted}")


def test_missing() -> None:
    """A library, and a symbol, that is nowhere."""
    write_replaced(CHANGED, DYNAMIC, "libgreet.so", "libgreat.so")
    expect_unlinked("/tmp/changed needs libgreat.so, which is nowhere to be found\n")
    write_replaced(CHANGED, DYNAMIC, "shared.greet.is_blank", "shared.greet.is_blonk")
    expect_unlinked("/tmp/changed: nobody defines shared.greet.is_blonk\n")


def test_other_library() -> None:
    """LD_LIBRARY_PATH goes before /lib; a bad library there is told, not passed over."""
    write_replaced(OTHER_LIBRARY, LIBRARY, "shared.greet.is_blank", "shared.greet.is_blink")
    equal(status_of(DYNAMIC, "ann"), 0, "with its own library")
    expect_unlinked("nobody defines shared.greet.is_blank\n", FROM_TMP)
    content = read_file(LIBRARY)
    write_file(OTHER_LIBRARY, content)
    equal(status_of(DYNAMIC, "ann", FROM_TMP), 0, "with a copy of its library")
    write_file(OTHER_LIBRARY, content[:40])
    expect_unlinked("/tmp/libgreet.so: the file ends too early\n", FROM_TMP)
    write_file(OTHER_LIBRARY, "this is text, and no library at all, whatever its name may say: it is not ELF")
    expect_unlinked("/tmp/libgreet.so: not an ELF file\n", FROM_TMP)
    segment_of(content, SEGMENT_LOAD, True).filesz = 1 << 40
    write_file(OTHER_LIBRARY, content)
    expect_unlinked("that is not all in the file\n", FROM_TMP)
    discard(content)
    sys_remove(OTHER_LIBRARY)
    symlink(LIBRARY, OTHER_LIBRARY)
    equal(status_of(DYNAMIC, "ann", FROM_TMP), 0, "with a link to its library")
    sys_remove(OTHER_LIBRARY)
    write_replaced(OTHER_LIBRARY, "/bin/hello", "\x7fELF", "\x7fELF")
    expect_unlinked("/tmp/libgreet.so: a program, not a shared library\n", FROM_TMP)
    sys_remove(OTHER_LIBRARY)


def test_interpreter() -> None:
    """One that is missing, a directory, no absolute path, or wants one itself."""
    write_replaced(CHANGED, DYNAMIC, "/lib/ld.so", "/lib/xx.so")
    expect_refused("its interpreter /lib/xx.so: there is no xx.so")
    write_replaced(CHANGED, DYNAMIC, "/lib/ld.so", "/lib/\0\0\0\0\0")
    expect_refused("its interpreter /lib/ is not a file")
    write_replaced(CHANGED, DYNAMIC, "/lib/ld.so", "../lib/ldx")
    expect_refused("its interpreter ../lib/ldx is no absolute path")
    write_replaced("/tmp/other", DYNAMIC, "/lib/ld.so", "/lib/ld.so")
    write_replaced(CHANGED, DYNAMIC, "/lib/ld.so", "/tmp/other")
    expect_refused("its interpreter /tmp/other: an interpreter that wants an interpreter itself")
    write_file("/tmp/other", "#!/bin/sh: this is no interpreter of that kind, but it is long enough for a header")
    expect_refused("its interpreter /tmp/other: not an ELF file")
    sys_remove("/tmp/other")
    symlink("../lib/ld.so", "/tmp/ldlnk")
    write_replaced(CHANGED, DYNAMIC, "/lib/ld.so", "/tmp/ldlnk")
    equal(status_of(CHANGED), 0, "with an interpreter behind a link")
    sys_remove("/tmp/ldlnk")
    content = read_file(DYNAMIC)
    path = segment_of(content, SEGMENT_INTERP, False)
    path.filesz -= 1                        # without its NUL
    write_file(CHANGED, content)
    expect_refused("the path of the interpreter has no end")
    path.filesz = 0
    write_file(CHANGED, content)
    expect_refused("the path of an interpreter in 0 bytes")
    path.filesz = 4096
    write_file(CHANGED, content)
    expect_refused("the path of an interpreter in 4096 bytes")
    discard(content)


def test_headers() -> None:
    """Segments that overlap, program headers that are none, an entry point in the data: no program."""
    content = read_file(DYNAMIC)
    last = segment_of(content, SEGMENT_LOAD, True)
    header = header_of(content)
    usual = last.vaddr
    last.vaddr = PROGRAM_BASE + (usual & 4095)
    write_file(CHANGED, content)
    expect_refused("that is out of order")
    last.vaddr = usual
    header.phentsize = 55
    write_file(CHANGED, content)
    expect_refused("program headers of 55 bytes")
    header.phentsize = 56
    header.phoff = (1 << 64) - 56
    write_file(CHANGED, content)
    expect_refused("the program headers are beyond any file")
    header.phoff = len(content) - 8
    write_file(CHANGED, content)
    expect_refused("the program file ends too early")
    header.phoff = 64
    header.type = 1
    write_file(CHANGED, content)
    expect_refused("an ELF file of type 1, which is no program")
    header.type = 3
    header.entry = last.vaddr
    write_file(CHANGED, content)
    expect_refused("entry point is in no executable segment")
    discard(content)
    sys_remove(CHANGED)


@suites
class DynamicSuite(Suite):
    name: str = "dynamic"

    def run(self) -> None:
        run("dynamic.hello", test_hello)
        run("dynamic.auxv", test_auxv)
        run("dynamic.missing", test_missing)
        run("dynamic.other_library", test_other_library)
        run("dynamic.interpreter", test_interpreter)
        run("dynamic.headers", test_headers)
