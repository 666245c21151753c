# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one shell knows: variables, parameters, the last status, jobs, history. One thread, no lock."""

from lang import Span, i32, struct, u32, u64
from lib.sh.history import History
from lib.sh.jobs import Jobs
from lib.sh.variables import Variables

STATUS_ERROR: i32 = 1
STATUS_SYNTAX: i32 = 2
STATUS_NOT_EXECUTABLE: i32 = 126
STATUS_NOT_FOUND: i32 = 127


@struct
class Shell:
    name: str                               # $0, and how messages begin
    parameters: Span[str]                   # $1 …
    variables: Variables
    history: History
    jobs: Jobs
    status: i32 = 0                         # $?
    last_background: i32 = 0                # $!
    sourced: u64 = 0                        # how many files are being run, one from within the other
    interactive: bool = False
    exiting: bool = False
    interrupted: bool = False               # Ctrl-C: everything up to the prompt is dropped
    loops: u32 = 0                          # how many loops are running
    leaving: u32 = 0                        # how many of them `break` or `continue` still has to leave
    going_on: bool = False                  # the last of those is to be continued, not left

    def parameter(self, number: u64) -> str:
        if number == 0:
            return self.name
        return self.parameters[number - 1] if number <= len(self.parameters) else ""

    def stopping(self) -> bool:
        """Whether what follows in the current list is not to be run."""
        return self.exiting or self.interrupted or self.leaving > 0


@struct
class Streams:
    """Where a command reads and writes."""

    input: i32 = 0
    output: i32 = 1
    error: i32 = 2
