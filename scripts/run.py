# SPDX-License-Identifier: GPL-2.0-or-later
"""make run: boots, runs one command in the guest's shell, and is over with the command's status.

Standard output is what the command printed on the console, and nothing else; whatever goes wrong is told on standard error:
a panic with its text, a hang with what every core was doing, a guest that left without a status. `TROUBLE` is the exit status then.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from scripts.machine import Machine, MachineError
from scripts.qemu import BUILD, Ending, Settings

TROUBLE = 125  # the machine, not the command, failed
LONGEST = 1023  # bytes of a boot command line: the kernel cuts off what is behind


def run(settings: Settings, line: str, deadline_s: float) -> int:
    """Returns the status to exit with."""
    append = f'quiet panic=exit run="{quote(line)}"'
    settings = Settings(**{**vars(settings), "append": f"{settings.append} {append}".strip()})
    size = len(settings.append.encode())
    if size > LONGEST:
        return trouble(f"with this command the boot command line has {size} bytes, and the kernel takes {LONGEST}")
    runs = BUILD / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=runs))
    newlines = Newlines(settings.board.start_of_text)
    try:
        machine = Machine(settings, folder, newlines.write)
    except MachineError as error:
        return trouble(str(error))
    try:
        how, status = machine.wait(deadline_s)
    except MachineError:
        return trouble(f"no answer within {deadline_s:g} s\n{machine.hang_report()}")
    finally:
        machine.close()
        newlines.finish()
    if how is Ending.STATUS:
        shutil.rmtree(folder)  # the logs are for those who look for a fault
        return status
    if how is Ending.PANIC:
        return trouble(f"the kernel panicked\n{machine.panic_text() or machine.report()}")
    return trouble(f"{how.value}\n{machine.last_lines('qemu.log')}\n{machine.report()}")


def quote(line: str) -> str:
    """The command as a quoted value of the boot command line, where a backslash takes the next character as it is."""
    return line.replace("\\", "\\\\").replace('"', '\\"')


def trouble(text: str) -> int:
    sys.stdout.flush()
    print(f"run: {text}", file=sys.stderr)
    return TROUBLE


class Newlines:
    """The console ends lines as terminals want it, with CR LF; files and pipes want LF."""

    def __init__(self, start_of_text: bytes) -> None:
        self.held = b""  # not said yet: a CR whose LF may come with the next piece
        self.awaited = start_of_text  # what comes before it is not the guest's

    def write(self, data: bytes) -> None:
        data = self.held + data
        if self.awaited:
            self.held, found, data = data.partition(self.awaited)
            if not found:
                return
            self.awaited = b""
        self.held = b"\r" if data.endswith(b"\r") else b""
        data = data[: len(data) - len(self.held)]
        sys.stdout.buffer.write(data.replace(b"\r\n", b"\n"))
        sys.stdout.buffer.flush()

    def finish(self) -> None:
        if self.awaited:
            return
        sys.stdout.buffer.write(self.held)
        sys.stdout.buffer.flush()
        self.held = b""
