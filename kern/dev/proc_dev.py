# SPDX-License-Identifier: GPL-2.0-or-later
"""/proc: what the kernel knows, as text (kern/ns/text_file.py).

/proc/uptime    seconds since boot, seconds that cores were idle, summed
/proc/meminfo   MemTotal and MemFree in kB
/proc/cores     a line for each core: id, state (idle if it is halted, by the kernel or by its process), pid and vcore that run there
                (or -), whom it is allocated and provisioned to (or -), milliseconds idle, name of the process
/proc/cmdline   what the kernel was booted with
/proc/log       the kernel's log
/proc/N/        a folder for each process: what it has registers itself in `proc_files` (proc_files.py, proc_ctl.py)
No locks of its own; what is shown may have changed since.
"""

from lang import Array, Error, Ref, Registry, array, free, i32, new, text, u8, u32, u64
from arch import smp
from kern.abi.errno import Errno
from kern.abi.file import DirEntry, FileKind, OpenMode, Stat
from kern.abi.proc import MAX_CORES
from kern.boot.cmdline import command_line
from kern.core.alloc import CoreView, view_core
from kern.core.percore import core
from kern.debug.log import read_log
from kern.mm.pages import free_bytes, total_bytes
from kern.ns.dev import Dev, devices
from kern.ns.folder import FolderFile, entry_of, walk_to
from kern.ns.node import Node, set_entry
from kern.ns.text_file import Page, TextFile
from kern.ns.transfer import Transfer
from kern.proc.proc import Proc, find_proc, get_proc, next_proc, proc_put
from kern.time.clock import NS_PER_MS, NS_PER_SEC, now_ns

DEV_ID: u64 = 4
LOG_SIZE: u64 = 65536
CORES_SIZE: u64 = u64(MAX_CORES) * 64


def show_uptime(out: Page) -> None:
    idle: u64 = 0
    now = now_ns()
    for id in range(smp.core_count()):
        idle += idle_ns(id, now)
    out.print(f"{now // NS_PER_SEC}.{now // 10_000_000 % 100:02} {idle // NS_PER_SEC}.{idle // 10_000_000 % 100:02}\n")


def idle_ns(id: u32, now: u64) -> u64:
    info = core[id]
    since = info.idle_since_ns
    return info.idle_ns + (now - since if since != 0 and since < now else 0)


def show_meminfo(out: Page) -> None:
    out.print(f"MemTotal: {total_bytes() // 1024} kB\nMemFree: {free_bytes() // 1024} kB\n")


def show_cores(out: Page) -> None:
    now = now_ns()
    for id in range(smp.core_count()):
        show_core(out, id, now)


def show_core(out: Page, id: u32, now: u64) -> None:
    view = CoreView()
    view_core(id, view)
    out.print(f"{id} ")
    owner = owner_of(id)
    if owner is None:
        out.print(f"{'idle' if core[id].idle_since_ns != 0 else 'kernel'} - - ")
    else:
        out.print(f"{'user' if core[id].idle_since_ns == 0 else 'idle'} {owner.pid} {core[id].owning_vcoreid} ")
    put_pid(out, view.alloc_pid)
    put_pid(out, view.prov_pid)
    out.print(f"{idle_ns(id, now) // NS_PER_MS} ")
    if owner is None:
        out.put("-\n")
    else:
        out.print(f"{owner.name}\n")
        proc_put(owner)


def put_pid(out: Page, pid: u32) -> None:
    if pid == 0:
        out.put("- ")
    else:
        out.print(f"{pid} ")


def owner_of(id: u32) -> Proc | None:
    """Who owns another core, with a reference. The processes are searched: the core's own pointer may go stale under us."""
    p = next_proc(0)
    while p is not None:
        entry = p.info.pcoremap[id]
        if entry.valid != 0 and entry.vcoreid < p.max_vcores and p.info.vcoremap[entry.vcoreid].valid != 0:
            return p
        pid = p.pid
        proc_put(p)
        p = next_proc(pid)
    return None


def show_cmdline(out: Page) -> None:
    out.put(command_line)
    out.put("\n")


def show_log(out: Page) -> None:
    out.used = read_log(out.bytes, 0)


files: Array[FolderFile] = (
    FolderFile("uptime", show=show_uptime),
    FolderFile("meminfo", show=show_meminfo),
    FolderFile("cores", show=show_cores, room=CORES_SIZE),
    FolderFile("cmdline", show=show_cmdline),
    FolderFile("log", show=show_log, room=LOG_SIZE),
)


class ProcFile:
    """A file in the folder of every process. A class of them registers itself with `@proc_files`, wherever it stands."""

    name: str = ""
    permissions: u32 = 0o444
    room: u64 = 4096                        # at least as much as `show` may write

    def show(self, p: Proc, out: Page) -> None:
        """What a read gives."""

    def obey(self, p: Proc, command: str) -> None:
        """What a write asks for."""
        raise Error(Errno.EACCES, f"{self.name} takes no commands")


proc_files = Registry[ProcFile]()


class ProcNode(TextFile):
    """One of them, of one process."""

    pid: i32
    file: Ref[ProcFile]

    def room(self) -> u64:
        return self.file.room

    def show(self, out: Page) -> None:
        p = get_proc(self.pid)
        try:
            self.file.show(p, out)
        finally:
            proc_put(p)

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        chunk = array(128, u8)
        count = io.take(chunk[0:128])
        p = get_proc(self.pid)
        try:
            self.file.obey(p, chunk[:count])
        finally:
            proc_put(p)
        return count

    def is_seekable(self) -> bool:
        return self.file.permissions & 0o222 == 0

    def opened(self, mode: OpenMode) -> None:
        if OpenMode.WRITE in mode and self.file.permissions & 0o222 == 0:
            raise Error(Errno.EACCES, "the file can only be read")

    def stat(self, into: Stat) -> None:
        into.dev = DEV_ID
        into.mode = self.file.permissions
        into.nlink = 1


class ProcDirectory(Node):
    """/proc/N."""

    kind: FileKind = FileKind.DIR
    pid: i32

    def walk(self, name: str) -> Node:
        proc_put(get_proc(self.pid))
        for file in proc_files:
            if file.name == name:
                node = new(ProcNode, pid=self.pid, file=file)
                node.refs.init(1)
                return node
        raise Error(Errno.ENOENT, f"there is no {name}")

    def entry(self, index: u64, into: DirEntry) -> bool:
        if index >= len(proc_files):
            return False
        set_entry(into, proc_files[index].name, FileKind.FILE, u64(self.pid) * 64 + 1 + index, 0, 0)
        return True

    def stat(self, into: Stat) -> None:
        into.dev = DEV_ID
        into.ino = u64(self.pid) * 64
        into.mode = 0o555
        into.nlink = 1

    def release(self) -> None:
        free(self)


class ProcRoot(Node):
    """/proc."""

    kind: FileKind = FileKind.DIR

    def walk(self, name: str) -> Node:
        found = walk_to(files[:], name, DEV_ID)
        if found is not None:
            return found
        if not name.isdigit() or len(name) > 5:
            raise Error(Errno.ENOENT, f"there is no {name}")
        pid = i32(u64(name))
        p = find_proc(pid)
        if p is None:
            raise Error(Errno.ENOENT, f"there is no process {pid}")
        proc_put(p)
        node = new(ProcDirectory, pid=pid)
        node.refs.init(1)
        return node

    def entry(self, index: u64, into: DirEntry) -> bool:
        if entry_of(files[:], index, into):
            return True
        p = next_proc(0)
        left = index - len(files)
        while p is not None and left > 0:
            pid = p.pid
            proc_put(p)
            p = next_proc(pid)
            left -= 1
        if p is None:
            return False
        name = text(8)
        name.write(f"{p.pid}")
        set_entry(into, name.view, FileKind.DIR, u64(p.pid) * 64, 0, 0)
        proc_put(p)
        return True

    def stat(self, into: Stat) -> None:
        into.dev = DEV_ID
        into.mode = 0o555
        into.nlink = 1


@devices
class ProcDev(Dev):
    name: str = "proc"
    place: str = "/proc"
    dev_id: u64 = DEV_ID

    def attach(self) -> Node:
        root = new(ProcRoot)
        root.refs.init(1)
        return root
