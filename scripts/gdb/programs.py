# SPDX-License-Identifier: GPL-2.0-or-later
"""The lines of user code: every program is linked at the same addresses, so gdb holds the symbols of one at a time.

By itself that is the program of the process whose page tables the selected core has loaded, looked up at each stop. `program NAME` (and
PROGRAMS= of make) chooses one for good, so that breakpoints can be set in it before it runs; `program auto` ends that.
"""

from __future__ import annotations

from pathlib import Path

import gdb

from scripts.gdb.machine import current_process, file_of, kernel_view, place_of, program_of


def current_program() -> str:
    """What the process runs whose page tables the selected core has loaded; nothing before there are any."""
    with kernel_view():
        p = current_process()
        return program_of(p) if p is not None else ""


class Programs(gdb.Command):
    """program [NAME... | auto]: take the lines of user code from NAME's symbols; auto: from those of the process that runs."""

    def __init__(self) -> None:
        super().__init__("program", gdb.COMMAND_FILES)
        self.loaded: list[Path] = []
        self.chosen = False

    def folder(self) -> Path:
        return Path(file_of(gdb.objfiles()[0])).parent / "programs"

    def invoke(self, words: str, _: bool) -> None:
        names = gdb.string_to_argv(words)
        if names == ["auto"]:
            self.chosen = False
            self.follow()
        elif names:
            self.load([self.file(name) for name in names])
            self.chosen = True
        which = ", ".join(p.stem for p in self.loaded) or "no symbols"
        print(f"user code: {which} ({'chosen' if self.chosen else 'by the current process'})")

    def file(self, name: str) -> Path:
        path = self.folder() / f"{name}.elf"
        if not path.is_file():
            raise gdb.GdbError(f"there is no program {name}: {path}")
        return path

    def load(self, wanted: list[Path]) -> None:
        if wanted == self.loaded:
            return
        for objfile in gdb.objfiles()[1:]:
            if Path(file_of(objfile)) in self.loaded:
                gdb.execute(f"remove-symbol-file -a {self.start(objfile)}", to_string=True)
        self.loaded = wanted
        for path in wanted:
            gdb.execute(f"add-symbol-file {path}", to_string=True)

    @staticmethod
    def start(objfile: gdb.Objfile) -> str:
        symbol = objfile.lookup_static_symbol("_start") or objfile.lookup_global_symbol("_start")
        return hex(place_of(symbol.value())) if symbol is not None else "0x400000"

    def follow(self) -> None:
        """The program of the process that the selected core runs."""
        name = current_program()
        path = self.folder() / f"{name}.elf" if name else None
        if path is not None and path.is_file():
            self.load([path])

    def stopped(self, _: gdb.Event) -> None:
        if not self.chosen:
            try:
                self.follow()
            except gdb.error as problem:
                print(f"program: {problem}")


class Running(gdb.Function):
    """$running("hello"): whether the selected core has the page tables of a process that runs this program."""

    def __init__(self) -> None:
        super().__init__("running")

    def invoke(self, *args: gdb.Value) -> bool:
        return current_program() == args[0].string()


def register() -> None:
    programs = Programs()
    Running()
    gdb.events.stop.connect(programs.stopped)
