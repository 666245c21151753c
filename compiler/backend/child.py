# SPDX-License-Identifier: GPL-2.0-or-later
"""Child processes that run one function of the compiler and talk over a pipe.

A fresh interpreter each, started by name: nothing of the parent is inherited or imported again (multiprocessing's `spawn` would
run the caller's main module once more), and no thread or LLVM state is forked.
"""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

_HOME = str(Path(__file__).resolve().parents[2])
_START = "import sys; sys.path.insert(0, sys.argv[1]); from compiler.backend.child import serve; serve(int(sys.argv[2]))"


class Child:
    """`module:function` called in a process of its own as function(pipe, *arguments); the other end is `pipe`."""

    def __init__(self, function: str, *arguments: Any, stderr: IO[bytes] | None = None) -> None:
        ours, theirs = socket.socketpair()
        words = [sys.executable, "-c", _START, _HOME, str(theirs.fileno())]
        self.process = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stderr=stderr)
        theirs.close()
        self.pipe = Connection(ours.detach())
        self.send((function, arguments))

    def send(self, message: Any) -> None:
        """A child that died meanwhile is noticed by `receive`."""
        try:
            self.pipe.send(message)
        except OSError:
            pass

    def receive(self) -> Any:
        """Raises EOFError when the child ended without an answer."""
        try:
            return self.pipe.recv()
        except OSError:
            raise EOFError from None

    def wait(self) -> int:
        """Its exit status, once it has ended by itself; negative: the signal that ended it."""
        self.pipe.close()
        return self.process.wait()

    def stop(self) -> None:
        """End it now."""
        self.pipe.close()
        self.process.kill()
        self.process.wait()


def serve(fd: int) -> None:
    """The child's side."""
    pipe = Connection(fd)
    try:
        name, arguments = pipe.recv()
        module, function = name.split(":")
        getattr(importlib.import_module(module), function)(pipe, *arguments)
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        pass
