# SPDX-License-Identifier: LGPL-2.1-or-later
"""Suites `devarch` and `devvars`, after Akaros': special registers and old memory, and the kernel's variables."""

from lang import Errno, Span, array, as_bytes, i64, text, u8, u64
from arch import user_abi
from kern.abi.file import OpenMode
from lib.files import Names, exists, list_names
from parlib.vcore import proc_info
from rt import io
from syscalls import sys_remove
from utest.harness import Suite, check, equal, fails, run, suites

ROOM: u64 = 256

values = array(ROOM, u64)
later = array(ROOM, u64)


# -- devarch ------------------------------------------------------------------------------------------------------
@suites
class DevArch(Suite):
    name: str = "devarch"

    def run(self) -> None:
        run("devarch.msr", test_msr)
        run("devarch.mem", test_mem)


def read_register(number: i64, into: Span[u64]) -> u64:
    """How many cores answered."""
    fd = io.open("#arch/msr")
    try:
        io.seek(fd, number)
        return io.read(fd, as_bytes(into)) // 8
    finally:
        io.close(fd)


def test_msr() -> None:
    """The counter of time of every core, which goes on; what cannot be read, or set, is refused."""
    cores = u64(proc_info().core_count)
    equal(read_register(user_abi.TIME_REGISTER, values[:]), cores, "cores")
    equal(read_register(user_abi.TIME_REGISTER, later[:]), cores, "cores")
    for core in range(cores):
        check(0 < values[core] < later[core], f"core {core} counted from {values[core]} to {later[core]}")
    equal(read_register(user_abi.TIME_REGISTER, values[:1]), 1, "cores that there is room for")
    if user_abi.MISSING_REGISTER != 0:
        fails(Errno.ENXIO, "a register that is not there", read_missing)
    fails(Errno.EINVAL, "half of a value", read_half)
    fails(Errno.EPERM, "setting the kernel's", write_register)
    if user_abi.COUNTER_REGISTER != 0:
        fd = io.open("#arch/msr", OpenMode.READ | OpenMode.WRITE)
        io.seek(fd, user_abi.COUNTER_REGISTER)
        values[0] = 0
        io.write_all(fd, as_bytes(values)[:8])
        io.close(fd)
        equal(read_register(user_abi.COUNTER_REGISTER, values[:]), cores, "cores with a counter of events")


def read_missing() -> None:
    read_register(user_abi.MISSING_REGISTER, values[:])


def read_half() -> None:
    fd = io.open("#arch/msr")
    try:
        half = array(4, u8)
        io.read(fd, half)
    finally:
        io.close(fd)


def write_register() -> None:
    fd = io.open("#arch/msr", OpenMode.WRITE)
    try:
        io.seek(fd, user_abi.KERNEL_REGISTER)
        io.write_all(fd, as_bytes(values)[:8])
    finally:
        io.close(fd)


def test_mem() -> None:
    """Memory of real mode where the processor has that; else that is said."""
    room = array(256, u8)
    if not user_abi.HAS_REAL_MODE:
        fails(Errno.ENXIO, "memory of real mode", open_memory)
        return
    fd = io.open("#arch/realmem")
    equal(io.read(fd, room), 256, "bytes")
    io.seek(fd, 1 << 20)
    equal(io.read(fd, room), 0, "bytes behind the first MiB")
    io.close(fd)
    fails(Errno.EACCES, "writing it", write_memory)


def open_memory() -> None:
    io.close(io.open("#arch/realmem"))


def write_memory() -> None:
    io.close(io.open("#arch/realmem", OpenMode.WRITE))


# -- devvars ------------------------------------------------------------------------------------------------------
@suites
class DevVars(Suite):
    name: str = "devvars"

    def run(self) -> None:
        run("devvars.fmt", test_fmt)
        run("devvars.newfile", test_newfile)
        run("devvars.test", test_test)


def shows(name: str, wanted: str, mode: OpenMode = OpenMode.READ) -> bool:
    """Whether the file of that variable holds that text."""
    path = text(80)
    path.write(f"#vars/{name}")
    room = array(80, u8)
    fd = io.open(path.view, mode)
    count = io.read_full(fd, room)
    io.close(fd)
    return room[:count] == wanted


def test_fmt() -> None:
    """One variable of each kind, shown as its name says."""
    check(shows("s!s", "string") and shows("c!c", "x"), "texts and characters")
    check(shows("u8!ub", "8") and shows("u16!uh", "16") and shows("u32!uw", "32") and shows("u64!ug", "64"), "unsigned numbers")
    check(shows("d8!db", "-8") and shows("d16!dh", "-16") and shows("d32!dw", "-32") and shows("d64!dg", "-64"), "signed numbers")
    check(shows("x8!xb", "0x8") and shows("x16!xh", "0x16") and shows("x32!xw", "0x32") and shows("x64!xg", "0x64"), "hexadecimal ones")
    check(shows("o8!ob", "01") and shows("o16!oh", "016") and shows("o32!ow", "032") and shows("o64!og", "064"), "octal ones")


def test_newfile() -> None:
    """A file that is made shows a variable; removed, it is gone."""
    check(shows("devvars_foobar!s", "foobar", OpenMode.READ | OpenMode.CREATE), "what the new file shows")
    check(exists("#vars/devvars_foobar!s"), "the new file is not there")
    names = Names()
    list_names("#vars", names)
    check("devvars_foobar!s" in names.all(), "the new file is not listed")
    names.close()
    sys_remove("#vars/devvars_foobar!s")
    check(not exists("#vars/devvars_foobar!s"), "the removed file is there")
    check(shows("u64!xg", "0x40", OpenMode.READ | OpenMode.CREATE), "another view of a variable")
    sys_remove("#vars/u64!xg")


def test_test() -> None:
    """`shows` can fail, and nonsense is refused."""
    check(not shows("x32!xw", "0xdeadbeef"), "a wrong value was thought right")
    fails(Errno.ENOENT, "a file that is not there", open_missing)
    fails(Errno.ENOENT, "a variable that is not there", make_missing)
    fails(Errno.EINVAL, "a format that there is not", make_odd)
    fails(Errno.EINVAL, "no format", make_plain)
    fails(Errno.EINVAL, "wider than the variable", make_wide)
    fails(Errno.EINVAL, "a number as a text", make_text)
    fails(Errno.EACCES, "writing one", write_variable)


def open_missing() -> None:
    shows("NO_SUCH_FILE!xw", "0x32")


def make(name: str) -> None:
    shows(name, "", OpenMode.READ | OpenMode.CREATE)


def make_missing() -> None:
    make("no_such_variable!xw")


def make_odd() -> None:
    make("u64!qg")


def make_plain() -> None:
    make("u64")


def make_wide() -> None:
    make("u8!ug")


def make_text() -> None:
    make("u64!s")


def write_variable() -> None:
    io.close(io.open("#vars/u64!ug", OpenMode.WRITE))
