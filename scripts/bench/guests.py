# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines that measure: this system and Linux in the same emulator, each run to its end, for what it printed.

Counted: one thread of the host emulates all processors in turn under `-icount`, so a nanosecond of guest time is an instruction of
any of them, and every run gives the same figures whatever else the host does. By the clock: a thread of the host for each processor.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.bench.linux import OPTIONS, Guest, make_guest
from scripts.bench.measure import RESULTS, Wrong
from scripts.qemu import ROOT, Settings, command

COUNTED = ("-icount", "shift=0,sleep=off", "-seed", "42", "-rtc", "base=2026-01-01T00:00:00,clock=vm")
CPU = {"x86_64": "max,-erms", "riscv": ""}
LONGEST_S = 900  # a run of either system


@dataclass
class Guests:
    """`told` is called with what is about to run; `seconds` has how long each run took."""

    told: Callable[[str], None]
    opponent: Guest | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def ours(self, line: str, *, arch: str = "x86_64", smp: int = 1, counted: bool = True, checked: bool = False, mem: str = "1G") -> str:
        """What a line of shell prints."""
        words = _words(arch, counted, smp=smp, checked=checked, mem=mem, append=f'quiet panic=exit run="{line}"')
        return self._run(f"ours, {arch}, {line}", smp, counted, words)

    def linux(self, program: str, *arguments: str, smp: int = 1, counted: bool = True, mem: str = "1G", options: str = "") -> str:
        """What one of the programs of tests/bench/linux/ prints as the first process."""
        opponent = self.guest()
        append = f"{OPTIONS} rdinit=/{program} {options} -- {' '.join(arguments)}"
        words = _words("x86_64", counted, smp=smp, mem=mem, loader=opponent.kernel, extra=("-initrd", str(opponent.initrd)), append=append)
        return self._run(f"Linux, {program} {options}".rstrip(), smp, counted, words)

    def guest(self) -> Guest:
        if self.opponent is None:
            self.told("fetching and building Linux")
            self.opponent = make_guest()
        return self.opponent

    def boot_seconds(self, smp: int) -> float:
        """By the clock, from the start of the emulator to the shell's prompt."""
        self.told(f"ours, boot, {smp} cores")
        return seconds_until(_words("x86_64", False, smp=smp, checked=False, mem="2G", append="quiet panic=exit"), b"pykaros$ ")

    def linux_boot_seconds(self, smp: int) -> float:
        """The same, to the first instructions of the first process."""
        opponent = self.guest()
        self.told(f"Linux, boot, {smp} cores")
        extra, append = ("-initrd", str(opponent.initrd)), f"{OPTIONS} rdinit=/begin"
        return seconds_until(_words("x86_64", False, smp=smp, mem="2G", loader=opponent.kernel, extra=extra, append=append), b"BEGIN")

    def _run(self, what: str, smp: int, counted: bool, words: list[str]) -> str:
        what = f"{what}, {smp} core{'' if smp == 1 else 's'}, {'counted' if counted else 'by the clock'}"
        self.told(what)
        start = time.monotonic()
        try:
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=LONGEST_S, check=False)
        except subprocess.TimeoutExpired as late:
            raise Wrong(f"{what}: no end after {LONGEST_S} s:\n{(late.stdout or b'').decode(errors='replace')[-2000:]}") from None
        self.seconds[what] = time.monotonic() - start
        text = done.stdout.decode(errors="replace").replace("\r\n", "\n")
        if not text.strip():
            raise Wrong(f"{what}: nothing was printed\n{done.stderr.decode(errors='replace')[-1000:]}")
        return text


def build(arch: str, checked: bool = False) -> None:
    words = ["make", "build", "emulator", f"ARCH={arch}", f"CHECKED={int(checked)}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Wrong(f"the build for {arch} fails:\n{done.stderr}")


def _words(arch: str, counted: bool, **more: Any) -> list[str]:
    accel = "tcg,thread=single" if counted else "tcg,thread=multi"
    settings = Settings(arch=arch, cpu=CPU[arch], accel=accel, **more)
    words = command(settings, ["-chardev", "stdio,id=console"], RESULTS / "system.log")
    return [*words, *COUNTED] if counted else words


def seconds_until(words: list[str], mark: bytes) -> float:
    """From the start of a command until it prints `mark`; then it is killed. Raises Wrong."""
    with tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        assert child.stdout is not None
        seen = bytearray()
        try:
            while mark not in seen:
                data = child.stdout.read1(65536)  # type: ignore[attr-defined]
                if not data or time.monotonic() - start > LONGEST_S:
                    raise Wrong(f"{Path(words[0]).name}: no {mark.decode()!r}:\n{seen[-1500:].decode(errors='replace')}")
                seen += data
            return time.monotonic() - start
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
