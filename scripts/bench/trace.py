# SPDX-License-Identifier: GPL-2.0-or-later
"""Which functions an operation of user/bench/costs.py spends its instructions in: `python -m scripts trace "pipe round"`.

The machine has one core under `-icount`. When the operation runs over and over, QEMU steps instruction by instruction for a while and logs
each address; the addresses are looked up in the symbols of the kernel and of the program. Nothing in the guest takes part, so what
is counted is what runs. `--per FUNCTION` divides by how often that function was entered.
"""

from __future__ import annotations

import bisect
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from rich.console import Console
from rich.table import Table

from scripts.bench.measure import Wrong
from scripts.bench.guests import COUNTED, CPU
from scripts.machine import Machine
from scripts.qemu import Settings, image_folder

ADDRESS = re.compile(rb"^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/", re.MULTILINE)
LONGEST_S = 60


@dataclass
class Symbols:
    starts: list[int]
    names: list[str]

    def find(self, address: int) -> tuple[str, bool]:
        """(function, whether this is its first instruction)."""
        at = bisect.bisect_right(self.starts, address) - 1
        return (self.names[at], self.starts[at] == address) if at >= 0 else ("?", False)


def trace(arch: str, operation: str, per: str, instructions: int, console: Console) -> None:
    """Prints the table. Raises Wrong if there is no such operation, or nothing enters `per`."""
    symbols = _symbols([image_folder(arch, False) / "kernel.debug", image_folder(arch, False) / "programs" / "costs.elf"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        name = _record(arch, operation, instructions, path)
        spent, entered = _count(symbols, path / "trace", per)
    rounds = entered[per] - 1 if per else 0
    if per and rounds < 1:
        busiest = ", ".join(name for name, _ in entered.most_common(12))
        raise Wrong(f"`{per}` was not entered twice; functions that were: {busiest}")
    total = sum(spent.values())
    each = f"instructions for each {per}" if per else "instructions of 1,000"
    table = Table(title=f"{name}: {total / rounds if per else 1000:,.1f} {each}", title_justify="left")
    for head in ("function", "instructions", "calls", "a call"):
        table.add_column(head, justify="left" if head == "function" else "right", no_wrap=True)
    scale = 1 / rounds if per else 1000 / total
    for function, count in spent.most_common():
        if count * scale >= 0.5:
            calls = entered[function]
            table.add_row(function, f"{count * scale:.1f}", f"{calls * scale:.2f}", f"{count / calls:.1f}" if calls else "")
    console.print(table)


def instructions_of(function: str, arch: str, operation: str) -> float:
    """How many instructions of its own a call of `function` runs, in the mean, while `operation` goes on. Raises Wrong if it is not."""
    symbols = _symbols([image_folder(arch, False) / "programs" / "costs.elf"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        _record(arch, operation, 20_000, path)
        spent, entered = _count(symbols, path / "trace", function)
    if entered[function] < 2:
        raise Wrong(f"{operation}: {function} was not called")
    return spent[function] / (entered[function] - 1)


def _record(arch: str, operation: str, instructions: int, folder: Path) -> str:
    """Runs the machine; returns the operation's whole name. The log holds about that many instructions."""
    append = f"quiet panic=exit run=\"costs '{operation}' 1000000000\""
    settings = Settings(arch=arch, cpu=CPU[arch], smp=1, checked=False, accel="tcg,thread=single", append=append, extra=COUNTED)
    machine = Machine(settings, folder)
    try:
        name = machine.expect(rf"^(\S[^\n]*?{re.escape(operation)}[^\n]*?|{re.escape(operation)}[^\n]*?) {{2}}", LONGEST_S)[1]
        log = folder / "trace"
        machine.command("stop")
        for line in (f"logfile {log}", "singlestep on", "log exec,nochain"):
            machine.command("human-monitor-command", {"command-line": line})
        machine.command("cont")
        end = time.monotonic() + LONGEST_S
        while (not log.exists() or log.stat().st_size < instructions * 90) and time.monotonic() < end:
            time.sleep(0.05)
        machine.command("stop")
        return name
    finally:
        machine.close()


def _count(symbols: Symbols, log: Path, per: str) -> tuple[Counter[str], Counter[str]]:
    """Instructions, and entries, by function; with `per` from its first entry to its last."""
    spent: Counter[str] = Counter()
    entered: Counter[str] = Counter()
    pending: Counter[str] = Counter()
    begun = not per
    for address in _addresses(log):
        function, first = symbols.find(address)
        if per and first and function == per:
            if begun:
                spent += pending
            pending, begun = Counter(), True
        if begun:
            (pending if per else spent)[function] += 1
            entered[function] += first
        else:
            entered[function] += 0
    return spent, entered


def _addresses(log: Path) -> Iterator[int]:
    return (int(found[1], 16) for found in ADDRESS.finditer(log.read_bytes()))


def _symbols(files: list[Path]) -> Symbols:
    found: dict[int, str] = {}
    for path in files:
        with open(path, "rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            if not isinstance(table, SymbolTableSection):
                raise Wrong(f"{path} has no symbols")
            for symbol in table.iter_symbols():
                kind, address = symbol["st_info"]["type"], symbol["st_value"]
                if kind not in ("STT_FUNC", "STT_NOTYPE") or not address or symbol.name.startswith((".L", "$")):
                    continue
                if address not in found or kind == "STT_FUNC":
                    found[address] = symbol.name
    starts = sorted(found)
    return Symbols(starts, [found[start] for start in starts])
