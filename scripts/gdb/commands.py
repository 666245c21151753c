# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands and functions for gdb: ps, cores, kthreads, vcores; $percore, $mine, $threadlocal, $len, $at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gdb

from scripts.gdb import machine
from scripts.gdb.machine import WORD
from scripts.gdb.printers import bytes_of, kthread, process, state_of
from scripts.gdb.subscripts import subscript

BLOCKED = 2  # of Kthread.flags
MAX_DEPTH = 64


class Command(gdb.Command):
    """A command from a function, whose docstring is the help."""

    def __init__(self, name: str, do: Callable[[list[str]], None]) -> None:
        self.__doc__ = do.__doc__
        super().__init__(name, gdb.COMMAND_STATUS)
        self.do = do

    def invoke(self, words: str, _: bool) -> None:
        with machine.kernel_view():
            self.do(gdb.string_to_argv(words))


class Function(gdb.Function):
    def __init__(self, name: str, do: Callable[..., Any]) -> None:
        self.__doc__ = do.__doc__
        super().__init__(name)
        self.do = do

    def invoke(self, *args: gdb.Value) -> Any:
        with machine.kernel_view():
            found = self.do(*args)
            if isinstance(found, gdb.Value):
                found.fetch_lazy()
        return found


# Commands


def ps(_: list[str]) -> None:
    """ps: the processes, as the kernel's table has them."""
    print(f"{'PID':>5} {'PPID':>5} {'STATE':<12} {'KIND':<4} {'VCORES':>6} NAME")
    for p in machine.processes():
        kind = "MCP" if p["is_mcp"] else "SCP"
        print(f"{int(p['pid']):>5} {int(p['ppid']):>5} {state_of(p):<12} {kind:<4} {int(p['num_vcores']):>6} {machine.text_of(p['name'])}")


def cores(_: list[str]) -> None:
    """cores: what every core runs, who owns it, and its kernel thread."""
    for number in range(machine.core_count()):
        info = machine.core_info(number)
        owner = info["owning_proc"]
        if int(owner):
            vcore = int(info["owning_vcoreid"])
            what = process(owner.dereference()) + (f", vcore {vcore}" if vcore != WORD >> 32 else "")
        else:
            what = "idle" if int(info["idle_since_ns"]) else "kernel"
        thread = info["cur_kthread"]
        print(f"{number:>3}  {what}" + (f"; {kthread(thread.dereference())}" if int(thread) else ""))


def kthreads(_: list[str]) -> None:
    """kthreads: the kernel's threads; of those that are blocked, where they stand."""
    for pointer in machine.list_items(machine.variable("kern/sync/kthread.py", "all_kthreads")):
        thread = pointer.dereference()
        owner = thread["proc"]
        whose = f" for {process(owner.dereference())}" if int(owner) else ""
        print(f'{int(pointer):#x} "{bytes_of(thread["name"])}"{whose}' + ("" if int(thread["flags"]) & BLOCKED else " (not blocked)"))
        if int(thread["flags"]) & BLOCKED:
            for line in backtrace(int(thread["context"]["fp" if machine.is_riscv() else "rbp"])):
                print(f"    {line}")


def backtrace(frame: int) -> list[str]:
    """The calls above a frame pointer, by the chain of frame pointers."""
    below = 16 if machine.is_riscv() else 0  # how far the record lies below a frame pointer
    lines: list[str] = []
    while frame and len(lines) < MAX_DEPTH:
        try:
            caller, back = machine.word_at(frame - below), machine.word_at(frame - below + 8)
        except gdb.MemoryError:
            return [*lines, f"(no memory at {frame:#x})"]
        if back == 0:
            break
        lines += places(back - 1)
        frame = caller
    return lines


def places(pc: int) -> list[str]:
    """The function at an address and those that it is inlined in, innermost first."""
    line = gdb.find_pc_line(pc)
    where = f" at {line.symtab.filename}:{line.line}" if line.symtab is not None else ""
    names, block = [], gdb.block_for_pc(pc)
    while block is not None and not block.is_static:
        if block.function is not None:
            names.append(block.function.name.partition("(")[0])  # without the types of its parameters
        block = block.superblock
    if not names:
        return [gdb.execute(f"info symbol {pc:#x}", to_string=True).split(" in section")[0].strip() + where]
    return [names[0] + where, *(f"{name} (inlines it)" for name in names[1:])]


def vcores(words: list[str]) -> None:
    """vcores PID: the vcores of a process that have, or had, a core, and what they are told."""
    if len(words) != 1 or not words[0].isdigit():
        raise gdb.GdbError("vcores PID")
    p = machine.find_process(int(words[0]))
    print(f"{process(p)}: {int(p['num_vcores'])} of {int(p['max_vcores'])} vcores")
    for number in range(int(p["max_vcores"])):
        entry, data = p["info"]["vcoremap"][number], p["data"]["vcores"][number]
        online = bool(int(entry["valid"]))
        if not online and not int(entry["total_ticks"]) and number > 0:
            continue
        core = f"core {int(entry['pcoreid'])}" if online else "offline"
        flags = data["flags"]["value"].cast(gdb.lookup_type("VcoreFlag")).format_string().replace("VcoreFlag::", "")
        context = "vcore context" if int(data["notif_disabled"]["value"]) else "thread"
        pending = ", notification pending" if int(data["notif_pending"]["value"]) else ""
        print(f"{number:>4}  {core:<10} {context}{pending}; flags {flags}")


# Functions


def percore(name: gdb.Value, core: gdb.Value) -> gdb.Value:
    """$percore("core", 2): a per-core variable of the kernel, the one of that core."""
    return machine.at_distance(machine.named(name.string()), machine.delta_of(int(core)))


def mine(name: gdb.Value) -> gdb.Value:
    """$mine("core"): a per-core variable of the kernel, the one of the selected core."""
    return machine.at_distance(machine.named(name.string()), machine.selected_delta())


def threadlocal(name: gdb.Value) -> gdb.Value:
    """$threadlocal("me"): a thread-local variable of the user code that the selected core is in, or was in before the trap."""
    return machine.thread_local(name.string())


def length(value: gdb.Value) -> int:
    """$len(p.vcores): how many items a span, str, text, array, list, map or ring has."""
    kind = value.type.strip_typedefs()
    if kind.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_PTR):
        value = value.referenced_value()
        kind = value.type.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_ARRAY:
        low, high = kind.range()
        return int(high - low + 1)
    fields = [f.name for f in kind.fields()]
    if "header" in fields:
        return int(value["header"]["used"])
    if "slots" in fields:
        return int(value["tail"]) - int(value["head"])
    for name in ("len", "count", "used"):
        if name in fields:
            return int(value[name])
    raise gdb.GdbError(f"{kind} has no length")


def at(value: gdb.Value, index: gdb.Value) -> gdb.Value:
    """$at(table, 2): an item of a span, str, text, list, ring or tuple, also of one that stands in registers."""
    return subscript(value, int(index))


def register() -> None:
    for do in (ps, cores, kthreads, vcores):
        Command(do.__name__, do)
    for name, function in (("percore", percore), ("mine", mine), ("threadlocal", threadlocal), ("len", length), ("at", at)):
        Function(name, function)
