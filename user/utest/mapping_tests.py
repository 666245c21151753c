# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a single-core process is promised about its mappings: where they lie, when their pages come, and what is refused."""

from lang import Error, Span, Uaddr, addr_of, array, extern, free, i32, new, text, u8, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import OpenMode
from kern.abi.mman import MapFlags, Prot
from kern.abi.proc import BRK_END, BRK_START, PROCINFO_ADDR, USER_STACK_SIZE, USER_STACK_TOP, VcoreFlag
from parlib.vcore import proc_data, proc_info
from rt import io
from rt.exit import exit_now
from rt.process import fork, getpid, wait
from syscalls import sys_mmap, sys_mprotect, sys_munmap, sys_openat, sys_populate_va
from utest.harness import Suite, check, equal, run, suites
from utest.paging import (
    ANONYMOUS,
    FILE,
    PAGE,
    USUAL,
    disk_count,
    end_file,
    expect,
    faults_so_far,
    make_file,
    map_block,
    map_file,
    number_after,
    order_disk,
    own_file,
    refused,
    region_line,
    touch,
    unmap,
    word,
    write_block,
)


ALONE: u64 = 0x0020_0000_0000               # where no other mapping is near


@suites
class Mapping(Suite):
    name: str = "mapping"

    def run(self) -> None:
        run("mapping.rules", test_rules)
        run("mapping.page_offset", test_page_offset)
        run("mapping.addresses", test_addresses)
        run("mapping.populate", test_populate)
        run("mapping.locked", test_locked)
        run("mapping.early", test_early)
        run("mapping.regions", test_regions)
        run("mapping.rights", test_rights)
        run("mapping.errors", test_errors)
        run("mapping.fork", test_fork)
        run("mapping.areas", test_areas)
        run("mapping.stack", test_stack)
        run("mapping.heap", test_heap)


@extern("_start")
def program_start() -> None:
    """The first code of the program."""
    ...


# -- mmap ---------------------------------------------------------------------------------------------------------
def test_rules() -> None:
    both = MapFlags.PRIVATE | MapFlags.SHARED
    expect(refused(PAGE, 0, MapFlags.ANONYMOUS, -1), Errno.EINVAL, "neither shared nor private")
    expect(refused(PAGE, 0, both | MapFlags.ANONYMOUS, -1), Errno.EINVAL, "both")
    expect(refused(0, 0, ANONYMOUS, -1), Errno.EINVAL, "nothing")
    expect(refused(PAGE, BRK_END + 8, ANONYMOUS, -1), Errno.EINVAL, "misaligned")
    expect(refused(PAGE, 0, MapFlags.PRIVATE, 77), Errno.EBADF, "no file")
    reader, writer = io.pipe()
    expect(refused(PAGE, 0, MapFlags.PRIVATE, reader), Errno.ENODEV, "a pipe")
    io.close(reader)
    io.close(writer)
    expect(refused(PAGE, PROCINFO_ADDR, ANONYMOUS | MapFlags.FIXED, -1), Errno.EINVAL, "over ProcInfo")
    expect(refused(1, 0, ANONYMOUS, -1), Errno.OK, "less than a page is a page")


def test_page_offset() -> None:
    """The last argument counts pages: no offset can lie within one."""
    fd = make_file(6)
    place = u64(sys_mmap(Uaddr(0), 2 * PAGE, Prot.READ, MapFlags.PRIVATE, fd, 3))
    equal(word(place).value, 4, "the first page mapped")
    equal(word(place + PAGE).value, 5, "the one behind it")
    unmap(place, 2)
    end_file(fd)


def test_addresses() -> None:
    first = u64(sys_mmap(Uaddr(0), PAGE, USUAL, ANONYMOUS, -1, 0))
    second = u64(sys_mmap(Uaddr(0), PAGE, USUAL, ANONYMOUS, -1, 0))
    check(first >= BRK_END and second >= BRK_END, f"{first:#x} and {second:#x} are not above {BRK_END:#x}")
    unmap(first, 1)
    equal(u64(sys_mmap(Uaddr(0), PAGE, USUAL, ANONYMOUS, -1, 0)), first, "the lowest room")
    unmap(first, 1)
    unmap(second, 1)
    expect(refused(PAGE, 0, ANONYMOUS | MapFlags.FIXED, -1), Errno.EINVAL, "the page at 0")
    equal(u64(sys_mmap(Uaddr(first), PAGE, USUAL, ANONYMOUS, -1, 0)), first, "a wish that can be met")
    other = u64(sys_mmap(Uaddr(first), PAGE, USUAL, ANONYMOUS, -1, 0))
    check(other != first and other >= BRK_END, "a wish that cannot")
    unmap(first, 1)
    unmap(other, 1)


def faults_of_touching(place: u64, pages: u64) -> u64:
    faults_so_far()                         # what asking touches is there from now on
    before = faults_so_far()
    for i in range(pages):
        touch(place + i * PAGE)
    return faults_so_far() - before


def test_populate() -> None:
    plain = u64(sys_mmap(Uaddr(0), 8 * PAGE, USUAL, ANONYMOUS, -1, 0))
    equal(faults_of_touching(plain, 8), 8, "faults without POPULATE")
    full = u64(sys_mmap(Uaddr(0), 8 * PAGE, USUAL, ANONYMOUS | MapFlags.POPULATE, -1, 0))
    equal(faults_of_touching(full, 8), 0, "faults with it")
    unmap(plain, 8)
    unmap(full, 8)
    fd = make_file(8)
    mapped = map_file(fd, 8, USUAL, MapFlags.PRIVATE | MapFlags.POPULATE)
    equal(faults_of_touching(mapped, 8), 0, "faults of a file with it")
    unmap(mapped, 8)
    # What cannot be brought in is no error.
    longer = map_file(fd, 20, Prot.READ, MapFlags.PRIVATE | MapFlags.POPULATE)
    equal(faults_of_touching(longer, 8), 0, "faults of what there is")
    unmap(longer, 20)
    end_file(fd)


def test_locked() -> None:
    """Its pages are there and stay, whatever is thrown out of the cache; or the call fails, and has mapped nothing."""
    write_block(20, 5)
    place = map_block(20, Prot.READ, MapFlags.SHARED | MapFlags.LOCKED)
    reads = disk_count("reads:")
    order_disk("drop")
    equal(faults_of_touching(place, 1), 0, "faults of a locked page")
    equal(disk_count("reads:"), reads, "reads")
    line = region_line(place)
    check(line.find(" r--sl ") > 0, f"not shown as locked: {line}")
    unmap(place, 1)
    fd = make_file(2)
    before = number_after(own_file("status"), "mapped_kb:")
    expect(refused(8 * PAGE, 0, MapFlags.PRIVATE | MapFlags.LOCKED, fd), Errno.ESPIPE, "locked beyond the end")
    equal(number_after(own_file("status"), "mapped_kb:"), before, "KiB mapped afterwards")
    end_file(fd)


def test_early() -> None:
    """A process that cannot be entered in vcore context yet gets its files whole and for good; so it is with every program's own text."""
    fd = make_file(4)
    flags = proc_data().vcores[0].flags
    flags.or_(VcoreFlag.SCP_NOVCCTX)
    early = map_file(fd, 4, Prot.READ, MapFlags.PRIVATE)
    flags.and_(~u32(VcoreFlag.SCP_NOVCCTX))
    equal(faults_of_touching(early, 4), 0, "faults of an early mapping")
    check(region_line(early).find("l ") > 0, "an early mapping is not locked")
    late = map_file(fd, 4, Prot.READ, MapFlags.PRIVATE)
    equal(faults_of_touching(late, 4), 4, "faults of a late one")
    unmap(early, 4)
    unmap(late, 4)
    end_file(fd)
    equal(faults_of_touching(addr_of(program_start) & ~(PAGE - 1), 4), 0, "faults of the program's text")


# -- regions ------------------------------------------------------------------------------------------------------
def test_regions() -> None:
    """They split where part of them is changed, and join again when it is as before; a hole stays one."""
    base = u64(sys_mmap(Uaddr(ALONE), 8 * PAGE, USUAL, ANONYMOUS | MapFlags.FIXED, -1, 0))
    sys_munmap(Uaddr(base + 6 * PAGE), 2 * PAGE)
    expect_region(base, base + 6 * PAGE, "rw-p")
    sys_mprotect(Uaddr(base + 2 * PAGE), PAGE, Prot.READ)
    expect_region(base, base + 2 * PAGE, "rw-p")
    expect_region(base + 2 * PAGE, base + 3 * PAGE, "r--p")
    expect_region(base + 3 * PAGE, base + 6 * PAGE, "rw-p")
    sys_mprotect(Uaddr(base + 2 * PAGE), PAGE, USUAL)
    expect_region(base, base + 6 * PAGE, "rw-p")
    sys_mmap(Uaddr(base + 6 * PAGE), PAGE, USUAL, ANONYMOUS | MapFlags.FIXED, -1, 0)
    expect_region(base, base + 7 * PAGE, "rw-p")
    sys_munmap(Uaddr(base + PAGE), PAGE)
    expect_region(base, base + PAGE, "rw-p")
    expect_region(base + 2 * PAGE, base + 7 * PAGE, "rw-p")
    unmap(base, 7)
    check(not region_line(base), "an unmapped region is shown")
    fd = make_file(4)
    mapped = map_file(fd, 4, Prot.READ, MapFlags.PRIVATE)
    sys_munmap(Uaddr(mapped), PAGE)
    check(region_line(mapped + PAGE).find("file 0x1000") > 0, "the offset of what is left of a file's mapping")
    equal(word(mapped + PAGE).value, 2, "what is there")
    unmap(mapped, 4)
    end_file(fd)


def expect_region(base: u64, end: u64, rights: str) -> None:
    line = region_line(base)
    wanted = text(60)
    wanted.write(f"{base:010x}-{end:010x} {rights}")
    check(line.startswith(wanted.view), f"expected {wanted}, got {line}")


def test_rights() -> None:
    """Of a shared mapping, as the file was open when it was made."""
    end_file(make_file(2))
    made = make_file(2)
    reader = sys_openat(-100, FILE, OpenMode.READ, 0)
    expect(refused(PAGE, 0, MapFlags.SHARED, reader), Errno.EACCES, "writable, of a file that is open to read")
    shared = map_file(reader, 2, Prot.READ, MapFlags.SHARED)
    own = map_file(reader, 2, Prot.READ, MapFlags.PRIVATE)
    io.close(reader)
    expect(protected(shared, 2, USUAL), Errno.EACCES, "made writable")
    expect(protected(own, 2, USUAL), Errno.OK, "a private one made writable")
    word(own).value = 9
    equal(word(shared).value, 1, "the file, when a private page was written")
    writable = map_file(made, 2, Prot.READ, MapFlags.SHARED)
    expect(protected(writable + PAGE, 1, USUAL), Errno.OK, "a part made writable")
    word(writable + PAGE).value = 77
    equal(word(shared + PAGE).value, 77, "the same page through another mapping")
    expect(protected(writable, 1, Prot.NONE), Errno.OK, "closed")
    expect(populated(writable), Errno.EPERM, "touched while it is closed")
    expect(protected(writable, 1, Prot.READ), Errno.OK, "opened")
    equal(word(writable).value, 1, "what it holds")
    unmap(shared, 2)
    unmap(own, 2)
    unmap(writable, 2)
    end_file(made)


def protected(place: u64, pages: u64, prot: Prot) -> Errno:
    try:
        sys_mprotect(Uaddr(place), pages * PAGE, prot)
    except Error as e:
        return e.errno
    return Errno.OK


def populated(place: u64) -> Errno:
    try:
        sys_populate_va(Uaddr(place), 1)
    except Error as e:
        return e.errno
    return Errno.OK


def test_errors() -> None:
    """Why a page cannot be had. (What a thread dies of is in the tests of faults.)"""
    base = u64(sys_mmap(Uaddr(0), PAGE, USUAL, ANONYMOUS, -1, 0))
    equal(word(base).value, 0, "a fresh page")
    expect(populated(base), Errno.OK, "memory")
    sys_mprotect(Uaddr(base), PAGE, Prot.NONE)
    expect(populated(base), Errno.EPERM, "without rights")
    unmap(base, 1)
    expect(populated(base), Errno.EFAULT, "unmapped")
    fd = make_file(2)
    mapped = map_file(fd, 4, Prot.READ, MapFlags.PRIVATE)
    expect(populated(mapped + PAGE), Errno.OK, "the last page of a file")
    expect(populated(mapped + 2 * PAGE), Errno.ESPIPE, "beyond it")
    equal(sys_populate_va(Uaddr(mapped), 4), 2, "pages populated of four")
    unmap(mapped, 4)
    end_file(fd)
    write_block(21, 1)
    order_disk("fail 21")
    place = map_block(21, Prot.READ, MapFlags.SHARED)
    expect(populated(place), Errno.EIO, "a block that cannot be read")
    order_disk("fail off")
    expect(populated(place), Errno.OK, "when it can be again")
    unmap(place, 1)


def test_fork() -> None:
    """The copy has private pages of its own, and the file's pages in common; anonymous memory cannot be shared by two, and that is said."""
    fd = make_file(2)
    common = map_file(fd, 2, USUAL, MapFlags.SHARED)
    own = u64(sys_mmap(Uaddr(0), 4 * PAGE, USUAL, ANONYMOUS, -1, 0))
    word(own).value = 10
    pid = fork()
    if pid == 0:
        inherited = word(own).value == 10 and word(own + PAGE).value == 0 and word(common).value == 1
        word(own).value = 20
        word(common + PAGE).value = 30
        exit_now(6 if inherited else 7)
    equal(u64(wait(pid)), 6, "status of the copy")
    equal(word(own).value, 10, "private memory after the copy wrote its own")
    equal(word(common + PAGE).value, 30, "the file's page that the copy wrote")
    unmap(own, 4)
    unmap(common, 2)
    end_file(fd)
    anonymous = u64(sys_mmap(Uaddr(0), PAGE, USUAL, MapFlags.SHARED | MapFlags.ANONYMOUS, -1, 0))
    word(anonymous).value = 5
    expect(fork_error(), Errno.EINVAL, "a fork with anonymous memory that is shared")
    equal(word(anonymous).value, 5, "that memory")
    unmap(anonymous, 1)


def fork_error() -> Errno:
    try:
        if fork() == 0:
            exit_now(0)
    except Error as e:
        return e.errno
    return Errno.OK


# -- what every process has ---------------------------------------------------------------------------------------
def test_areas() -> None:
    """At fixed addresses: what the kernel tells, which can only be read, and what it is told."""
    equal(addr_of(proc_info()), PROCINFO_ADDR, "address of ProcInfo")
    check(proc_info().pid == getpid(), "another pid in ProcInfo")
    check(proc_info().pid > 0 and proc_info().max_vcores > 0 and proc_info().tsc_freq > 0, "an empty ProcInfo")
    zero = io.open("/dev/zero")
    expect(read_into(zero, PROCINFO_ADDR), Errno.EFAULT, "writing ProcInfo")
    expect(read_into(zero, addr_of(proc_data().res_req[2])), Errno.OK, "writing ProcData")
    io.close(zero)


def read_into(fd: i32, address: u64) -> Errno:
    try:
        io.read(fd, Span[u8](address, 8))
    except Error as e:
        return e.errno
    return Errno.OK


def test_stack() -> None:
    """256 pages that end at the top of the stack, and come by demand."""
    equal(USER_STACK_SIZE // PAGE, 256, "pages")
    line = region_line(USER_STACK_TOP - USER_STACK_SIZE)
    wanted = text(40)
    wanted.write(f"-{USER_STACK_TOP:010x} rw-p")
    check(line.find(wanted.view) > 0, f"the stack is not where it should be: {line}")
    equal(faults_of_touching(USER_STACK_TOP - USER_STACK_SIZE, 1), 1, "faults at its far end")


def test_heap() -> None:
    """`new` grows one mapping from BRK_START on, as brk did, with no call of that name."""
    first = new(array(40_000, u8))
    before = heap_end()
    blocks = array(64, u64)
    for i in range(u64(64)):
        blocks[i] = u64(new(array(60_000, u8)).ptr)
        check(BRK_START <= blocks[i] < BRK_END, f"a block at {blocks[i]:#x}")
    after = heap_end()
    check(after >= before + 64 * 60_000 - (1 << 20), f"the heap grew from {before:#x} to {after:#x} only")
    for block in blocks:
        free(Span[u8](block, 60_000))
    free(first)


def heap_end() -> u64:
    line = region_line(BRK_START)
    check(len(line) > 0, "no mapping begins where the heap does")
    _, rest = line.split1("-")
    end: u64 = 0
    for byte in rest:
        if byte == ord(" "):
            break
        end = end * 16 + u64(byte - ord("0") if byte <= ord("9") else byte - ord("a") + 10)
    return end
