# SPDX-License-Identifier: GPL-2.0-or-later
"""What was proved about a world, as tables: stacks, the order of locks, who may raise. `check --report` prints them.

The figures are those of the last build, which `check --report` brings up to date: stacks are measured in machine code.
"""

from __future__ import annotations

import json
from typing import Any

from compiler.backend.stacks import shown
from compiler.driver import Options, build
from compiler.report import Report


def findings_of(program: Any) -> dict[str, Any]:
    """What the front end found, without any type in it."""
    locks = program.locks
    after: dict[str, list[str]] = {}
    for first, second in sorted(locks.steps):
        after.setdefault(second, []).append(first)
    raising: dict[str, list[str]] = {}
    total: dict[str, int] = {}
    for fn in program.functions:
        if fn.decl is not None:
            total[fn.module.name] = total.get(fn.module.name, 0) + 1
            if fn.raises:
                name = fn.symbol.removeprefix(fn.module.name + ".")
                raising.setdefault(fn.module.name, []).append(name)
    return {
        "locks": [{"name": n, "places": count, "after": after.get(n, [])} for n, count in locks.taken.items()],
        "order": [name for order in locks.declared for name in order],
        "raises": {m: {"functions": total[m], "may": sorted(raising.get(m, []))} for m in sorted(total)},
    }


def show(kind: str, arch: str, checked: bool) -> None:
    """Print the tables of a world. Raises BuildFailed after every error, what does not fit included."""
    from rich.console import Console

    options = Options(arch=arch, checked=checked)
    build(options, Report(quiet=True))
    found = json.loads(options.proofs(kind).read_text())
    console = Console(highlight=False)
    console.print(_stacks(found["stacks"], f"{kind}, {arch}, {options.mode}"))
    if found["locks"]:
        console.print(_locks(found))
    console.print(_raises(found["raises"]))


def _table(title: str, caption: str, *columns: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, caption=caption, box=SIMPLE_HEAD, title_justify="left", caption_justify="left", pad_edge=False)
    for column in columns:
        number = column in NUMBERS
        table.add_column(column, justify="right" if number else "left", no_wrap=number, overflow="fold")
    return table


NUMBERS = {"path", "interrupt", "panic", "together", "stack", "full", "places", "functions", "may raise"}


def _stacks(needs: list[dict[str, Any]], of: str) -> Any:
    table = _table(
        f"Stacks ({of}): bytes in the worst case",
        "A stack must hold the entry's deepest path, an interrupt on top, and a panic there.",
        "entry",
        "path",
        "interrupt",
        "panic",
        "together",
        "stack",
        "full",
        "deepest path",
    )
    for n in needs:
        together = n["path"] + n["interrupt"] + n["panic"]
        chain = " -> ".join(f"{shown(name)} {size}" for name, size in n["chain"])
        limit = (f"{n['limit']:,}", f"{together / n['limit']:.0%}") if n["limit"] else ("any", "")
        table.add_row(
            shown(n["name"]),
            *(f"{n[part]:,}" if n[part] else "" for part in ("path", "interrupt", "panic")),
            f"{together:,}",
            *limit,
            chain,
        )
    return table


def _locks(found: dict[str, Any]) -> Any:
    order = {name: i for i, name in enumerate(found["order"])}
    table = _table(
        "Locks, in the order in which they may be taken",
        "Those without a number are in no declared order: they are taken in no circle.",
        "",
        "lock",
        "places",
        "is taken while these are held",
    )
    for lock in sorted(found["locks"], key=lambda k: (order.get(k["name"], len(order)), k["name"])):
        number = str(order[lock["name"]] + 1) if lock["name"] in order else ""
        table.add_row(number, lock["name"], str(lock["places"]), ", ".join(sorted(lock["after"], key=lambda n: order.get(n, len(order)))))
    return table


def _raises(modules: dict[str, dict[str, Any]]) -> Any:
    every, may = sum(m["functions"] for m in modules.values()), sum(len(m["may"]) for m in modules.values())
    table = _table(
        "Functions that may raise",
        f"{may} of {every} functions; the others have no error flag, and their callers no test of it.",
        "module",
        "functions",
        "may raise",
        "which",
    )
    for name, m in modules.items():
        if m["may"]:
            table.add_row(name, str(m["functions"]), str(len(m["may"])), ", ".join(m["may"]))
    return table
