# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts the first process: the shell, or what the command line asks for. When it ends, the machine goes off.

`init=/bin/sh` names the program and `init_args="a b"` its arguments, separated by blanks; `run="CMD"` is the shell with
`-c CMD`, whose exit status becomes the machine's (kern/proc/destroy.py powers off).
The console is the first process' from then on: the log leaves it, unless the machine was booted `verbose`.
Runs as a kernel task. No locks.
"""

from lang import Error, Text, panic, text, u64
from kern.boot.cmdline import has_option, option, option_or, unescape
from kern.core import sched
from kern.debug import log
from kern.proc.create import create_first
from kern.proc.proc import proc_put

DEFAULT_INIT = "/bin/sh"
ENVIRONMENT = ("PATH=/bin", "HOME=/", "TERM=vt100")


def start_first_process(unused: u64) -> None:
    """Create it and let it run. A machine without a first process is of no use: panics if that fails."""
    strings = text(2048)
    path = option_or("init", DEFAULT_INIT)
    argc = put_arguments(strings, path)
    envc: u64 = 0
    for variable in ENVIRONMENT:
        put_string(strings, variable)
        envc += 1
    if strings.truncated:
        panic("the first process' arguments are too long")
    try:
        p = create_first(path, strings.view, argc, envc)
    except Error as e:
        panic(f"cannot start {path}: {e.message}")
    log.info(f"first process: {path}")
    if not has_option("verbose"):
        log.be_quiet()
    sched.wakeup(p)
    proc_put(p)


def put_arguments(strings: Text, path: str) -> u64:
    """Append the program's arguments; returns how many there are."""
    put_string(strings, path)
    command = option("run")
    if command is not None:
        put_string(strings, "-c")
        unescape(command, strings)
        strings.append("\0")
        return 3
    count: u64 = 1
    rest = option_or("init_args", "")
    while rest:
        word, rest = rest.split1(" ")
        if word:
            put_string(strings, word)
            count += 1
    return count


def put_string(strings: Text, value: str) -> None:
    strings.append(value)
    strings.append("\0")
