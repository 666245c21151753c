# SPDX-License-Identifier: GPL-2.0-or-later
"""The deepest stack of every entry point, checked against the stack that it runs on, when a world is compiled.

Nodes are the functions of the machine code with the frames that LLVM gave them (frames.py); edges are its calls, after inlining
and with tail calls apart. A call through a value is resolved by the sources' model: the targets of all such calls in a
function, and in those that it may have inlined. Assembly counts with what is declared, else with ASSEMBLY bytes.

An entry's need is the sum of
- `path`: the deepest chain of frames and return addresses. A copy from user memory may fault there, which is a call of the
  interrupt entry by the processor;
- `interrupt`: the deepest chain of an interrupt that comes on top, once: handlers run with interrupts off;
- `panic`: what it takes to say that something is wrong, as often as the hook's `@recursion` says: that may go wrong itself.
The answer errs to the safe side only: where values are not told apart, and where the deepest point can neither be interrupted
nor panic.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compiler.diagnostics import Diagnostic, Source, Span

ASSEMBLY = 64
RETURN_ADDRESS = {"x86_64": 8, "riscv": 0}  # what a call itself pushes; on RISC-V a frame holds it
Chain = list[tuple[str, int]]


@dataclass
class Need:
    """What one entry needs, of the stack that it has (0: it stands on others')."""

    name: str
    where: str
    path: int
    interrupt: int
    panic: int
    limit: int
    chain: Chain = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.path + self.interrupt + self.panic


@dataclass
class Depth:
    """Of a function: bytes in the worst case, and by which callee; if it takes a `Format`, bytes down to where that is printed."""

    bytes: int
    way: str = ""
    string: str = ""  # the f-string that is printed on the deepest way
    hole: int | None = None
    hole_way: str = ""


@dataclass
class Turns:
    """A cycle of functions while it is unrolled: the declared ones, and the others with callees first."""

    order: list[str]
    declared: list[str]
    limits: list[int]
    known: dict[tuple[int, ...], dict[str, Depth]] = field(default_factory=dict)


class Stacks:
    def __init__(self, arch: str, model: dict[str, Any], objects: Iterable[Path], repo: Path) -> None:
        self.repo = repo
        self.call = RETURN_ADDRESS[arch]
        self.model = model
        self.frames: dict[str, tuple[int, list[str], list[str]]] = {}
        for path in objects:
            self.frames |= {name: tuple(rest) for name, rest in json.loads(path.read_bytes()).items()}
        self.errors: list[Diagnostic] = []
        self.edges: dict[str, list[tuple[str, int]]] = {}
        self.depth: dict[str, Depth] = {}
        self.interrupts = [e for e in model["entries"] if not e["stack"]]
        self.ends = set(model["ends"])
        self.prints, self.takes = set(model["prints"]), set(model["takes"])
        self.strings: dict[str, list[str]] = {}
        self.holes: set[str] = set()
        self._find_holes()

    # -- edges --------------------------------------------------------------------------------------------------
    def size(self, name: str) -> int:
        return self.frames[name][0] if name in self.frames else self.model["assembly"].get(name, ASSEMBLY)

    def callees(self, name: str) -> list[tuple[str, int]]:
        """Whom a function calls, each with what is on the stack by then. (Its f-strings are elsewhere: `_made`.)"""
        found = self.edges.get(name)
        if found is None:
            found = self.edges[name] = [] if name in self.model["unproven"] else self._callees(name)
        return found

    def _callees(self, name: str) -> list[tuple[str, int]]:
        size = self.size(name)
        if name not in self.frames:
            traps = self.interrupts if name in self.model["faults"] else []
            return [(e["name"], size + e["used"] + self.call) for e in traps]
        _, calls, tails = self.frames[name]
        values = [v for f in self.inlined(name) for v in self.model["values"].get(f, ()) if v in self.frames]
        under = {t: 0 for t in tails} | {c: size + self.call for c in [*values, *calls]}
        return [(c, below) for c, below in under.items() if c not in self.ends]

    def inlined(self, name: str) -> list[str]:
        """The function, and those that may stand in it: the sources' calls lead to them, but no call of the machine code."""
        real = {*self.frames[name][1], *self.frames[name][2]} if name in self.frames else set()
        found, pending = {name: None}, [name]
        while pending:
            for callee in self.model["calls"].get(pending.pop(), ()):
                if callee not in real and callee not in found and callee in self.model["calls"] and callee not in self.ends:
                    found[callee] = None
                    pending.append(callee)
        return list(found)

    # -- f-strings ----------------------------------------------------------------------------------------------
    # What prints an f-string runs below whoever prints, but which one it is, is known where it was made. So a function that takes
    # a `Format` has two depths: one without it, and one down to where it is printed, to which whoever made it adds its own.
    def made(self, name: str) -> list[str]:
        """What prints the f-strings that a function makes."""
        found = self.strings.get(name)
        if found is None:
            bodies = self.inlined(name) if name in self.frames else []
            found = [f for b in bodies for f in self.model["formats"].get(b, ()) if f in self.frames]
            if not found and name not in self.takes and self._has_hole(name):
                found = self.every  # it has one from elsewhere
            self.strings[name] = found
        return found

    def _has_hole(self, name: str) -> bool:
        return name not in self.model["unproven"] and (
            any(b in self.prints for b in self.inlined(name)) or any(c in self.holes for c, _ in self.callees(name))
        )

    def _find_holes(self) -> None:
        """`holes`: the functions that print what they take, or pass it on to such."""
        self.every = [f for made in self.model["formats"].values() for f in made if f in self.frames]
        takers = [t for t in self.model["takes"] if t in self.frames]
        changed = True
        while changed:
            new = [t for t in takers if t not in self.holes and self._has_hole(t)]
            self.holes.update(new)
            changed = bool(new)

    # -- depths -------------------------------------------------------------------------------------------------
    def deepest(self, root: str) -> int:
        """Bytes below the root's caller, in the worst case. Reports recursion that is not declared."""
        for component in self._components(root):
            if len(component) == 1 and component[0] not in self.following(component[0]):
                self.depth[component[0]] = self._step(component[0])
            else:
                self._cycle(component)
        return self.depth[root].bytes

    def following(self, name: str) -> list[str]:
        """All that must be known before the function."""
        return [*(c for c, _ in self.callees(name)), *self.made(name)]

    def _step(self, name: str, without: Iterable[str] = ()) -> Depth:
        depth = Depth(self.size(name))
        strings = [f for f in self.made(name) if f not in without]
        longest = max(strings, key=lambda f: self.depth[f].bytes, default="")
        places = [(c, below, self.depth[c].hole) for c, below in self.callees(name) if c not in without]
        if any(b in self.prints for b in self.inlined(name)):
            places.append(("", self.size(name) + self.call, 0))
        for callee, below, hole in places:
            if callee and below + self.depth[callee].bytes > depth.bytes:
                depth.bytes, depth.way, depth.string = below + self.depth[callee].bytes, callee, ""
            if hole is not None:
                if longest and below + hole + self.depth[longest].bytes > depth.bytes:
                    depth.bytes, depth.way, depth.string = below + hole + self.depth[longest].bytes, callee, longest
                if name in self.takes and below + hole > (depth.hole or -1):
                    depth.hole, depth.hole_way = below + hole, callee
        return depth

    def _cycle(self, component: list[str]) -> None:
        """A set of functions that call each other: as deep as its declared ones allow, or an error."""
        members = set(component)
        declared = {n: self.model["recursion"][n] for n in component if n in self.model["recursion"]}
        free = members - declared.keys()
        order = _acyclic_order(free, lambda n: [c for c in self.following(n) if c in free])
        if not declared or order is None:
            self._report_cycle(component, declared)
            self.depth |= {name: Depth(self.size(name)) for name in component}
            return
        turns = Turns(order, list(declared), list(declared.values()))
        none = (0,) * len(declared)
        done = {n: d for n, d in self._turn(turns, none).items() if n not in declared}
        for i, name in enumerate(declared):
            done[name] = self._turn(turns, none[:i] + (1,) + none[i + 1 :])[name]
        self.depth |= done

    def _turn(self, turns: Turns, used: tuple[int, ...]) -> dict[str, Depth]:
        """The depths of a cycle's functions when its declared ones are on the stack so many times already (one of them: just now)."""
        known = turns.known.get(used)
        if known is None:
            more = {}
            for i, name in enumerate(turns.declared):
                if used[i] < turns.limits[i]:
                    more[name] = self._turn(turns, used[:i] + (used[i] + 1,) + used[i + 1 :])[name]
            without = [name for name in turns.declared if name not in more]
            self.depth |= more
            for name in turns.order:
                self.depth[name] = self._step(name, without)
            known = {name: self.depth[name] for name in turns.order}
            known |= {name: self._step(name, without) for name in turns.declared}
            turns.known[used] = known
        return known

    def _report_cycle(self, component: list[str], declared: dict[str, int]) -> None:
        way = _shortest_cycle(component, lambda n: [c for c in self.following(n) if c in set(component) and c not in declared])
        chain = " -> ".join(shown(n) for n in way)
        hint = "say how often it may be on the stack: `@recursion(DEPTH)`, or write a loop"
        text = f"{chain}: recursion without a bound, on a stack that is checked"
        self.errors.append(Diagnostic("E1006", text, self._span(self.model["where"].get(way[0], "")), hint))

    def _span(self, where: str) -> Span | None:
        """The line of a function's definition."""
        file, _, line = where.rpartition(":")
        path = self.repo / file
        if not path.is_file():
            return None
        source = Source(path, "", path.read_text(encoding="utf-8"), file)
        text = source.lines[int(line) - 1]
        return Span(source, int(line), len(text) - len(text.lstrip()), int(line), len(text.encode()))

    def _components(self, root: str) -> list[list[str]]:
        """Strongly connected components that are not done, callees first (Tarjan 1972), without Python's recursion."""
        index: dict[str, int] = {}
        low: dict[str, int] = {}
        stack: list[str] = []
        on_stack: set[str] = set()
        found: list[list[str]] = []
        work: list[tuple[str, Any]] = []

        def enter(name: str) -> None:
            index[name] = low[name] = len(index)
            stack.append(name)
            on_stack.add(name)
            work.append((name, iter(self.following(name))))

        if root not in self.depth:
            enter(root)
        while work:
            name, rest = work[-1]
            for callee in rest:
                if callee in self.depth:
                    continue
                if callee not in index:
                    enter(callee)
                    break
                if callee in on_stack:
                    low[name] = min(low[name], index[callee])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    cut = stack.index(name)
                    found.append(stack[cut:])
                    on_stack.difference_update(stack[cut:])
                    del stack[cut:]
        return found

    def chain(self, root: str) -> Chain:
        """The deepest way: each function with what it adds."""
        found: Chain = []
        name, string, seen = root, "", set[str]()
        while name and name not in seen:
            seen.add(name)
            depth = self.depth[name]
            if string:
                way = depth.hole_way  # on to where the f-string is printed
            else:
                way, string = depth.way, depth.string
            if not way and string:
                way, string = string, ""
                found.append((name, self.size(name) + self.call))
            else:
                found.append((name, next((b for c, b in self.callees(name) if c == way), self.size(name))))
            name = way
        return found

    # -- the check ----------------------------------------------------------------------------------------------
    def needs(self) -> list[Need]:
        """Of every entry; what does not fit is in `errors`."""
        ends = [e for e in sorted(self.ends) if e in self.frames]
        panic = max([self.model["recursion"].get(e, 1) * (self.deepest(e) + self.call) for e in ends], default=0)
        interrupt = max([e["used"] + self.call + self.deepest(e["name"]) for e in self.interrupts], default=0)
        found = []
        for e in self.model["entries"]:
            if e["name"] not in self.frames:
                continue  # nothing in this image uses it
            path = e["used"] + self.call + self.deepest(e["name"])
            on_top = not e["stack"]
            more = 0 if on_top or e["masked"] else interrupt
            need = Need(e["name"], e["where"], path, more, 0 if on_top else panic, e["stack"], self.chain(e["name"]))
            found.append(need)
            if need.limit and need.total > need.limit:
                self._report_overflow(need, e["used"])
        return sorted(found, key=lambda n: (-n.limit, -n.path))

    def _report_overflow(self, need: Need, used: int) -> None:
        parts = [f"{shown(name)} {size}" for name, size in need.chain]
        start = f"{used} at entry, " if used else ""
        more = [f"{n} for {what}" for n, what in ((need.interrupt, "an interrupt on top"), (need.panic, "a panic")) if n]
        text = f"`{shown(need.name)}` may need {need.total} bytes of its stack of {need.limit}: {start}{' -> '.join(parts)}" + (
            f"; {', '.join(more)}" if more else ""
        )
        hint = "make large local objects smaller or global, or the chain shorter"
        self.errors.append(Diagnostic("E1005", text, self._span(need.where), hint))


def shown(name: str) -> str:
    """`kern.core.idle.idle_loop` as `idle_loop`, `kern.sync.qlock.QLock.acquire` as `QLock.acquire`."""
    parts = name.split("[")[0].split(".")
    return ".".join(parts[-2:]) if len(parts) > 1 and parts[-2][:1].isupper() or parts[-1].startswith("format") else parts[-1]


def _acyclic_order(nodes: Iterable[str], callees: Any) -> list[str] | None:
    """Callees first; None if there is a cycle."""
    state: dict[str, int] = {}
    order: list[str] = []
    for root in nodes:
        work = [(root, iter(callees(root)))] if root not in state else []
        state.setdefault(root, 1)
        while work:
            name, rest = work[-1]
            for callee in rest:
                if state.get(callee) == 1:
                    return None
                if callee not in state:
                    state[callee] = 1
                    work.append((callee, iter(callees(callee))))
                    break
            else:
                state[name] = 2
                order.append(name)
                work.pop()
    return order


def _shortest_cycle(component: list[str], callees: Any) -> list[str]:
    best: list[str] = []
    for root in component:
        came: dict[str, str] = {}
        pending = [root]
        while pending and root not in came:
            name = pending.pop(0)
            for callee in callees(name):
                if callee not in came:
                    came[callee] = name
                    pending.append(callee)
        if root in came:
            way = [root]
            name = came[root]
            while name != root:
                way.append(name)
                name = came[name]
            way = [root, *reversed(way[1:]), root]
            if not best or len(way) < len(best):
                best = way
    return best or component
