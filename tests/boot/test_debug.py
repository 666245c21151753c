# SPDX-License-Identifier: GPL-2.0-or-later
"""A session in gdb, as a person at `make debug` has it, on each architecture: one run, of which each test reads a part."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.interactive import debugger
from scripts.qemu import ROOT, Settings
from tests.boot.conftest import TEST_OPTIONS, Pool

pytestmark = pytest.mark.xdist_group("run")

# A kernel thread that has just blocked; a system call that turns a process into a many-core one, with the program that made it below; then
# a thread of that program on a core of its own; then an interrupt of the kernel. Each part's output stands behind its name.
PARTS = {
    "parked": ["tbreak finish_park", "continue", "kthreads"],
    "stop": ["break kern/proc/to_mcp.py:{first_line}", "continue"],
    "values": [
        "print p.pid",
        "print p.vcores[2].id",
        "print p.name",
        "print $len(p.vcores)",
        "print p.info.vcoremap[0]",
        "print p.inactive[1].id",
        "print p.parent",
        "print p.state_bits",
        "print p.data.vcores[0].notif_disabled",
        "print p.vcores[99]",
        "print p.cwd[0]",
    ],
    "types": [
        "whatis p",
        "whatis p.inactive",
        "whatis p.child_cv.waiters",
        "print ProcState::WAITING",
        "print MAX_VCORES",
        "ptype VcoreFlag",
        "info scope change_to_m",
    ],
    "stack": ["backtrace"],
    "inlined": ["frame function sys_change_to_m", "info frame"],
    "user-frame": ["frame function start_all", "info args", "print loops", "print $at(table, 3).loops"],
    "kernel": ["ps", "cores", "vcores 3", 'print $percore("core", 2).core_id', 'print $mine("core").core_id', 'print $percore("core", 77)'],
    "step": ["frame 0", "next", "info locals"],
    "user": [
        'tbreak threads.py:work if $running("threads")',
        "continue",
        "next",
        "info args",
        "print worker.loops",
        "backtrace",
        'print $threadlocal("me").uthread != 0',
        'print $running("threads")',
        'print $running("sh")',
        "vcores 3",
    ],
    "interrupt": ["delete", "tbreak trap_from_kernel", "continue", "backtrace"],
    "program": ["program auto", "program nothing"],
}


def line_of(file: str, pattern: str) -> int:
    lines = Path(ROOT / file).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if re.search(pattern, line))


def source(file: str, line: int) -> str:
    return Path(ROOT / file).read_text().splitlines()[line - 1]


FIRST_LINE = line_of("kern/proc/to_mcp.py", r"def change_to_m") + 2  # behind its docstring


class Session:
    def __init__(self, arch: str) -> None:
        settings = Settings(arch=arch)
        if shutil.which(debugger(settings)) is None:
            pytest.skip(f"{debugger(settings)} is not installed")
        script = ["set width 0", "set pagination off"]
        for name, lines in PARTS.items():
            script += [f"echo @@{name}\\n", *(line.replace("{first_line}", str(FIRST_LINE)) for line in lines)]
        # The shell, or `sleep`, has blocked before the second command runs.
        options = ["--arch", arch, "--smp", "4", "--append", f'{TEST_OPTIONS} run="sleep 0.1; threads 4 5"']
        words = [sys.executable, "-m", "scripts", "debug", *options, "threads"]
        done = subprocess.run(
            words,
            cwd=ROOT,
            input="\n".join(script) + "\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=150,
            check=False,
        )
        text = done.stdout.replace("(gdb) ", "")
        self.parts = dict(part.partition("\n")[::2] for part in text.split("@@")[1:])
        self.whole = text

    def __getitem__(self, name: str) -> str:
        return self.parts.get(name, f"no part {name} in:\n{self.whole}")

    def expect(self, part: str, *patterns: str) -> None:
        """All patterns, one behind the other."""
        rest = self[part]
        for pattern in patterns:
            found = re.search(pattern, rest)
            assert found, f"no {pattern!r} in what is left of `{part}`:\n{rest}\n{self.whole}"
            rest = rest[found.end() :]


@pytest.fixture(scope="module")
def session(pool: Pool) -> Callable[[str], Session]:
    pool.release()
    known: dict[str, Session] = {}

    def of(arch: str) -> Session:
        if arch not in known:
            known[arch] = Session(arch)
        return known[arch]

    return of


@pytest.fixture(params=["x86_64", "riscv"])
def gdb(session: Callable[[str], Session], request: pytest.FixtureRequest) -> Session:
    return session(request.param)


def test_blocked_kernel_threads_say_where_they_stand(gdb: Session) -> None:
    gdb.expect("parked", r'0x\w+ ".*".*\n', r" park at kern/sync/kthread.py:\d+\n", r" at kern/\w+/\w+.py:\d+\n")


@pytest.mark.feature("debug-07")
def test_stops_at_a_python_line_of_the_kernel(gdb: Session) -> None:
    gdb.expect(
        "stop", r"Breakpoint 2, change_to_m \(p=.*\) at kern/proc/to_mcp.py:\d+\n", re.escape(source("kern/proc/to_mcp.py", FIRST_LINE))
    )


def test_values_print_as_the_language_means_them(gdb: Session) -> None:
    gdb.expect(
        "values",
        r"= 3\n",
        r"= 2\n",
        r'= "threads"\n',
        r"= 3\n",
        r"= on core \d = \{",  # a single-core process runs on any
        r"= 1\n",
        r'\(process 1 "sh", \w+\)\n',
        r"= 4\n",
        r"= 0\n",
        r"index 99 is out of range: the length is 3\n",
        r"= 47 '/'\n",
    )


def test_types_have_the_languages_names(gdb: Session) -> None:
    gdb.expect(
        "types",
        r"= Proc &\n",
        r"= IntrusiveList\[Vcore, Literal\['link'\]\]\n",
        r"= Queue\[Kthread\]\n",
        r"= ProcState::WAITING\n",
        r"= 256\n",
        r"enum class VcoreFlag : u32 \{VcoreFlag::K_LOCK = 1",
        r"Symbol p is .*[\s\S]*Symbol saved is ",
    )


def test_the_stack_goes_through_the_trap_into_the_program(gdb: Session) -> None:
    gdb.expect(
        "stack",
        r'#0 +change_to_m \(p=0x\w+ \(process 3 "threads", RUNNING_S\)\) at kern/proc/to_mcp.py:\d+\n',
        r"handle_syscall .* at kern/syscall/dispatch.py:\d+\n",
        r"<(system call|trap in user code)>",
        r"syscall_trap",
        r"start_threads \(\) at user/pthread/ready.py:\d+\n",
        r"Thread.start \(self=0x\w+, fn=0x\w+ <work.*>, arg=\d+, attr=0x0\) at user/pthread/thread.py:\d+\n",
        r"main \(\) at user/apps/threads.py:\d+\n",
    )


def test_inlined_calls_are_frames(gdb: Session) -> None:
    gdb.expect("inlined", r"sys_change_to_m \(p=.*\) at kern/syscall/core_calls.py", r"inlined into frame")


def test_a_frame_of_user_code_has_its_variables(gdb: Session) -> None:
    gdb.expect("user-frame", r"start_all \(.*\) at user/apps/threads.py", r"table = 4 of Worker", r"loops = 5\n", r"= 5\n", r"= 0\n")


def test_commands_show_the_kernels_state(gdb: Session) -> None:
    gdb.expect(
        "kernel",
        r" 1 +0 \w+ +SCP +0 sh\n",
        r" 3 +1 RUNNING_S +SCP +0 threads\n",
        r'(?=[\s\S]* \d  idle)[\s\S]*? \d  process 3 "threads", RUNNING_S, vcore 0',
        r"process 3 .*: 0 of 3 vcores\n",
        r" 0  core \d ",
        r"= 2\n",
        r"= \d\n",
        r"there is no core 77: 4 are up\n",
    )


def test_stepping_goes_from_python_line_to_python_line(gdb: Session) -> None:
    gdb.expect("step", rf"\n{FIRST_LINE + 1}\t" + re.escape(source("kern/proc/to_mcp.py", FIRST_LINE + 1)), r"saved = \d+\n")


def test_stops_in_user_code_on_a_core_of_the_process(gdb: Session) -> None:
    gdb.expect(
        "user",
        r"work \(address=\d+\) at user/apps/threads.py:\d+\n",
        r"address = \d+\n",
        r"= 5\n",
        r"#0 +work ",
        r"uthread_main \(\) at user/parlib/uthread.py",
        r"uthread_start",
        r"= true\n",
        r"= true\n",
        r"= false\n",
        r"RUNNING_M: [1-3] of 3 vcores\n",
    )


def test_the_stack_goes_on_in_interrupted_kernel_code(gdb: Session) -> None:
    gdb.expect("interrupt", r"trap_from_kernel \(", r"#1 +<trap in the kernel>", r"#2 ", r"at \S*kern/\w+/\w+.py:\d+")


def test_programs_are_chosen_by_name(gdb: Session) -> None:
    gdb.expect("program", r"user code: \w+ \(by the current process\)\n", r"there is no program nothing: ")
