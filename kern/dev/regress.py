# SPDX-License-Identifier: GPL-2.0-or-later
"""#regress: the kernel's tests of itself (kern/ktest/), on order.

#regress/monctl     takes a command: `ktest` runs all tests, `ktest NAME` those whose names begin so; the write returns when they are
                    over, and raises EPROTO if one failed. `off NAME` and `on NAME` switch one. `fail` fails with a sentence and no number,
                    as nothing else does: what a process is told then can be tested.
#regress/mondata    the report of the last run: a line PASSED, FAILED or DISABLED for each test, with its time, and their numbers
#regress/tests      a line for each test: its name, and `on`, `off` or why it cannot run here
A run changes nothing that it does not put back, but takes its time on core 0.
Locks: the runner's.
"""

from lang import Array, Error, u64
from kern.abi.errno import Errno
from kern.ktest.runner import REPORT_ROOM, Tally, kernel_tests, report, run_and_wait, running, switch
from kern.ns.dev import Dev, devices
from kern.ns.folder import FolderFile, new_folder
from kern.ns.node import Node
from kern.ns.text_file import Page

DEV_ID: u64 = 10


def obey(order: str) -> None:
    command, argument = order.split1(" ")
    match command:
        case "ktest":
            run_tests(argument.strip())
        case "on":
            switch(argument.strip(), True)
        case "off":
            switch(argument.strip(), False)
        case "fail":
            raise Error(Errno.OK, "failed on order")
        case _:
            raise Error(Errno.EINVAL, f"no command is called {command}; there are ktest, on, off and fail")


def run_tests(wanted: str) -> None:
    tally = Tally()
    with running:
        run_and_wait(wanted, tally)
    if tally.failed > 0:
        raise Error(Errno.EPROTO, f"{tally.failed} of {tally.passed + tally.failed} kernel tests failed")


def show_report(out: Page) -> None:
    with running:
        out.put(report.bytes[: report.used])


def show_tests(out: Page) -> None:
    for test in kernel_tests:
        state = test.disabled if test.disabled else "off" if test.switched_off else "on"
        out.print(f"{test.name} {state}\n")


files: Array[FolderFile] = (
    FolderFile("monctl", command=obey),
    FolderFile("mondata", show=show_report, room=REPORT_ROOM),
    FolderFile("tests", show=show_tests, room=REPORT_ROOM),
)


@devices
class Regress(Dev):
    name: str = "regress"
    dev_id: u64 = DEV_ID

    def attach(self) -> Node:
        return new_folder(files[:], DEV_ID)
