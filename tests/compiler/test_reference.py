# SPDX-License-Identifier: GPL-2.0-or-later
"""Every example of docs/language.md is compiled and run, as the page says it does.

An example leaves out its imports; its lines from the first statement on that is no declaration are the body of `main`. What it prints
stands behind `# prints`, an error behind `# error:` on its line, a failed check behind `# stops:`. The word behind
`python` on the fence says more: `compiled` (CPython cannot), `kernel` or `user` (only in that world).
"""

import ast
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from compiler.checking import machine_text
from compiler.frontend import World, analyse, lower
from compiler.types.vocabulary import KNOWN

REPO = Path(__file__).resolve().parents[2]
PAGE = REPO / "docs" / "language.md"
FENCE = re.compile(r"^```python *(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOMES = {
    "typing": {"Annotated", "Callable", "ClassVar", "Final", "Generic", "Literal", "NewType", "NoReturn", "Protocol", "TypeVar"},
    "enum": {"Enum", "IntEnum", "IntFlag", "auto"},
    "abc": {"ABC", "abstractmethod"},
}
DECLARATIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.AnnAssign)
HEAD = "# SPDX-License-Identifier: GPL-2.0-or-later\nfrom __future__ import annotations\n"


def declares(node: ast.stmt) -> bool:
    return isinstance(node, DECLARATIONS) or isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)


@dataclass
class Example:
    line: int
    kind: str
    text: str

    @property
    def name(self) -> str:
        return f"example_{self.line}"

    def said(self, word: str) -> list[tuple[int, str]]:
        """(line in the example, text) of each comment `# WORD text`."""
        found = [(i, re.search(rf"# {word} (.*)", t)) for i, t in enumerate(self.text.splitlines(), 1)]
        return [(i, m.group(1).strip()) for i, m in found if m]

    @property
    def printed(self) -> list[str]:
        return [part for _, text in self.said("prints") for part in text.split(" | ")]

    def source(self, function: str = "main() -> i32", end: str = "    return 0\n") -> tuple[str, int]:
        """A module of it, and on which of its lines the example's first one stands."""
        tree = ast.parse(self.text)
        used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | {"i32"}
        own = {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        own |= {a.asname or a.name for n in tree.body if isinstance(n, (ast.ImportFrom, ast.Import)) for a in n.names}
        builtin = {"bool", "int", "float", "str", "bytes"}
        imports = ""
        wanted = (used & (KNOWN | {"u64"})) - own - builtin
        for home, names in HOMES.items():
            if wanted & names:
                imports += f"from {home} import {', '.join(sorted(wanted & names))}\n"
                wanted -= names
        imports += f"from lang import {', '.join(sorted(wanted))}\n"
        lines = self.text.splitlines()
        first = next((n.lineno for n in tree.body if not declares(n)), None)
        if function and "main" not in own:
            at = first - 1 if first is not None else len(lines)
            body = "\n".join("    " + t for t in lines[at:]) or "    pass"
            text = "\n".join(lines[:at]) + f"\ndef {function}:\n{body}\n{end}"
            shift = 1 if first is not None else 0
        else:
            text, shift, at = self.text, 0, len(lines)
            if function.startswith("example"):
                text += f"\ndef {function}:\n    main()\n"
        self.body_at, self.shift = at, shift
        return HEAD + imports + text, (HEAD + imports).count("\n")

    def line_of(self, line: int, start: int) -> int:
        """Where a line of the example stands in its source."""
        return start + line + (self.shift if line > self.body_at else 0)


def examples() -> list[Example]:
    page = PAGE.read_text(encoding="utf-8")
    return [Example(page.count("\n", 0, m.start()) + 1, m.group(1), m.group(2)) for m in FENCE.finditer(page)]


ALL = examples()
WRONG = [e for e in ALL if e.said("error:")]
STOPS = [e for e in ALL if e.said("stops:")]
WORLDS = [e for e in ALL if e.kind in ("kernel", "user") and e not in WRONG]
RUNS = [e for e in ALL if e not in WRONG and e not in STOPS and e not in WORLDS]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=240, env=environment, check=False)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """One program of all examples that run: each is a module, and says where it begins."""

    def write(which: list[Example], name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        for e in which:
            (folder / f"{e.name}.py").write_text(e.source("example() -> None", "")[0], encoding="utf-8")
        imports = "".join(f"import {e.name}\n" for e in which)
        calls = "".join(f'    print("== {e.line}")\n    {e.name}.example()\n' for e in which)
        path = folder / "program.py"
        ending = 'if __name__ == "__main__":\n    raise SystemExit(main())\n'
        path.write_text(f"{HEAD}{imports}from lang import i32\ndef main() -> i32:\n{calls}    return 0\n{ending}", encoding="utf-8")
        return path

    return write


def compare(which: list[Example], done: subprocess.CompletedProcess[str]) -> None:
    parts = re.split(r"^== (\d+)\n", done.stdout, flags=re.MULTILINE)
    got = {int(line): [t.rstrip() for t in text.splitlines()] for line, text in zip(parts[1::2], parts[2::2], strict=True)}
    for e in which:
        assert got.get(e.line) == e.printed, f"docs/language.md:{e.line} prints {got.get(e.line)}, not {e.printed}\n{done.stderr}"
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("mode", ["--checked", "--release"])
def test_examples_print_what_the_page_says(program, mode):
    compare(RUNS, run([sys.executable, "-m", "compiler", "run", mode, str(program(RUNS, "compiled"))]))


def test_examples_print_the_same_under_cpython(program):
    which = [e for e in RUNS if e.kind != "compiled"]
    compare(which, run([sys.executable, str(program(which, "cpython"))]))


@pytest.mark.parametrize("example", WRONG, ids=lambda e: f"line{e.line}")
def test_errors_are_those_that_the_page_says(example, tmp_path):
    text, start = example.source()
    path = tmp_path / "example.py"
    path.write_text(text, encoding="utf-8")
    kind = example.kind if example.kind in ("kernel", "user") else "hosted"
    found = [(e.span.line if e.span else 0, e.message) for e in analyse(World(kind, roots=[path])).errors]
    wanted = [(example.line_of(line, start), message) for line, message in example.said("error:")]
    assert [line for line, _ in found] == [line for line, _ in wanted], f"{found}\n{text}"
    for (_, message), (_, want) in zip(found, wanted, strict=True):
        assert want in message


@pytest.mark.parametrize("example", STOPS, ids=lambda e: f"line{e.line}")
def test_failed_checks_say_what_the_page_says(example, tmp_path):
    text, start = example.source()
    path = tmp_path / "example.py"
    path.write_text(text + 'if __name__ == "__main__":\n    raise SystemExit(main())\n', encoding="utf-8")
    [(line, message)] = example.said("stops:")
    commands = [[sys.executable, "-m", "compiler", "run", str(path)], [sys.executable, str(path)]]
    for command in commands[: 1 if example.kind == "compiled" else 2]:
        done = run(command)
        assert done.returncode == 101, done.stderr
        place = f"{path}:{example.line_of(line, start)}"
        assert re.search(rf"{re.escape(place)}: (in \S+: )?{re.escape(message)}\n", done.stderr), done.stderr
        assert done.stdout.splitlines() == example.printed


@pytest.mark.parametrize("world", ["kernel", "user"])
def test_examples_of_a_world_compile_in_it(world, tmp_path):
    which = [e for e in WORLDS if e.kind == world]
    for e in which:
        (tmp_path / f"{e.name}.py").write_text(e.source("")[0], encoding="utf-8")
    for arch in ("x86_64", "riscv"):
        program = analyse(World(world, arch, roots=[tmp_path / f"{e.name}.py" for e in which]))
        assert [e.render() for e in program.errors] == []
        modules = lower(program)
        for e in which:
            if e.name in modules:
                assert e.name in machine_text(modules[e.name], "assembly", arch, world)
