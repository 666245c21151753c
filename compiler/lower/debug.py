# SPDX-License-Identifier: GPL-2.0-or-later
"""Line-level DWARF: one compile unit a module, a subprogram a function, a location a line."""

from __future__ import annotations

from typing import Any

from compiler.types.decls import FnInst, ModuleDecl


class DebugInfo:
    def __init__(self, program: Any, module: ModuleDecl) -> None:
        self.root = program.world.repo
        self.nodes: list[str] = []
        self.files: dict[str, int] = {}
        self.locations: dict[tuple[int, int], int] = {}
        own = self.file(module)
        self.unit = self.add(
            f'distinct !DICompileUnit(language: DW_LANG_Python, file: !{own}, producer: "pykaros", isOptimized: true, '
            "runtimeVersion: 0, emissionKind: FullDebug, nameTableKind: None)"
        )
        self.signature = self.add("!DISubroutineType(types: !{})")

    def add(self, text: str) -> int:
        self.nodes.append(text)
        return len(self.nodes) - 1

    def file(self, module: ModuleDecl) -> int:
        shown = module.source.shown
        found = self.files.get(shown)
        if found is None:
            found = self.files[shown] = self.add(f'!DIFile(filename: "{shown}", directory: ".")')
        return found

    def subprogram(self, fn: FnInst) -> int:
        name = fn.symbol.replace("\\", "").replace('"', "'")
        place = self.file(fn.module)
        return self.add(
            f'distinct !DISubprogram(name: "{name}", scope: !{place}, file: !{place}, line: {fn.line}, type: !{self.signature}, '
            f"scopeLine: {fn.line}, spFlags: DISPFlagDefinition | DISPFlagOptimized, unit: !{self.unit})"
        )

    def location(self, line: int, scope: int) -> int:
        key = (line, scope)
        found = self.locations.get(key)
        if found is None:
            found = self.locations[key] = self.add(f"!DILocation(line: {line}, column: 0, scope: !{scope})")
        return found

    def unrolled(self, times: int) -> int:
        """A loop's metadata: unroll it so many times."""
        hint = self.add(f'!{{!"llvm.loop.unroll.count", i32 {times}}}')
        return self.add(f"distinct !{{!{len(self.nodes)}, !{hint}}}")

    def text(self) -> str:
        base = len(self.nodes)
        lines = [f"!{i} = {node}" for i, node in enumerate(self.nodes)]
        lines += [
            f'!{base} = !{{i32 2, !"Debug Info Version", i32 3}}',
            f'!{base + 1} = !{{i32 7, !"Dwarf Version", i32 5}}',
            f"!llvm.dbg.cu = !{{!{self.unit}}}",
            f"!llvm.module.flags = !{{!{base}, !{base + 1}}}",
        ]
        return "\n".join(lines)
