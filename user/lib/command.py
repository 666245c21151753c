# SPDX-License-Identifier: LGPL-2.1-or-later
"""The program that a command runs for its user, as `time PROGRAM ARG…` does.

command = Command(words=args()[1:])
if not command.is_found(USAGE):
    return command.status
status = wait(command.start())
"""

from lang import Span, Text, array, i32, struct, text
from kern.abi.file import FdPair, SpawnFlag
from lib.args import complain, misuse
from lib.process import find_program
from rt.args import environment
from rt.env import get_env
from rt.process import create, run

NOT_FOUND: i32 = 127                        # as a shell's


@struct
class Command:
    words: Span[str]                        # its name, and its arguments
    status: i32                             # when there is none: what is to be returned
    path: Text = text(1024)

    def is_found(self, usage: str) -> bool:
        """Whether there is such a program; else the user has been told. A `--help` is ours if it stands alone: others are the program's."""
        if len(self.words) == 1 and self.words[0] == "--help":
            print(usage)
        elif len(self.words) == 0:
            self.status = misuse("which program?", usage)
        elif not find_program(self.words[0], get_env("PATH"), self.path):
            complain(f"{self.words[0]}: command not found")
            self.status = NOT_FOUND
        else:
            return True
        return False

    def create(self) -> i32:
        """A child of our streams and environment, that waits for `run`; its pid. Raises ENOEXEC, ENOMEM, …"""
        no_fds = array(1, FdPair)
        return create(self.path.view, self.words, environment(), no_fds[:0], SpawnFlag.DUP_FDS)

    def start(self) -> i32:
        """The same, and it runs."""
        pid = self.create()
        run(pid)
        return pid
