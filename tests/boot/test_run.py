# SPDX-License-Identifier: GPL-2.0-or-later
"""make run: prints what the command printed, ends with its status, and never waits for ever."""

import subprocess
import sys

import pytest

from scripts.qemu import ROOT
from scripts.run import TROUBLE
from tests.boot.conftest import Pool, only_on

pytestmark = pytest.mark.xdist_group("run")


@pytest.fixture(autouse=True)
def no_other_machine(pool: Pool) -> None:
    """The machine of `make run` takes the place of this process' own."""
    pool.release()


def run(arch: str, line: str, *options: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "scripts", "run", "--arch", arch, "--smp", "2", "--deadline", "60", *options, "--", line]
    return subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150, check=False)


def test_prints_just_what_the_command_prints(arch: str) -> None:
    done = run(arch, "echo one; echo \"two   words\" | cat; echo '$?'")
    assert (done.stdout, done.stderr, done.returncode) == ("one\ntwo   words\n$?\n", "", 0)


@pytest.mark.parametrize("status", [1, 7, 109])
def test_ends_with_the_status_of_the_command(arch: str, status: int) -> None:
    done = run(arch, f"exit {status}")
    assert (done.stdout, done.returncode) == ("", status), done.stderr


def make_run(arch: str, line: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "run", f"ARCH={arch}", "SMP=2", f"CMD={line}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_make_run_is_the_same(arch: str) -> None:
    done = make_run(arch, "false; echo $? from make")
    assert (done.stdout, done.returncode) == ("1 from make\n", 0), done.stderr
    done = make_run(arch, "exit 3")
    assert done.returncode == 2 and "Error 3" in done.stderr  # make itself has one status for all failures


@only_on("x86_64")
def test_a_command_that_the_kernel_would_not_get_all_of_is_refused(arch: str) -> None:
    done = run(arch, "true " * 300)
    assert (done.stdout, done.returncode) == ("", TROUBLE)
    assert "and the kernel takes 1023" in done.stderr


def test_command_that_hangs_ends_in_an_error_with_backtraces(arch: str) -> None:
    done = run(arch, "spin", "--deadline", "15")
    assert done.returncode == TROUBLE
    assert "no answer within 15 s" in done.stderr and "NMI on core" in done.stderr


def test_panic_ends_in_an_error_with_its_text(arch: str) -> None:
    done = run(arch, "echo before; echo panic > /dev/sysctl")
    assert done.returncode == TROUBLE
    assert "kernel panic on core" in done.stderr
    assert done.stdout.startswith("before\n")


def test_machine_that_powers_off_without_an_answer_is_an_error(arch: str) -> None:
    done = run(arch, "reboot")
    assert done.returncode == TROUBLE and "without a status" in done.stderr
