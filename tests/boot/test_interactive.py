# SPDX-License-Identifier: GPL-2.0-or-later
"""make qemu and make debug, as a person at a terminal meets them."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from scripts.interactive import gdb_words
from scripts.qemu import ROOT, Settings
from tests.boot.conftest import Pool

pytestmark = pytest.mark.xdist_group("run")
PROMPT = r"pykaros\$ \Z"


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, words: list[str]) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(words, cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self.text = ""

    def expect(self, pattern: str, deadline_s: float = 60) -> None:
        """Reads until all that was shown so far matches somewhere, then forgets it."""
        end = time.monotonic() + deadline_s
        while not re.search(pattern, self.text):
            assert select.select([self.master], [], [], max(0, end - time.monotonic()))[0], f"no {pattern!r} in:\n{self.text}"
            self.text += os.read(self.master, 65536).decode(errors="replace")
        self.text = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def status(self, deadline_s: float = 30) -> int:
        return self.process.wait(deadline_s)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(pool: Pool, arch: str) -> Iterator[Terminal]:
    pool.release()
    words = [sys.executable, "-m", "scripts", "qemu", "--arch", arch, "--smp", "2", "--append", "quiet"]
    made = Terminal(words)
    yield made
    made.close()


def test_console_is_on_the_terminal_until_the_guest_powers_off(terminal: Terminal) -> None:
    terminal.expect(PROMPT)
    terminal.type("echo one '' two\r")
    terminal.expect(r"\none  two\s")
    terminal.type("poweroff\r")
    assert terminal.status() == 0


def test_interrupt_key_is_the_guests_and_control_a_x_quits(terminal: Terminal) -> None:
    terminal.expect(PROMPT)
    terminal.type("sleep 1000\r")
    terminal.expect("sleep 1000")
    terminal.type("\x03")
    terminal.expect(PROMPT)
    terminal.type("echo alive\r")
    terminal.expect(r"\nalive\s")
    terminal.type("\x01x")
    assert terminal.status() == 0


def test_debugger_is_given_the_programs_symbols() -> None:
    words = gdb_words(Settings(), ROOT / "stub", ["hello", "sh"])
    assert "program hello sh" in words and words.index("program hello sh") < words.index(f"target remote {ROOT / 'stub'}")
