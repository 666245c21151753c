# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starting programs and child shells; foreground.py waits for them."""

from lang import Error, Span, array, i32, text, u64
from kern.abi.file import FdPair, SpawnFlag
from lib.files import Names, exists, is_directory
from lib.process import find_program
from lib.sh.shell import STATUS_NOT_EXECUTABLE, STATUS_NOT_FOUND, Shell, Streams
from lib.sh.variables import MAX_VARIABLES
from rt.process import create, run

SHELL_PATH = "/bin/sh"
PATH_ROOM = 1024
MAX_PARAMETERS: u64 = 256


def start_program(sh: Shell, argv: Span[str], assigned: Names, streams: Streams) -> i32:
    """Start argv[0], found along PATH; its pid. If that fails: says why, sets the status, gives 0."""
    path = text(PATH_ROOM)
    name = argv[0]
    if not find_program(name, sh.variables.get("PATH"), path):
        return _not_found(sh, name, streams)
    env = array(MAX_VARIABLES + 64, str)
    used = sh.variables.environment(env[:MAX_VARIABLES], False)
    # The kernel's table takes the first of two with the same name or the last: pass only one.
    for extra in assigned.all():
        used = _put_variable(env, used, extra)
    try:
        return _start(path.view, argv, env[:used], streams)
    except Error as e:
        print(f"{sh.name}: {name}: {e.message}", file=streams.error)
        sh.status = STATUS_NOT_EXECUTABLE
        return 0


def start_shell(sh: Shell, command: str, streams: Streams) -> i32:
    """Start a child shell that runs `command`, knowing all our variables and parameters; its pid. Raises."""
    env = array(MAX_VARIABLES, str)
    used = sh.variables.environment(env, True)
    argv = array(MAX_PARAMETERS, str)
    argv[0] = "sh"
    argv[1] = "-c"
    argv[2] = command
    argv[3] = sh.name
    count: u64 = 4
    for parameter in sh.parameters:
        if count < MAX_PARAMETERS:
            argv[count] = parameter
            count += 1
    return _start(SHELL_PATH, argv[:count], env[:used], streams)


def _start(path: str, argv: Span[str], env: Span[str], streams: Streams) -> i32:
    fds = array(3, FdPair)
    fds[0] = FdPair(first=streams.input, second=0)
    fds[1] = FdPair(first=streams.output, second=1)
    fds[2] = FdPair(first=streams.error, second=2)
    pid = create(path, argv, env, fds, SpawnFlag(0))
    run(pid)
    return pid


def _put_variable(env: Span[str], used: u64, assignment: str) -> u64:
    """Put NAME=value in the place of an older one of that name, or at the end; the new count."""
    at = assignment.find("=")
    name = assignment[: u64(at) + 1]
    for i in range(used):
        if env[i].startswith(name):
            env[i] = assignment
            return used
    if used >= len(env):
        return used
    env[used] = assignment
    return used + 1


def _not_found(sh: Shell, name: str, streams: Streams) -> i32:
    has_slash = name.find("/") >= 0
    if has_slash and is_directory(name):
        print(f"{sh.name}: {name}: is a directory", file=streams.error)
        sh.status = STATUS_NOT_EXECUTABLE
    elif has_slash and not exists(name):
        print(f"{sh.name}: {name}: no such file", file=streams.error)
        sh.status = STATUS_NOT_FOUND
    else:
        print(f"{sh.name}: {name}: command not found", file=streams.error)
        sh.status = STATUS_NOT_FOUND
    return 0
