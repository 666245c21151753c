# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with a shell on its console: `run` types a line and returns what it printed and its status.

What the shell's line editor echoes, redraws and prompts is taken off, so that an answer is the command's output alone.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.machine import Machine, MachineError
from scripts.qemu import Settings

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
STATUS_LINE = 'echo "~$?~"'
STATUS = r"~(-?\d+)~\r?\n"
PROMPT = r"[$#%] \Z"
BOOT_DEADLINE_S = 60


@dataclass(frozen=True)
class Answer:
    output: str
    status: int

    @property
    def lines(self) -> list[str]:
        return self.output.splitlines()


class Guest(Machine):
    """Constructed when the first prompt is there."""

    def __init__(self, settings: Settings, folder: Path, deadline_s: float = BOOT_DEADLINE_S) -> None:
        super().__init__(settings, folder)
        try:
            self.expect(PROMPT, deadline_s)
            self.prompt = plain(self.seen()).rsplit("\n", 1)[-1]
        except MachineError:
            self.close()
            raise

    def run(self, line: str, deadline_s: float = 30) -> Answer:
        """One line of shell, which must not read the console itself. Waits until the prompt is back."""
        start = self.position
        self.send(line + "\n")
        self.wait_for_prompt(deadline_s)
        output = self.shown(start, self.position).partition("\n")[2].removesuffix(self.prompt)
        self.send(STATUS_LINE + "\n")
        status = int(self.expect(STATUS, deadline_s)[1])
        self.wait_for_prompt(deadline_s)
        return Answer(output, status)

    def output(self, line: str, deadline_s: float = 30) -> str:
        """What a line prints that must succeed."""
        answer = self.run(line, deadline_s)
        if answer.status != 0:
            raise MachineError(f"{line!r} ended with status {answer.status}\n{answer.output}\n{self.report()}")
        return answer.output

    def wait_until_gone(self, line: str, pattern: str, deadline_s: float = 30) -> None:
        """Asks `line` until nothing it prints matches: who was killed may be seen dying for a moment."""
        end = time.monotonic() + deadline_s
        while re.search(pattern, shown := self.output(line)):
            if time.monotonic() > end:
                raise MachineError(f"{pattern!r} does not go away from {line!r} within {deadline_s:g} s\n{shown}\n{self.report()}")

    def until(self, line: str, pattern: str, deadline_s: float = 30) -> re.Match[str]:
        """Asks `line` until something that it prints matches."""
        end = time.monotonic() + deadline_s
        while (found := re.search(pattern, shown := self.output(line), re.MULTILINE)) is None:
            if time.monotonic() > end:
                raise MachineError(f"no {pattern!r} from {line!r} within {deadline_s:g} s\n{shown}\n{self.report()}")
        return found

    def wait_for_prompt(self, deadline_s: float = 30) -> None:
        """The prompt of a new line: one that the editor draws again, on the same line, comes behind a CR alone."""
        self.expect(r"(?<=\n)" + re.escape(self.prompt.strip()) + r" \Z", deadline_s)

    def shown(self, start: int, end: int) -> str:
        with self.changed:
            return plain(self.received[start:end].decode(errors="replace"))


def plain(text: str) -> str:
    """What a terminal would show: without escape sequences, and with a line that was drawn again only in its last form."""
    text = ESCAPES.sub("", text).replace("\r\n", "\n")
    return "\n".join(line.rsplit("\r", 1)[-1] for line in text.split("\n"))
