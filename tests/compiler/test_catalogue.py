# SPDX-License-Identifier: GPL-2.0-or-later
"""The catalogue of diagnostics: call sites and entries name the same codes, and every example is what it says.

The whole text of each wrong example's error stands in `golden/catalogue.txt`; `UPDATE_GOLDEN=1` writes it anew.
"""

import ast
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from compiler import diagnostics
from compiler.catalogue import entries
from compiler.diagnostics import CODE
from compiler.frontend import World, analyse, lower
from compiler.syntax import leftout
from compiler.types.vocabulary import KNOWN, home_of
from tests.compiler.small_kernel import stacks_of, write_kernel

REPO = Path(__file__).parents[2]
COMPILER = REPO / "compiler"
GOLDEN = Path(__file__).parent / "golden"
NO_EXAMPLE = {"E0001", "E0002", "E0102", "E0103"}  # faults of a file or a world, not of some lines; each has its test below
KERNEL = {"E1003", "E1004", "E1005", "E1006"}  # of a whole kernel, not of a module


def codes_in_use():
    """Every code that the compiler's sources name, and where."""
    found = {}
    for path in sorted(COMPILER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.setdefault(node.value, f"{path.relative_to(REPO)}:{node.lineno}")
    return found


def with_imports(source):
    """An example as a module: with the imports that it leaves out."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return f"from lang import u64\n{source}"
    there = {a.name for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names}
    there |= {n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} & KNOWN - there
    homes = sorted({home_of(name) for name in used})
    return "".join(f"from {home} import {', '.join(sorted(n for n in used if home_of(n) == home))}\n" for home in homes) + source


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """The program of all examples, a module each; and each module's errors by (kind, code)."""
    folder = tmp_path_factory.mktemp("examples")
    paths = {}
    for entry in entries().values():
        for kind in ("wrong", "right") if entry.code not in KERNEL else ():
            for source in entry.examples(kind):
                path = folder / f"{kind}_{entry.code}.py"
                path.write_text(with_imports(source))
                paths[path.resolve()] = kind, entry.code
    program = analyse(World("hosted", roots=sorted(paths)))
    errors = {of: [] for of in paths.values()}
    for error in program.errors:
        errors[paths[error.span.source.path]].append(error)
    return program, errors, folder


def test_every_code_in_use_is_in_the_catalogue():
    missing = {code: where for code, where in codes_in_use().items() if code not in entries()}
    assert not missing, f"describe in compiler/catalogue/: {missing}"


def test_every_entry_is_in_use_and_has_its_examples():
    assert not set(entries()) - set(codes_in_use())
    for code, entry in entries().items():
        count = 0 if code in NO_EXAMPLE else 1
        assert len(entry.examples("wrong")) == len(entry.examples("right")) == count, code
        assert len(entry.text.split("```")[0].split()) > 5, f"{code} explains nothing"


def test_the_documentation_names_codes_that_exist():
    for page in (REPO / "docs").glob("*.md"):
        assert not set(re.findall(r"\bE\d{4}\b", page.read_text())) - set(entries()), page.name


def test_a_wrong_example_has_this_error_alone(checked):
    found = {code: sorted({e.code for e in errors}) for (kind, code), errors in checked[1].items() if kind == "wrong"}
    assert found == {code: [code] for code in found}


def test_a_right_example_has_no_error(checked):
    assert not {code: [e.render() for e in errors] for (kind, code), errors in checked[1].items() if kind == "right" and errors}


def test_right_examples_can_be_compiled(tmp_path):
    """Together: they are a program."""
    paths = []
    for code, entry in entries().items():
        for source in entry.examples("right") if code not in KERNEL else ():
            if "def main" not in source and "@export" not in source:
                paths.append(tmp_path / f"right_{code}.py")
                paths[-1].write_text(with_imports(source))
    assert len(lower(analyse(World("hosted", roots=paths)))) > len(paths) // 2


def test_the_text_of_every_entry_is_golden(checked):
    _, errors, folder = checked
    said = "".join(
        f"{e.render()}\n".replace(f"{folder}/wrong_", "") for (kind, _), found in sorted(errors.items()) if kind == "wrong" for e in found
    )
    if os.environ.get("UPDATE_GOLDEN"):
        (GOLDEN / "catalogue.txt").write_text(said)
    assert said == (GOLDEN / "catalogue.txt").read_text()


def test_every_code_stands_in_a_golden_text():
    said = "".join(p.read_text() for p in GOLDEN.glob("*.txt"))
    assert not {code for code in entries() if f"error[{code}]" not in said} - NO_EXAMPLE


@pytest.mark.parametrize("code", sorted(KERNEL))
def test_examples_that_are_kernels(tmp_path, code):
    """Their errors are found in the whole world, or in its machine code; the texts stand in `golden/kernel.txt`."""
    (wrong,), (right,) = entries()[code].examples("wrong"), entries()[code].examples("right")
    (error,) = kernel_errors(tmp_path / "wrong", with_imports(wrong))
    assert kernel_errors(tmp_path / "right", with_imports(right)) == []
    assert error.code == code
    golden = GOLDEN / f"kernel_{code}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(f"{error.render()}\n")
    assert f"{error.render()}\n" == golden.read_text()


def kernel_errors(repo, source):
    repo.mkdir()
    write_kernel(repo, source)
    program = analyse(World("kernel", checked=False, repo=repo))
    if program.errors:
        return program.errors
    shutil.rmtree(repo / "kern")
    (repo / "compiler").unlink()
    stacks = stacks_of(repo, source, "x86_64")
    stacks.needs()
    return stacks.errors


def call_sites():
    """Every place in the compiler that makes a diagnostic: (file, first line, last line)."""
    for path in sorted(COMPILER.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant):
                name = getattr(call.func, "attr", getattr(call.func, "id", ""))
                if name in ("error", "Diagnostic", "Found") and CODE.fullmatch(str(call.args[0].value)):
                    yield str(path), call.lineno, call.end_lineno


# In these functions: kernels, and files or worlds that are damaged, which have tests of their own.
ELSEWHERE = ("effects/contexts.py:_refuse_floats", "effects/stacks.py:", "backend/stacks.py:", "loader.py:", "calls.py:hook")
ELSEWHERE += ("program.py:runtime", "program.py:_find_hooks", "statements.py:statements")


def test_every_place_that_reports_is_reached_by_a_golden_text(checked, monkeypatch):
    """So no sentence is without its test: `golden/*.py` and the catalogue's wrong examples reach each call of `error`."""
    reached = set()

    def note():
        frame = sys._getframe(2)
        while frame is not None:
            reached.add((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back

    found, after = leftout.Found, diagnostics.Diagnostic.__post_init__
    monkeypatch.setattr(leftout, "Found", lambda *arguments: (note(), found(*arguments))[1])
    monkeypatch.setattr(diagnostics.Diagnostic, "__post_init__", lambda self: (note(), after(self))[1])
    analyse(World("hosted", roots=[*sorted(checked[2].glob("wrong_*.py")), *sorted(GOLDEN.glob("*.py"))]))
    missed = [(f, a) for f, a, z in call_sites() if not any((f, line) in reached for line in range(a, z + 1))]
    named = {f"{Path(f).relative_to(COMPILER)}:{function_at(f, line)}" for f, line in missed}
    assert not {n for n in named if not any(e in n for e in ELSEWHERE)}


def function_at(path, line):
    """The function that a line stands in."""
    inside = [n for n in ast.walk(ast.parse(Path(path).read_text())) if isinstance(n, ast.FunctionDef) and n.lineno <= line <= n.end_lineno]
    return max(inside, key=lambda n: n.lineno).name if inside else ""


# -- faults of files and worlds -------------------------------------------------------------------------------------
def errors_of(path, **options):
    return [e.render().replace(str(path), path.name) for e in analyse(World("hosted", roots=[path], **options)).errors]


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "binary.py"
    path.write_bytes(b"x = '\xff'\n")
    assert errors_of(path) == ["error[E0102]: binary.py is not UTF-8: invalid start byte at byte 5"]


def test_an_expression_without_end(tmp_path):
    path = tmp_path / "deep.py"
    path.write_text("def f() -> None:\n    x = " + "+".join(["1"] * 1500) + "\n")
    (error,) = errors_of(path)
    assert error.startswith("deep.py:2:5: error[E0103]: this is nested too deeply\n    2 |     x = 1+1")
    assert error.endswith("hint: name its parts")


@pytest.fixture
def other_world(tmp_path):
    """A repository whose runtime can be damaged."""
    shutil.copytree(COMPILER / "runtime", tmp_path / "compiler" / "runtime")
    shutil.copytree(COMPILER / "lang", tmp_path / "compiler" / "lang")
    main = tmp_path / "main.py"
    main.write_text("def main() -> i32:\n    print(3)\n    return 0\n".replace("def", "from lang import i32\ndef", 1))
    assert errors_of(main, repo=tmp_path) == []
    return tmp_path, main


def test_a_world_without_its_hook(other_world):
    repo, main = other_world
    hosted = repo / "compiler" / "runtime" / "hosted.py"
    text = hosted.read_text()
    assert "@hook\ndef print_to" in text
    hosted.write_text(text.replace("@hook\ndef print_to", "def print_to"))
    head = "main.py:3:5: error[E0002]: this world has no `@hook def print_to`, which this needs\n"
    assert f"{head}    3 |     print(3)\n      |     ^^^^^^^^" in errors_of(main, repo=repo)


def test_a_runtime_that_lacks_a_function(other_world):
    repo, main = other_world
    for path in (repo / "compiler" / "runtime").glob("*.py"):
        path.write_text(path.read_text().replace("str_eq", "str_equal"))
    main.write_text("from lang import i32\ndef main() -> i32:\n    return 1 if 'a'[0:1] == 'b'[0:1] else 0\n")
    assert "error[E0001]: the language runtime (compiler/runtime) has no `str_eq`" in errors_of(main, repo=repo)


def test_a_hook_of_two_modules(other_world):
    """Which of them the compiler would call could not be told."""
    repo, main = other_world
    runtime = repo / "compiler" / "runtime"
    strings = runtime / "strings.py"
    strings.write_text("from lang import hook, u64\n" + strings.read_text() + "\n\n@hook\ndef release(address: u64) -> None:\n    pass\n")
    (error,) = errors_of(main, repo=repo)
    assert "error[E0202]: the hook `release` is defined twice" in error and "first defined here" in error
