# SPDX-License-Identifier: GPL-2.0-or-later
"""make soak: whole machines under attack for so many minutes, on each architecture in turn, with seeds that change.

A round boots a machine for each attack: system calls with nonsense in them (`fuzz`), processes of many cores that are killed at
random moments (`killstorm`), allocations that fail in turn (`failing`), locks and asynchronous calls while vcores are taken
(`storm`, `callstorm`). Each says of itself whether the kernel got over it, with nothing lost. A failure ends the soak, with the
command that repeats it; the machine's logs stay where the message says.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.machine import Machine, MachineError
from scripts.qemu import BUILD, Ending, Settings
from scripts.run import quote

ROUND_S = 900  # a round that takes longer hangs


@dataclass(frozen=True)
class Attack:
    """`command` has {seed} where that goes; the groups of `counted`, by name, are added up over all rounds."""

    command: str
    counted: str


ATTACKS = (
    Attack("fuzz -s {seed} -n 30000", r"(?P<calls>\d+) calls of \d+ workers"),
    Attack("killstorm -s {seed} -n 60", r"(?P<kills>\d+) processes killed"),
    Attack("failing", r"\d+ operations, 0 of them wrong; \d+ places allocate, (?P<places>\d+) of them failed"),
    Attack("storm -n 1000 -s {seed}", r"(?P<preemptions>\d+) preemptions; \d+ rounds"),
    Attack("callstorm -n 20000 -s {seed} -t 8 -p 200", r"(?P<asynchronous>\d+) calls, \d+ completed"),
)


@dataclass
class Tally:
    """What was done on one architecture."""

    rounds: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        parts = [f"{count:,} {name}" for name, count in self.counts.items()]
        return f"{self.rounds} rounds in {self.seconds / 60:.1f} minutes: {', '.join(parts)}"


def soak(arches: Sequence[str], minutes: float, seed: int, smp: int = 4) -> int:
    """Rounds on each architecture in turn until the time is over, one of each at least; 0 if all of them were clean."""
    end = time.monotonic() + minutes * 60
    tallies = {arch: Tally() for arch in arches}
    while True:
        for arch in arches:
            started = time.monotonic()
            if not one_round(Settings(arch=arch, smp=smp), seed, tallies[arch]):
                tell(tallies)
                return 1
            tallies[arch].rounds += 1
            tallies[arch].seconds += time.monotonic() - started
            print(f"{arch}, seed {seed}: clean; {tallies[arch]}", flush=True)
        seed += 1
        if time.monotonic() >= end:
            tell(tallies)
            return 0


def tell(tallies: dict[str, Tally]) -> None:
    for arch, tally in tallies.items():
        print(f"soak, {arch}: {tally}", flush=True)


def one_round(settings: Settings, seed: int, tally: Tally) -> bool:
    """A machine, and every attack on it. Says what went wrong, if anything did."""
    for attack in ATTACKS:
        command = attack.command.format(seed=seed)
        output, trouble = attacked(settings, command)
        found = next(reversed(list(re.finditer(attack.counted, output))), None)  # there may be one of a first round, too
        if trouble or not found:
            print(
                f'{output}\n{trouble}\nFAILED; to repeat it: make run ARCH={settings.arch} SMP={settings.smp} CMD="{command}"', flush=True
            )
            return False
        # `places` are the same ones each time: how many there are says more than their sum.
        for name, count in found.groupdict().items():
            tally.counts[name] = max(tally.counts[name], int(count)) if name == "places" else tally.counts[name] + int(count)
    return True


def attacked(settings: Settings, command: str) -> tuple[str, str]:
    """Boots, runs one command; what it printed, and what is wrong, empty if it left with status 0."""
    append = f'quiet panic=exit run="{quote(command)}"'
    folder = folder_for(settings.arch, command)
    machine = Machine(Settings(**{**vars(settings), "append": append}), folder)
    try:
        how, status = machine.wait(ROUND_S)
    except MachineError:
        return machine.seen(), f"no end within {ROUND_S} s\n{machine.hang_report()}"
    finally:
        machine.close()
    if how is Ending.STATUS and status == 0:
        return machine.seen(), ""
    return machine.seen(), machine.panic_text() or f"{how.value}: {status}; logs in {folder}"


def folder_for(arch: str, command: str) -> Path:
    """The logs of the last run of each attack."""
    return BUILD / "soak" / f"{arch}-{command.split()[0]}"
