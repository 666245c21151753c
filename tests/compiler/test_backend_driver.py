# SPDX-License-Identifier: GPL-2.0-or-later
"""The stamp, the command line's answers to mistakes, and that looking at help needs neither LLVM nor the front end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.backend import image, stamp
from compiler.backend.cache import Cache
from compiler.checking import world_of
from compiler.driver import REPO, Options


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "kern/a.py",
        "kern/deep/b.py",
        "user/apps/sh.py",
        "user/root/etc/motd",
        "arch/x86_64/boot.S",
        "arch/riscv/boot.S",
        "compiler/c.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / "kern/__pycache__").mkdir()
    (tmp_path / "kern/__pycache__/a.py").touch()
    (tmp_path / "kern/notes.txt").touch()
    return tmp_path


def test_inputs_are_the_sources_of_one_architecture(tree: Path) -> None:
    assert stamp.input_files(tree, "x86_64") == [
        "arch/x86_64/boot.S",
        "compiler/c.py",
        "kern/a.py",
        "kern/deep/b.py",
        "user/apps/sh.py",
        "user/root/etc/motd",
    ]


def test_a_stamp_sees_contents_and_forgives_touching(tree: Path) -> None:
    first = stamp.take(tree, "x86_64", "checked")
    path = tree / "build" / "stamp.json"
    stamp.save(path, first)
    assert stamp.same(stamp.load(path), stamp.take(tree, "x86_64", "checked", first))
    os.utime(tree / "kern/a.py", ns=(1, 1))
    assert stamp.same(first, stamp.take(tree, "x86_64", "checked", first))
    assert not stamp.same(first, stamp.take(tree, "x86_64", "release", first))
    (tree / "kern/a.py").write_text("# kern/b.py\n")
    assert not stamp.same(first, stamp.take(tree, "x86_64", "checked", first))


def test_new_and_removed_files_count(tree: Path) -> None:
    first = stamp.take(tree, "x86_64", "checked")
    (tree / "kern/new.py").touch()
    assert not stamp.same(first, stamp.take(tree, "x86_64", "checked", first))
    (tree / "kern/new.py").unlink()
    (tree / "kern/deep/b.py").unlink()
    assert not stamp.same(first, stamp.take(tree, "x86_64", "checked", first))
    assert stamp.load(tree / "nothing") is None and not stamp.same(None, first)


def test_programs_are_files_with_a_main(tree: Path) -> None:
    (tree / "user/apps/sh.py").write_text("def main() -> i32:\n    return 0\n")
    (tree / "user/apps/shared.py").write_text("def helper() -> i32:\n    return 0\n")
    assert image.programs(tree) == {"sh": "apps.sh"}


def test_staging_follows_the_given_root(tree: Path) -> None:
    place = image.Place(tree, "x86_64", True, tree / "out", Cache(tree / "cache"))
    (place.root / "etc").mkdir(parents=True)
    (place.root / "etc/old").touch()
    assert set(image.stage(place, {})) == {"etc/motd"}
    assert (place.root / "etc/motd").read_text() == "# user/root/etc/motd\n" and not (place.root / "etc/old").exists()


def test_files_know_their_world(tmp_path: Path) -> None:
    assert world_of(REPO / "kern/mm/pages.py") == "kernel" and world_of(REPO / "user/apps/sh.py") == "user"
    assert world_of(REPO / "arch/x86_64/user_tls.py") == "user" and world_of(REPO / "arch/x86_64/cpu.py") == "kernel"
    assert world_of(tmp_path / "x.py") == "hosted"


def compiler(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "compiler", *arguments], cwd=REPO, capture_output=True, text=True)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((), "Usage"),
        (("check",), "name the files to check, or a --world"),
        (("check", "no/such.py"), "does not exist"),
        (("build", "--arch", "vax"), "'x86_64'"),
        (("frob",), "No such command 'frob'"),
        (("run",), "Missing argument 'FILE'"),
    ],
)
def test_wrong_usage_is_answered_with_a_sentence(arguments: tuple[str, ...], words: str) -> None:
    done = compiler(*arguments)
    assert done.returncode in (0, 2) and words in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_every_command_has_help() -> None:
    listing = compiler("--help").stdout
    for command in ("build", "check", "run", "dump", "where", "version"):
        assert command in listing and compiler(command, "--help").returncode == 0


def test_start_up_loads_neither_llvm_nor_the_front_end() -> None:
    code = "import sys, compiler.driver, compiler.__main__; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True).stdout.split()
    assert "compiler.driver" in loaded and not {"llvmlite", "compiler.frontend", "compiler.types", "rich"} & set(loaded)


def test_a_crash_of_the_compiler_is_one_sentence_and_a_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from compiler import __main__ as command_line
    from compiler import checking

    def broken(*_: object) -> list[str]:
        raise KeyError("inside")

    monkeypatch.setattr(checking, "check_files", broken)
    monkeypatch.setattr(command_line, "REPO", tmp_path)
    with pytest.raises(SystemExit) as end:
        command_line.cli.main(["check", "--world", "kernel"])
    said = capsys.readouterr().err
    assert end.value.code == 3 and "Traceback" not in said and "compiler-crash.log" in said
    assert "KeyError: 'inside'" in (tmp_path / "build/compiler-crash.log").read_text()


def test_options_name_the_output_folder() -> None:
    assert Options(checked=False).out == REPO / "build/x86_64/release"
