# SPDX-License-Identifier: GPL-2.0-or-later
"""Folders that never change: a table of files, of which most are made of functions: one writes the text that a reader gets, one takes
what is written. Others are nodes of their own, which are there for ever.

    files: Array[FolderFile] = (FolderFile("ctl", command=obey), FolderFile("state", show=show_state), FolderFile("data", node=data))
    root = new_folder(files[:], DEV_ID)
What is written is one command: a write of more than COMMAND_ROOM bytes raises EINVAL. Both functions may block and raise. No locks.
"""

from typing import Callable

from lang import Error, Raises, Ref, Span, array, new, struct, u8, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import DirEntry, FileKind, OpenMode, Stat
from kern.ns.node import Node, set_entry
from kern.ns.text_file import Page, TextFile
from kern.ns.transfer import Transfer

COMMAND_ROOM: u64 = 256


@struct
class FolderFile:
    name: str
    show: Callable[[Page], Raises[None]] | None = None
    command: Callable[[str], Raises[None]] | None = None
    room: u64 = 4096                        # what `show` writes, mostly
    node: Ref[Node] | None = None           # the file itself; then there are no functions


class FolderNode(TextFile):
    """One opening of such a file."""

    file: Ref[FolderFile]
    dev_id: u64

    def room(self) -> u64:
        return self.file.room

    def opened(self, mode: OpenMode) -> None:
        if OpenMode.READ in mode and self.file.show is None:
            raise Error(Errno.EACCES, f"{self.file.name} can only be written")
        if OpenMode.WRITE in mode and self.file.command is None:
            raise Error(Errno.EACCES, f"{self.file.name} can only be read")

    def show(self, out: Page) -> None:
        show = self.file.show
        if show is not None:
            show(out)

    def write(self, io: Transfer, offset: u64, mode: OpenMode) -> u64:
        command = self.file.command
        if command is None:
            raise Error(Errno.EACCES, f"{self.file.name} can only be read")
        if io.left > COMMAND_ROOM:
            raise Error(Errno.EINVAL, f"{io.left} bytes are no command")
        words = array(COMMAND_ROOM, u8)
        count = io.take(words[0:COMMAND_ROOM])
        command(words[:count].strip())
        return count

    def stat(self, into: Stat) -> None:
        into.dev = self.dev_id
        into.mode = mode_of(self.file)
        into.nlink = 1


def mode_of(file: FolderFile) -> u32:
    return u32(0 if file.show is None else 0o444) | u32(0 if file.command is None else 0o222)


class Folder(Node):
    kind: FileKind = FileKind.DIR
    files: Span[FolderFile]
    dev_id: u64

    def walk(self, name: str) -> Node:
        found = walk_to(self.files, name, self.dev_id)
        if found is None:
            raise Error(Errno.ENOENT, f"there is no {name}")
        return found

    def entry(self, index: u64, into: DirEntry) -> bool:
        return entry_of(self.files, index, into)

    def stat(self, into: Stat) -> None:
        into.dev = self.dev_id
        into.mode = 0o555
        into.nlink = 1


def walk_to(files: Span[FolderFile], name: str, dev_id: u64) -> Node | None:
    """The file of that name, with a reference for the caller. Raises ENOMEM."""
    for file in files:
        if file.name == name:
            node = file.node
            if node is not None:
                node.get()
                return node
            made = new(FolderNode, file=file, dev_id=dev_id)
            made.refs.init(1)
            return made
    return None


def entry_of(files: Span[FolderFile], index: u64, into: DirEntry) -> bool:
    """Fill in the index'th file of a folder; False past the last."""
    if index >= len(files):
        return False
    node = files[index].node
    kind = FileKind.FILE if node is None else node.kind
    set_entry(into, files[index].name, kind, index + 1, 0 if node is None else node.size(), 0)
    return True


def new_folder(files: Span[FolderFile], dev_id: u64) -> Node:
    """The root of a device, for `attach`. May raise ENOMEM."""
    for file in files:
        node = file.node
        if node is not None:
            node.refs.init(1)
    folder = new(Folder, files=files, dev_id=dev_id)
    folder.refs.init(1)
    return folder
