# SPDX-License-Identifier: LGPL-2.1-or-later
"""ktest: has the kernel test itself, and shows which tests failed. The status is 1 if any did."""

from lang import Error, Errno, Span, i32, text, u8
from kern.abi.file import OpenMode
from lib.args import Options, complain_about, help_wanted
from lib.files import read_file
from lib.strings import discard
from rt.args import args
from rt.io import close, open, write_all

USAGE = """usage: ktest [-v] [-l] [NAME…]
Runs the kernel's tests, all or those whose names begin with a NAME.
  -v  show those that passed or are disabled as well
  -l  list the tests and whether each is on"""
CONTROL = "#regress/monctl"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    verbose = False
    while (option := options.next()) != 0:
        if option == ord("v"):
            verbose = True
        elif option == ord("l"):
            return show_list()
        else:
            return options.refuse(USAGE)
    names = options.operands()
    if len(names) == 0:
        return run("ktest", verbose)
    status: i32 = 0
    for name in names:
        command = text(100)
        command.write(f"ktest {name}")
        status = max(status, run(command.view, verbose))
    return status


def show_list() -> i32:
    listed = read_file("#regress/tests")
    print(listed, end="")
    discard(listed)
    return 0


def run(command: str, verbose: bool) -> i32:
    """One run; its status."""
    status: i32 = 0
    control = open(CONTROL, OpenMode.WRITE)
    try:
        write_all(control, command)
    except Error as e:
        if e.errno != Errno.EPROTO:
            return complain_about(command, e.message)
        status = 1
    finally:
        close(control)
    report = read_file("#regress/mondata")
    show(report, verbose)
    discard(report)
    return status


def show(report: Span[u8], verbose: bool) -> None:
    """The failures, or everything; the numbers in any case."""
    rest: str = report
    while len(rest) > 0:
        line, rest = rest.split1("\n")
        if verbose or not (line.startswith("PASSED ") or line.startswith("DISABLED ")):
            print(line)
