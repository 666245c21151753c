# SPDX-License-Identifier: GPL-2.0-or-later
"""DWARF 5, as LLVM's metadata: a compile unit a module, its functions with their variables, a location a line, its globals.

The language that a debugger is told is C++, the one among those it knows whose expressions come nearest to ours: `p.pid` on a
reference, `p.vcores[2]` by operators that a debugger's scripts give to spans, enumerations with a name of their own
(docs/decisions/debugging.md). A variable stands where its stack slot does; LLVM follows it from there into registers. Calls that were
inlined LLVM records itself, since every location names its function.
"""

from __future__ import annotations

from typing import Any

from compiler.lower.debug_types import DebugTypes
from compiler.types import hir, model
from compiler.types.decls import ClassDecl, FnInst, GlobalDecl, ModuleDecl


class DebugInfo:
    def __init__(self, program: Any, module: ModuleDecl) -> None:
        self.nodes: list[str] = []
        self.files: dict[str, int] = {}
        self.locations: dict[tuple[int, int], int] = {}
        self.globals: list[str] = []
        self.enums: list[str] = []
        self.types = DebugTypes(self, program)
        self.own = self.file(module)
        self.unit = self.reserve()
        self.no_expression = self.add("!DIExpression()")

    def add(self, text: str) -> int:
        self.nodes.append(text)
        return len(self.nodes) - 1

    def reserve(self) -> int:
        """A number for a node whose text follows: nodes may go round in circles."""
        return self.add("")

    def file(self, module: ModuleDecl) -> int:
        shown = module.source.shown
        found = self.files.get(shown)
        if found is None:
            found = self.files[shown] = self.add(f'!DIFile(filename: "{shown}", directory: "")')
        return found

    # -- functions ----------------------------------------------------------------------------------------------
    def subprogram(self, fn: FnInst, suffix: str = "") -> int:
        place = self.file(fn.module)
        name = fn.symbol.removeprefix(fn.module.name + ".") + suffix
        types = ", ".join(self.types.value(t) for t in [fn.result, *(v.ty for v in fn.params)])
        signature = self.add(f"!DISubroutineType(types: !{{{types}}})")
        return self.add(
            f'distinct !DISubprogram(name: "{escape(name)}", scope: !{place}, file: !{place}, '
            f"line: {fn.line}, type: !{signature}, scopeLine: {fn.line}, "
            f"spFlags: DISPFlagLocalToUnit | DISPFlagDefinition | DISPFlagOptimized, unit: !{self.unit})"
        )

    def variable(self, fn: FnInst, var: Any, argument: int, scope: int) -> str:
        """The record that says where a parameter (its number from 1) or a local (0) stands."""
        place = self.file(fn.module)
        arg = f"arg: {argument}, " if argument else ""
        node = self.add(
            f'!DILocalVariable(name: "{escape(var.name)}", {arg}scope: !{scope}, file: !{place}, line: {fn.line}, '
            f"type: {self.types.value(var.ty)})"
        )
        return f"    #dbg_declare(ptr %v{var.number}, !{node}, !DIExpression(), !{self.location(fn.line, scope)})"

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

    # -- globals ------------------------------------------------------------------------------------------------
    def variable_at(self, glob: GlobalDecl) -> str:
        """What a global's definition ends in. A per-core variable is the one of the boot core: the debugger adds the distance."""
        assert glob.ty is not None
        return f", !dbg {self._global(glob, self.types.storage(glob.ty), f'!{self.no_expression}')}"

    def names(self, module: ModuleDecl) -> None:
        """What the module's text can name though it stands in no memory: integer constants and enumerations, imported ones too."""
        for item in module.scope.values():
            if isinstance(item, ClassDecl):
                self.enums += [self.types.storage(t) for t in item.instances.values() if isinstance(t, model.EnumType)]
            elif isinstance(item, GlobalDecl) and isinstance(item.const, hir.Const) and isinstance(item.const.value, int):
                value = item.const.value & (1 << 64) - 1
                self._global(item, self.types.value(item.const.ty), f"!DIExpression(DW_OP_constu, {value}, DW_OP_stack_value)")

    def _global(self, glob: GlobalDecl, kind: str, where: str) -> str:
        line = getattr(glob.node, "lineno", 0)
        var = self.add(
            f'distinct !DIGlobalVariable(name: "{escape(glob.name)}", scope: !{self.unit}, file: !{self.file(glob.module)}, '
            f"line: {line}, type: {kind}, isLocal: true, isDefinition: true)"
        )
        self.globals.append(f"!{self.add(f'!DIGlobalVariableExpression(var: !{var}, expr: {where})')}")
        return self.globals[-1]

    def text(self) -> str:
        self.types.finish()
        lists = (("globals", self.globals), ("enums", self.enums))
        listed = "".join(f", {what}: !{self.add('!{' + ', '.join(nodes) + '}')}" for what, nodes in lists if nodes)
        self.nodes[self.unit] = (
            f'distinct !DICompileUnit(language: DW_LANG_C_plus_plus_14, file: !{self.own}, producer: "pykaros", isOptimized: true, '
            f"runtimeVersion: 0, emissionKind: FullDebug, nameTableKind: None{listed})"
        )
        base = len(self.nodes)
        lines = [f"!{i} = {node}" for i, node in enumerate(self.nodes)]
        lines += [
            f'!{base} = !{{i32 2, !"Debug Info Version", i32 3}}',
            f'!{base + 1} = !{{i32 7, !"Dwarf Version", i32 5}}',
            f"!llvm.dbg.cu = !{{!{self.unit}}}",
            # Where canaries are read (checked builds): a variable, not the host's thread-local place.
            f'!{base + 2} = !{{i32 1, !"stack-protector-guard", !"global"}}',
            f"!llvm.module.flags = !{{!{base}, !{base + 1}, !{base + 2}}}",
        ]
        return "\n".join(lines)


def escape(name: str) -> str:
    return name.replace("\\", "").replace('"', "'")
