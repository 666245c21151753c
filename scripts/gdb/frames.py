# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks: where the user's part of one ends for good, and what the ways into the kernel are called.

The assembly files say by call frame information how to go on from a kernel stack in the user's registers. Those lie in the context of the
core that took the trap, which is another thread's once the call has blocked: then the stack ends at the kernel's entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import gdb
import gdb.unwinder
from gdb.FrameDecorator import FrameDecorator

from scripts.gdb.machine import WORD, at_distance, is_riscv, place_of, variable

ENTRIES = {
    "syscall_entry": "<system call>",
    "trap_user": "<trap in user code>",
    "trap_entry": "<trap in user code>",
    "trap_common": "<trap in the kernel>",
    "trap_kernel": "<trap in the kernel>",
    "trap_anywhere": "<trap in the kernel>",
}
FROM_USER = ("syscall_entry", "trap_user", "trap_entry")


class FrameId:
    def __init__(self, sp: gdb.Value, pc: gdb.Value) -> None:
        self.sp, self.pc = sp, pc


class EndOfStack(gdb.unwinder.Unwinder):
    """Ends the stack at a way in from user space whose context serves somebody else by now."""

    def __init__(self) -> None:
        super().__init__("pykaros-entry")
        self.ranges: list[tuple[int, int]] = []
        self.core: gdb.Value | None = None
        gdb.events.new_objfile.connect(lambda _: self.forget())

    def forget(self) -> None:
        self.ranges, self.core = [], None

    def stopped(self, _: gdb.Event) -> None:
        """Prepares what needs gdb's expressions, which may not be used while a frame is being unwound."""
        if self.core is not None:
            return
        self.core = variable("kern/core/percore.py", "core")
        for name in FROM_USER:
            try:
                start = int(gdb.parse_and_eval(f"(u64)&'{name}'")) & WORD
            except gdb.error:
                continue
            end = start
            while function_at(end) == name:
                end += 1
            self.ranges.append((start, end))

    def __call__(self, pending: Any) -> Any:
        if pending.level() == 0 or self.core is None:
            return None
        pc = int(pending.read_register("pc")) & WORD
        if not any(low <= pc < high for low, high in self.ranges):
            return None
        context = int(pending.read_register("s1" if is_riscv() else "rbx")) & WORD
        delta = int(pending.read_register("tp" if is_riscv() else "gs_base")) & WORD
        mine = at_distance(self.core, delta)
        if place_of(mine["actual_ctx"]) == context and int(mine["cur_ctx"]) in (0, context):
            return None
        info = pending.create_unwind_info(FrameId(pending.read_register("sp"), pending.read_register("pc")))
        info.add_saved_register("pc" if is_riscv() else "rip", gdb.Value(0).cast(gdb.lookup_type("u64")))
        return info


def function_at(address: int) -> str:
    """The assembly function that covers an address."""
    return gdb.execute(f"info symbol {address:#x}", to_string=True).split(" ")[0]


class Named(FrameDecorator):
    """A way into the kernel by its meaning; references among the arguments by what they refer to."""

    def function(self) -> Any:
        frame = self.inferior_frame()
        if frame.type() == gdb.SIGTRAMP_FRAME:
            return ENTRIES.get(function_at(frame.pc()), "<entry>")
        name = super().function()
        return name.partition("(")[0] if isinstance(name, str) else name  # gdb's has the types of parameters

    def frame_args(self) -> Any:
        return [Argument(a.symbol(), shown(a, self.inferior_frame())) for a in super().frame_args() or []]


class Argument:
    def __init__(self, symbol: Any, value: Any) -> None:
        self.name, self.known = symbol, value

    def symbol(self) -> Any:
        return self.name

    def value(self) -> Any:
        return self.known


def shown(argument: Any, frame: gdb.Frame) -> Any:
    """A reference as a pointer, which gdb prints on one line."""
    value = argument.value()
    if value is None:
        value = argument.symbol().value(frame)
    if value.type.code == gdb.TYPE_CODE_REF and not value.is_optimized_out:
        return value.referenced_value().address
    return value


class Names:
    name, priority, enabled = "pykaros", 100, True

    def filter(self, frames: Iterator[Any]) -> Iterator[Any]:
        return (Named(f) for f in frames if f.inferior_frame().pc())  # a return address of 0 ends a stack


def register() -> None:
    ends = EndOfStack()
    gdb.unwinder.register_unwinder(None, cast(Any, ends), replace=True)
    gdb.frame_filters[Names.name] = Names()
    gdb.events.stop.connect(ends.stopped)
