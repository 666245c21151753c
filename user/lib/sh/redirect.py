# SPDX-License-Identifier: LGPL-2.1-or-later
"""Redirection: the streams of a command after its `<`, `>`, `>>` and `2>&1`, and the files opened for that."""

from lang import Array, Errno, Error, array, i32, struct, text, u32, u64
from kern.abi.file import OpenMode
from lib.buffer import Buffer
from lib.paths import is_absolute
from lib.sh.expand import expand_single
from lib.sh.lexer import TokenKind
from lib.sh.parser import NodeKind, Parser
from lib.sh.shell import Shell, Streams
from lib.strings import number_or_none
from rt.io import close, open

MAX_OPENED: u64 = 16


@struct
class Redirected:
    """Streams after redirection, and the files opened for them: `close` closes these."""

    streams: Streams
    opened: Array[i32] = array(MAX_OPENED)
    count: u64 = 0

    def keep(self, fd: i32) -> i32:
        self.opened[self.count] = fd
        self.count += 1
        return fd

    def close(self) -> None:
        while self.count > 0:
            self.count -= 1
            close_quietly(self.opened[self.count])


def redirect(sh: Shell, tree: Parser, first: u32, into: Redirected) -> None:
    """Apply the redirections among the nodes from `first`, left to right."""
    item = first
    while item != 0:
        if tree.nodes[item].kind == NodeKind.REDIRECT:
            if into.count >= MAX_OPENED:
                raise Error(Errno.EMFILE, "too many redirections")
            redirect_one(sh, tree, item, into)
        item = tree.nodes[item].next


def redirect_one(sh: Shell, tree: Parser, item: u32, into: Redirected) -> None:
    node = tree.nodes[item]
    target = Buffer()
    try:
        expand_single(sh, tree.text(item), target)
        if node.op == TokenKind.DUPLICATE:
            source = number_or_none(target.view)
            if source is None or source > 2:
                raise Error(Errno.EBADF, f"{target.view}: not a descriptor that can be redirected (0, 1 or 2)")
            set_stream(into.streams, node.number, stream(into.streams, i32(source)))
            return
        set_stream(into.streams, node.number, into.keep(open_target(node.op, target.view)))
    finally:
        target.close()


def open_target(op: TokenKind, path: str) -> i32:
    """Open what `<`, `>` or `>>` names; an error names it too."""
    why = text(160)
    errno = Errno.OK
    try:
        if op == TokenKind.INPUT:
            return open(path)
        if op == TokenKind.APPEND:
            return open(path, OpenMode.WRITE | OpenMode.CREATE | OpenMode.APPEND)
        return open(path, OpenMode.WRITE | OpenMode.CREATE | OpenMode.TRUNC)
    except Error as e:
        errno = e.errno
        why.append(e.message)
    if is_absolute(why.view):
        raise Error(errno, f"{why}")
    raise Error(errno, f"{path}: {why}")


def copy_streams(into: Streams, source: Streams) -> None:
    into.input = source.input
    into.output = source.output
    into.error = source.error


def stream(streams: Streams, number: i32) -> i32:
    if number == 0:
        return streams.input
    return streams.output if number == 1 else streams.error


def set_stream(streams: Streams, number: i32, fd: i32) -> None:
    if number == 0:
        streams.input = fd
    elif number == 1:
        streams.output = fd
    elif number == 2:
        streams.error = fd
    else:
        raise Error(Errno.EBADF, f"descriptor {number} cannot be redirected, only 0, 1 and 2")


def close_quietly(fd: i32) -> None:
    try:
        close(fd)
    except Error:
        return
