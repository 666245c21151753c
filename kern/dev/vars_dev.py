# SPDX-License-Identifier: GPL-2.0-or-later
"""#vars: variables of the kernel as files of text, which are read anew at each opening.

A file is called NAME!FORMAT, for an exported variable (kern/debug/variables.py) and how to show it: `x` hexadecimal, `d` signed,
`u` unsigned, `o` octal, with a size `b`, `h`, `w` or `g` (8, 16, 32 or 64 bits), as debuggers have them; `c` a character, `s` a text.
Making a file shows a variable, removing it hides it; a format wider than the variable is refused.
Lock: `lock`, a sleeping lock, over the table of files.
"""

from lang import Error, Ptr, Ref, Span, Text, array, i8, i16, i32, i64, new, struct, text, u8, u16, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import DirEntry, FileKind, Stat
from kern.debug.variables import Variable, find_variable
from kern.ns.dev import Dev, devices
from kern.ns.node import Node, set_entry
from kern.ns.text_file import Page, TextFile
from kern.sync.qlock import QLock

DEV_ID: u64 = 15
MAX_FILES: u64 = 64
NAME_ROOM: u64 = 64


@struct
class VarFile:
    """A slot of the table; free if it has no name."""

    name: Text = text(64)
    variable: Ref[Variable] | None
    style: u8                               # of x d u o c s
    size: u64                               # in bytes

    def set(self, name: str) -> None:
        """Raises EINVAL: no such format, or not for this variable; ENOENT: no such variable; ENAMETOOLONG."""
        if len(name) >= NAME_ROOM:
            raise Error(Errno.ENAMETOOLONG, f"a name of {len(name)} bytes is too long")
        base, format = name.split1("!")
        size = size_of_format(format)
        variable = find_variable(base)
        if variable is None:
            raise Error(Errno.ENOENT, f"the kernel exports no variable {base}")
        if variable.is_text != (format == "s") or size > variable.size:
            raise Error(Errno.EINVAL, f"{base} has {variable.size} bytes, which the format {format} does not show")
        self.variable = variable
        self.style = format[0]
        self.size = size
        self.name.append(name)


def size_of_format(format: str) -> u64:
    """The bytes of a number of that format, 0 for a text, which may have any. Raises EINVAL."""
    if format == "s":
        return 0
    if format == "c":
        return 1
    if len(format) == 2 and format[0] in "xduo":
        match format[1:]:
            case "b":
                return 1
            case "h":
                return 2
            case "w":
                return 4
            case "g":
                return 8
    raise Error(Errno.EINVAL, f"not a format: {format!r}; there are s, c, and x, d, u, o with b, h, w, g")


def unsigned_at(address: u64, size: u64) -> u64:
    match size:
        case 1:
            return u64(Ptr[u8](address)[0])
        case 2:
            return u64(Ptr[u16](address)[0])
        case 4:
            return u64(Ptr[u32](address)[0])
        case _:
            return Ptr[u64](address)[0]


def signed_at(address: u64, size: u64) -> i64:
    match size:
        case 1:
            return i64(Ptr[i8](address)[0])
        case 2:
            return i64(Ptr[i16](address)[0])
        case 4:
            return i64(Ptr[i32](address)[0])
        case _:
            return Ptr[i64](address)[0]


class VarNode(TextFile):
    """One opening: it lasts, whatever becomes of the file."""

    variable: Ref[Variable]
    style: u8
    size_shown: u64

    def show(self, out: Page) -> None:
        address = self.variable.address
        match self.style:
            case 115:                       # s
                out.put(Span[u8](address, self.variable.size))
            case 99:                        # c
                out.print(f"{Ptr[u8](address)[0]:c}")
            case 100:                       # d
                out.print(f"{signed_at(address, self.size_shown)}")
            case 120:                       # x
                out.print(f"{unsigned_at(address, self.size_shown):#x}")
            case 111:                       # o
                out.print(f"0{unsigned_at(address, self.size_shown):o}")
            case _:
                out.print(f"{unsigned_at(address, self.size_shown)}")

    def stat(self, into: Stat) -> None:
        into.dev = DEV_ID
        into.mode = 0o444
        into.nlink = 1


files = array(MAX_FILES, VarFile)
lock = QLock()


def show_variable(name: str) -> None:
    """Make the file of that name. Raises EEXIST, ENOSPC, and what a name may be wrong with."""
    free: Ref[VarFile] | None = None
    for file in files:
        if file.name.view == name:
            raise Error(Errno.EEXIST, f"{name} exists")
        if file.name.len == 0 and free is None:
            free = file
    if free is None:
        raise Error(Errno.ENOSPC, f"{MAX_FILES} variables are shown already")
    free.set(name)


def file_named(name: str) -> VarFile:
    for file in files:
        if file.name.len > 0 and file.name.view == name:
            return file
    raise Error(Errno.ENOENT, f"there is no {name}")


class VarFolder(Node):
    kind: FileKind = FileKind.DIR

    def walk(self, name: str) -> Node:
        with lock:
            file = file_named(name)
            variable = file.variable
            assert variable is not None, "a file without its variable"
            node = new(VarNode, variable=variable, style=file.style, size_shown=file.size)
        node.refs.init(1)
        return node

    def create(self, name: str, kind: FileKind, mode: u32) -> Node:
        if kind != FileKind.FILE:
            raise Error(Errno.EINVAL, "a variable is no directory")
        with lock:
            show_variable(name)
        return self.walk(name)

    def remove(self, name: str) -> None:
        with lock:
            file_named(name).name.clear()

    def entry(self, index: u64, into: DirEntry) -> bool:
        with lock:
            left = index
            for i, file in enumerate(files):
                if file.name.len > 0:
                    if left == 0:
                        set_entry(into, file.name.view, FileKind.FILE, u64(i) + 1, 0, 0)
                        return True
                    left -= 1
        return False

    def stat(self, into: Stat) -> None:
        into.dev = DEV_ID
        into.mode = 0o777
        into.nlink = 1


@devices
class VarsDev(Dev):
    name: str = "vars"
    dev_id: u64 = DEV_ID

    def attach(self) -> Node:
        root = new(VarFolder)
        root.refs.init(1)
        return root
