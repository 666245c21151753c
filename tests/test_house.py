# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules of the house, checked by reading the sources; CONTRIBUTING.md says why each of them is there.

Who may import whom, processor names only under arch/, a licence line and a docstring in each file, and for each architecture
the modules and signatures that kern/arch_api.py asks for. Files and functions that grow long are warned about, not refused.
"""

from __future__ import annotations

import ast
import functools
import re
import warnings
from pathlib import Path

import pytest

from scripts.features import ledger

ROOT = Path(__file__).parent.parent
FOLDERS = ("arch", "compiler", "kern", "scripts", "tests", "user")
MISTAKES = ROOT / "tests" / "compiler" / "golden"  # sources that are wrong on purpose
USER_HALF = re.compile(r"user_.*|abi\.py")  # of an architecture's folder
LONG_FILE = 600
LONG_FUNCTION = 60
# `syscalls` is made by the compiler out of all declarations.
VOCABULARY = {"abc", "enum", "lang", "typing"}
PROCESSOR = re.compile(
    r"\b(x86(_64)?|i386|amd64|riscv|lapic|ioapic|x2apic|plic|cr[0234]|satp|rdtsc|sbi|cpuid|iretq|sysret)\b", re.IGNORECASE
)
# The parts of the kernel that every build has. They never import a device or driver: those register themselves.
CORE = ("core", "debug", "event", "lib", "mm", "proc", "sync", "syscall", "time")
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|work|farm)/[a-z.]")


def sources(*suffixes: str, folders: tuple[str, ...] = FOLDERS) -> list[Path]:
    found = [p for folder in folders for p in sorted((ROOT / folder).rglob("*")) if p.suffix in suffixes and p.is_file()]
    return [p for p in found if "__pycache__" not in p.parts and not p.is_relative_to(MISTAKES)]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=named(path))


def imports(path: Path) -> list[tuple[str, int]]:
    """Modules that a source imports, with lines. `from a import b` counts as a and as a.b, as b may be a module."""
    found: list[tuple[str, int]] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found += [(module, node.lineno)] + [(f"{module}.{alias.name}", node.lineno) for alias in node.names]
    return found


def violations(paths: list[Path], allowed: re.Pattern[str]) -> list[str]:
    return [f"{named(path)}:{line} imports {module}" for path in paths for module, line in imports(path) if not allowed.fullmatch(module)]


def is_user_half(path: Path) -> bool:
    return path.is_relative_to(ROOT / "user") or (path.is_relative_to(ROOT / "arch") and USER_HALF.fullmatch(path.name) is not None)


def is_user_side(path: Path) -> bool:
    """Linked into programs only, whatever kind of source."""
    if path.is_relative_to(ROOT / "arch"):
        return path.name.startswith("user_")
    return path.is_relative_to(ROOT / "user") or path.name in ("user.ld", "dynamic.ld")


def shown(found: list[str]) -> str:
    return "\n" + "\n".join(found)


def test_kernel_imports_only_kernel_and_architecture() -> None:
    paths = sources(".py", folders=("kern",))
    paths += [p for p in sources(".py", folders=("arch",)) if not is_user_half(p)]
    found = violations(paths, re.compile(rf"({'|'.join(VOCABULARY)}|kern|arch|syscalls)(\..*)?"))
    assert not found, shown(found)


def test_kernel_imports_only_the_kernel_half_of_the_architecture() -> None:
    found = [v for v in violations(sources(".py", folders=("kern",)), re.compile(r"(?!arch\.user_).*"))]
    assert not found, shown(found)


def test_user_land_sees_of_the_kernel_only_the_abi_and_its_list() -> None:
    paths = [p for p in sources(".py", folders=("user", "arch")) if is_user_half(p)]
    found = violations(
        paths, re.compile(r"(?!kern\b|arch\b|compiler\b).*|kern\.abi(\..*)?|kern\.lib\.list(\..*)?|arch(\.(abi|user_\w+)(\..*)?)?")
    )
    assert not found, shown(found)


def test_the_core_of_the_kernel_imports_no_device() -> None:
    paths = sources(".py", folders=tuple(f"kern/{folder}" for folder in CORE))
    found = violations(paths, re.compile(r"(?!kern\.(dev|drivers|net)\.).*"))
    assert not found, shown(found)


def test_compiler_imports_nothing_that_it_compiles() -> None:
    found = violations(sources(".py", folders=("compiler",)), re.compile(r"(?!(kern|user|arch|scripts|tests)\b).*"))
    assert not found, shown(found)


def test_processor_names_stand_only_under_arch() -> None:
    found = [
        f"{named(path)}:{number} {match[0]}"
        for path in sources(".py", folders=("kern", "user"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (match := PROCESSOR.search(line))
    ]
    assert not found, shown(found)


def test_portable_code_does_not_ask_for_the_architecture() -> None:
    found = [
        f"{named(path)}:{node.lineno}"
        for path in sources(".py", folders=("kern", "user"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Name) and node.id == "ARCH"
    ]
    assert not found, shown(found)


def test_every_source_has_its_licence_line() -> None:
    found = []
    for path in sources(".py", ".S", ".ld", ".inc", ".sh"):
        head = path.read_text(encoding="utf-8").splitlines()[:2]
        licence = "LGPL-2.1-or-later" if is_user_side(path) else "GPL-2.0-or-later"
        if head and not any(re.search(rf"SPDX-License-Identifier: {re.escape(licence)}\b", line) for line in head):
            found.append(f"{named(path)}: no SPDX line of {licence}")
    assert not found, shown(found)


def test_every_module_says_what_it_is_for() -> None:
    found = [named(path) for path in sources(".py") if tree(path).body and ast.get_docstring(tree(path)) is None]
    assert not found, shown(found)


def test_no_path_of_one_machine_stands_in_the_sources() -> None:
    found = [
        f"{named(path)}: {match[0]}"
        for path in sources(".py", ".S", ".ld", ".sh", ".md")
        if path != Path(__file__) and (match := MACHINE_PATH.search(path.read_text(encoding="utf-8")))
    ]
    assert not found, shown(found)


def test_long_files_and_functions_are_noticed() -> None:
    for path in sources(".py"):
        if (length := len(path.read_text(encoding="utf-8").splitlines())) > LONG_FILE:
            warnings.warn(f"{named(path)} has {length} lines: is it still one idea?", stacklevel=1)
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef) and (length := (node.end_lineno or 0) - node.lineno + 1) > LONG_FUNCTION:
                warnings.warn(f"{named(path)}:{node.lineno} {node.name} has {length} lines: does it still do one thing?", stacklevel=1)


def test_feature_marks_name_rows_of_the_ledger() -> None:
    rows = {row for area in ledger() for row in area.rows}
    found = []
    for path in sources(".py", folders=("tests",)):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "feature":
                marked = [str(a.value) for a in node.args if isinstance(a, ast.Constant)]
                found += [f"{named(path)}:{node.lineno} {row}" for row in marked if row not in rows]
    assert not found, shown(found)


def test_reasons_of_the_ledger_name_what_exists() -> None:
    areas = ledger()
    rows = {row for area in areas for row in area.rows}
    for area in areas:
        for row, reason in area.reasons.items():
            named_thing = reason.split()[-1]
            assert named_thing in rows or (ROOT / named_thing).is_file(), f"{row}: {reason}"
            assert named_thing not in area.rows, f"{row} waits for a row of its own area"


def test_tests_that_the_docs_name_exist() -> None:
    """docs/testing.md names pytest's tests, tests of the guest, and scenarios of the explorer."""
    text = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8").split("## Where races are shown")[1]
    source = "".join(path.read_text(encoding="utf-8") for path in sources(".py", folders=("tests", "user", "kern")))
    wanted = [f"def {name}(" for name in re.findall(r"`test_\w+\.py::(\w+)`", text)]
    wanted += [f'run("{name}",' for name in re.findall(r"`utest (\w+\.\w+)`", text)]
    wanted += [f"class {name}:" for line in text.splitlines() for name in re.findall(r"`([A-Z]\w+)`", line)]
    assert len(wanted) >= 12
    missing = [what for what in wanted if what not in source]
    assert not missing, shown(missing)


def architectures() -> list[str]:
    return sorted(p.name for p in (ROOT / "arch").iterdir() if p.is_dir() and not p.name.startswith("_"))


@pytest.mark.parametrize("arch", architectures())
def test_architecture_gives_what_the_kernel_asks_for(arch: str) -> None:
    """For a Protocol `Cpu` in kern/arch_api.py: cpu.py defines or declares each of its functions, with the same parameters."""
    found = []
    for protocol in tree(ROOT / "kern" / "arch_api.py").body:
        if not isinstance(protocol, ast.ClassDef) or not any(ast.unparse(base) == "Protocol" for base in protocol.bases):
            continue
        module = ROOT / "arch" / arch / f"{protocol.name.lower()}.py"
        if not module.exists():
            found.append(f"{named(module)} is missing")
            continue
        given = {node.name: signature(node) for node in tree(module).body if isinstance(node, ast.FunctionDef)}
        for node in protocol.body:
            if isinstance(node, ast.FunctionDef) and (have := given.get(node.name)) != (want := signature(node)):
                found.append(f"{named(module)}: {node.name}{want} wanted, {have or 'nothing'} given")
    assert not found, shown(found)


def signature(function: ast.FunctionDef) -> str:
    """As text. For a parameter, a class and a reference to it are the same type."""
    parameters = [ast.unparse(a) for a in function.args.args if a.arg != "self"]
    text = f"({', '.join(parameters)}) -> {ast.unparse(function.returns) if function.returns else None}"
    return re.sub(r"\bRef\[(\w+)\]", r"\1", text)
