# SPDX-License-Identifier: GPL-2.0-or-later
"""A running machine: its console as a stream to expect things on, its log, and QMP.

A reader thread hands over what the console says, and every wait has a deadline. A wait that is not answered raises
`MachineError`, whose text names the logs and quotes their ends, where every core tells what it does. One object is one QEMU process.
"""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qemu.qmp import QMPError
from qemu.qmp.legacy import QEMUMonitorProtocol

from scripts.qemu import Ending, Settings, command, ending

TAIL_LINES = 40
QMP_TIMEOUT_S = 20
BACKTRACE_S = 5  # how long a hung kernel gets to tell what it is doing
PANIC_MARK = "kernel panic"


class MachineError(Exception):
    """The machine did not do what was expected of it in time; the text says what was seen instead."""


class Machine:
    """Starts on construction. `folder` takes console.log (what the guest printed), kernel.log and qemu.log."""

    def __init__(self, settings: Settings, folder: Path, on_output: Callable[[bytes], None] | None = None) -> None:
        self.settings = settings
        self.folder = folder
        self.log_path = folder / "kernel.log"
        self.position = 0  # expectations start here in `received`
        self.received = bytearray()
        self.closed = False  # the console's end was seen
        self.changed = threading.Condition()  # guards `received` and `closed`
        self.on_output = on_output
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path.write_bytes(b"")
        self.process, self.qmp = self._start()
        self.reader = threading.Thread(target=self._read, name=f"console of {folder.name}", daemon=True)
        self.reader.start()

    def _start(self) -> tuple[subprocess.Popen[bytes], QEMUMonitorProtocol]:
        ours, theirs = socket.socketpair()
        console = ["-chardev", "stdio,id=console,signal=off"]
        with theirs, open(self.folder / "qemu.log", "wb") as errors:
            words = command(self.settings, console, self.log_path, theirs.fileno())
            errors.write((" ".join(words) + "\n").encode())
            errors.flush()
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, pass_fds=[theirs.fileno()])
        qmp = QEMUMonitorProtocol(ours)
        qmp.settimeout(QMP_TIMEOUT_S)
        try:
            qmp.connect()
        except (QMPError, OSError) as error:
            process.kill()
            process.wait()
            raise MachineError(f"QEMU did not start: {self.last_lines('qemu.log')}") from error
        return process, qmp

    def _read(self) -> None:
        assert self.process.stdout is not None
        with open(self.folder / "console.log", "wb") as log:
            while data := self.process.stdout.read1(65536):  # type: ignore[attr-defined]
                log.write(data)
                log.flush()
                if self.on_output is not None:
                    self.on_output(data)
                with self.changed:
                    self.received += data
                    self.changed.notify_all()
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    # -- the console

    def send(self, text: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise MachineError(f"the machine is gone, {text!r} cannot be typed\n{self.report()}") from None

    def expect(self, pattern: str, deadline_s: float = 30) -> list[str]:
        """Waits until `pattern` appears after what was matched last; the next expectation starts behind it.

        Returns what matched, followed by the pattern's groups.
        """
        expression = re.compile(pattern.encode(), re.MULTILINE | re.DOTALL)
        end = time.monotonic() + deadline_s
        with self.changed:
            while (found := expression.search(self.received, self.position)) is None:
                left = end - time.monotonic()
                if self.closed:
                    raise MachineError(f"the machine ended while {pattern!r} was expected\n{self.report()}")
                if left <= 0:
                    break
                self.changed.wait(left)
            else:
                self.position = found.end()
        if found is None:
            raise MachineError(f"no {pattern!r} on the console within {deadline_s:g} s\n{self.hang_report()}")
        return [(part or b"").decode(errors="replace") for part in (found[0], *found.groups())]

    def skip(self) -> None:
        """The next expectation starts behind all that is here by now."""
        with self.changed:
            self.position = len(self.received)

    def seen(self) -> str:
        """All of the console until now."""
        with self.changed:
            return self.received.decode(errors="replace").replace("\r\n", "\n")

    # -- the kernel's log

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    # -- the machine

    def command(self, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """One QMP command; returns its answer."""
        return self.qmp.cmd(name, **(arguments or {}))

    def ask_cores(self) -> None:
        """Have every core tell in the log what it does."""
        self.command(*self.settings.board.ask_cores)

    def wait(self, deadline_s: float) -> tuple[Ending, int]:
        """Waits for QEMU's end. All of the console has been read when this returns."""
        try:
            returncode = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise MachineError(f"the machine did not end within {deadline_s:g} s\n{self.report()}") from None
        self.reader.join()
        return ending(returncode, self.settings.arch)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        """Ends QEMU, whatever state the guest is in. May be called again."""
        self.process.kill()
        self.process.wait()
        self.reader.join()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass  # typed, but never read by the machine
        try:
            self.qmp.close()
        except (QMPError, EOFError, OSError):
            pass  # QEMU ended first: there is nobody left to say goodbye to

    # -- reports

    def last_lines(self, name: str, count: int = TAIL_LINES) -> str:
        path = self.folder / name
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        return "\n".join(lines[-count:])

    def report(self) -> str:
        """What is known of the machine, for an error message."""
        state = "running" if self.running else f"ended, QEMU's exit status {self.process.returncode}"
        parts = [f"machine: {self.settings.smp} cores, {self.settings.mem}, {state}; logs in {self.folder}"]
        parts += [f"--- {name}, last lines\n{self.last_lines(name)}" for name in ("kernel.log", "console.log")]
        return "\n".join(parts)

    def hang_report(self) -> str:
        """The same, with what every core is doing, if the kernel still tells."""
        known = len(self.log())
        try:
            self.ask_cores()
        except (QMPError, OSError):
            return self.report()
        end = time.monotonic() + BACKTRACE_S
        quiet_since = time.monotonic()
        while time.monotonic() < end and time.monotonic() - quiet_since < 1:
            try:
                self.process.wait(0.2)
                break
            except subprocess.TimeoutExpired:
                grown = len(self.log())
                if grown != known:
                    known, quiet_since = grown, time.monotonic()
        return self.report()

    def panic_text(self) -> str:
        """The kernel's log from its first panic on, or nothing."""
        log = self.log()
        at = log.find(PANIC_MARK)
        return log[log.rfind("\n", 0, at) + 1 :] if at >= 0 else ""
