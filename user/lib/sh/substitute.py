# SPDX-License-Identifier: LGPL-2.1-or-later
"""`$(command)`: a shell in a child, its output through a pipe."""

from lang import array, i32, u8
from lib.buffer import Buffer
from lib.sh.foreground import set_foreground, wait_foreground
from lib.sh.launch import start_shell
from lib.sh.shell import Shell, Streams
from rt.io import close, pipe, read

PIECE = 1024


def capture(sh: Shell, command: str, into: Buffer) -> None:
    """Run `command` in a child shell and append what it writes. Its status becomes `$?`."""
    reader, writer = pipe()
    try:
        pids = array(1, i32)
        try:
            pids[0] = start_shell(sh, command, Streams(input=0, output=writer, error=2))
        finally:
            close(writer)
        set_foreground(sh, pids)
        piece = array(PIECE, u8)
        while (count := read(reader, piece)) > 0:
            into.append(piece[:count])
        sh.status = wait_foreground(sh, pids)
    finally:
        close(reader)
