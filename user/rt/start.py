# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a program begins: `_start` (assembly) calls `rt_start` with the address of argc on the first stack.

Thread 0 gets its thread-local block first, since nothing of the language's errors works without; then parlib makes the process
fit for vcore context, and `main` runs as thread 0. `main` is the program's own (the linker's symbol `main` is its module's).
"""

from typing import Callable

import sys

from lang import Error, Raises, export, extern, i32, u64
from parlib.init import init_parlib
from parlib.tls import init_thread0_tls
from rt.args import args, take_arguments
from rt.exit import exit, exit_now
from rt.io import STDERR, flush_stdout, print_to


CANNOT_START: i32 = 127


@extern("main")
def program_main() -> i32:
    """The program's main, wrapped by the compiler so that errors end in `run_main`."""
    ...


def run_main(main: Callable[[], Raises[i32]]) -> i32:
    """main's status; an error that leaves it is printed, and gives 1."""
    try:
        return main()
    except Error as error:
        flush_stdout()
        print_to(STDERR, f"{error.errno.name}: {error.message}\n")
        return 1


@export("rt_start")
def rt_start(stack: u64) -> None:
    """`stack`: address of argc. Does not return."""
    init_thread0_tls()
    take_arguments(stack)
    sys.set_arguments(args())
    try:
        init_parlib()
    except Error as error:
        print_to(STDERR, f"cannot start: {error.message}\n")
        exit_now(CANNOT_START)
    exit(program_main())
