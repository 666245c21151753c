# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commands that the shell runs itself, because they change it or are too small for a process.

Each takes the shell, its arguments (the first is its name) and its streams, and gives its status.
"""

from lang import Errno, Error, Span, array, i32, text, u32, u64, u8
from lib.buffer import Buffer
from lib.condition import evaluate
from lib.process import find_program
from lib.sh.interpret import run_file
from lib.sh.jobs import INTERRUPTED
from lib.sh.shell import STATUS_ERROR, STATUS_NOT_FOUND, STATUS_SYNTAX, Shell, Streams
from lib.strings import is_name, number_or_none
from rt.io import flush_stdout, read, write_all
from syscalls import sys_chdir, sys_getcwd

PATH_ROOM = 1024


def is_builtin(name: str) -> bool:
    match name:
        case "cd" | "pwd" | "exit" | "echo" | "help" | "history" | "true" | "false" | ":" | "test" | "[" | "export" | "unset":
            return True
        case "set" | "wait" | "jobs" | "read" | "." | "source" | "shift" | "break" | "continue" | "type":
            return True
        case _:
            return False


def needs_this_shell(name: str) -> bool:
    """Whether a child shell would have nothing to tell: the answer is this one's state."""
    return name == "history" or name == "jobs" or name == "set" or name == "export"


def run_builtin(sh: Shell, argv: Span[str], streams: Streams) -> i32:
    match argv[0]:
        case "cd":
            return change_directory(sh, argv, streams)
        case "pwd":
            return print_directory(streams)
        case "exit":
            return exit_shell(sh, argv, streams)
        case "echo":
            return echo(argv, streams)
        case "help":
            return print_help(streams)
        case "history":
            return print_history(sh, streams)
        case "true" | ":":
            return 0
        case "false":
            return 1
        case "test" | "[":
            return test(sh, argv, streams)
        case "export":
            return export(sh, argv, streams)
        case "unset":
            return unset(sh, argv)
        case "set":
            return print_variables(sh, streams)
        case _:
            return run_other(sh, argv, streams)


def run_other(sh: Shell, argv: Span[str], streams: Streams) -> i32:
    match argv[0]:
        case "wait":
            return wait_for_jobs(sh, argv, streams)
        case "jobs":
            sh.jobs.list(streams.output)
            return 0
        case "read":
            return read_variables(sh, argv, streams)
        case "." | "source":
            if len(argv) != 2:
                return refuse(sh, argv[0], "one file is needed", streams)
            return run_file(sh, argv[1])
        case "shift":
            sh.parameters = sh.parameters[min(1, len(sh.parameters)) :]
            return 0
        case "type":
            return tell_type(sh, argv, streams)
        case _:
            return leave_loop(sh, argv, streams)


def refuse(sh: Shell, name: str, why: str, streams: Streams) -> i32:
    print(f"{sh.name}: {name}: {why}", file=streams.error)
    return STATUS_SYNTAX


def change_directory(sh: Shell, argv: Span[str], streams: Streams) -> i32:
    home = sh.variables.get("HOME")
    wanted = argv[1] if len(argv) > 1 else (home if len(home) > 0 else "/")
    going_back = wanted == "-"
    if going_back:
        wanted = sh.variables.get("OLDPWD")
        if len(wanted) == 0:
            return refuse(sh, "cd", "there is no directory to go back to", streams)
    try:
        sys_chdir(0, wanted)
    except Error as e:
        print(f"{sh.name}: cd: {e.message}", file=streams.error)
        return STATUS_ERROR
    sh.variables.set("OLDPWD", sh.variables.get("PWD"))
    note_directory(sh)
    if going_back:
        print(sh.variables.get("PWD"), file=streams.output)
    return 0


def note_directory(sh: Shell) -> None:
    """Keep $PWD true."""
    room = array(PATH_ROOM, u8)
    sh.variables.set("PWD", room[: sys_getcwd(room)])


def print_directory(streams: Streams) -> i32:
    room = array(PATH_ROOM, u8)
    where: str = room[: sys_getcwd(room)]
    print(where, file=streams.output)
    return 0


def exit_shell(sh: Shell, argv: Span[str], streams: Streams) -> i32:
    status = sh.status
    if len(argv) > 1:
        given = number_or_none(argv[1])
        if given is None:
            return refuse(sh, "exit", "the status must be a number", streams)
        status = i32(given & 0xFF)
    sh.exiting = True
    return status


def echo(argv: Span[str], streams: Streams) -> i32:
    """The arguments in one write, so that lines of different processes do not mix."""
    line = Buffer()
    try:
        newline = len(argv) < 2 or argv[1] != "-n"
        first: u64 = 1 if newline else 2
        for i in range(first, len(argv)):
            if i > first:
                line.add(ord(" "))
            line.append(argv[i])
        if newline:
            line.add(ord("\n"))
        flush_stdout()
        write_all(streams.output, line.view)
    except Error as e:
        if e.errno != Errno.EPIPE:
            print(f"echo: {e.message}", file=streams.error)
        return 1
    finally:
        line.close()
    return 0


def print_help(streams: Streams) -> i32:
    print(
        """\
Commands of the shell:
  cd pwd exit echo help history true false : test [ export unset set wait jobs read source shift break continue type
Programs (each answers --help):
  files      ls cat cp mv rm mkdir rmdir touch tee hexdump
  text       grep head tail wc sort uniq seq yes
  machine    ps kill free uptime date dmesg time sleep env strace reboot poweroff
  cores      cores prov hold mpstat procinfo notify lockstat
  threads    hello threads switch block primes spin pthreads lock_test
  tests      utest ktest faults hog
All of /bin, also by the command `/bin/help`.""",
        file=streams.output,
    )
    print(
        """\
Syntax: 'quotes' "$VAR" $? $(command) | < > >> 2> 2>&1 ; && || & * ? [a-z] if while until for { } ( ) !
Keys: arrows, Home, End, Tab completes, Ctrl-A E K U W L, Ctrl-R searches the history, Ctrl-C interrupts, Ctrl-D ends.""",
        file=streams.output,
    )
    return 0


def print_history(sh: Shell, streams: Streams) -> i32:
    number = sh.history.first
    while number < sh.history.total:
        print(f"{number + 1:>5}  {sh.history.line(number)}", file=streams.output)
        number += 1
    return 0


def test(sh: Shell, argv: Span[str], streams: Streams) -> i32:
    words = argv[1:]
    if argv[0] == "[":
        if len(words) == 0 or words[len(words) - 1] != "]":
            return refuse(sh, "[", "the closing ] is missing", streams)
        words = words[: len(words) - 1]
    try:
        return 0 if evaluate(words) else 1
    except Error as e:
        print(f"{sh.name}: {argv[0]}: {e.message}", file=streams.error)
        return STATUS_SYNTAX


def export(sh: Shell, argv: Span[str], streams: Streams) -> i32:
    if len(argv) == 1:
        for i in range(sh.variables.count):
            if sh.variables.items[i].exported:
                print(f"export {sh.variables.items[i].text}", file=streams.output)
    for word in argv[1:]:
        name, value = word.split1("=")
        if not is_name(name):
            print(f"{sh.name}: export: {word}: this is no name", file=streams.error)
            return STATUS_ERROR
        if len(name) < len(word):
            sh.variables.set(name, value)
        sh.variables.export(name)
    return 0


def unset(sh: Shell, argv: Span[str]) -> i32:
    for name in argv[1:]:
        sh.variables.unset(name)
    return 0


def print_variables(sh: Shell, streams: Streams) -> i32:
    for i in range(sh.variables.count):
        print(sh.variables.items[i].text, file=streams.output)
    return 0


def wait_for_jobs(sh: Shell, argv: Span[str], streams: Streams) -> i32:
    """`wait`, `wait PID`, `wait %JOB`: of several the last one's status counts, and STATUS_NOT_FOUND is that of one that there is not."""
    if len(argv) == 1:
        return note_interrupt(sh, sh.jobs.wait_all(sh.interactive))
    status: i32 = 0
    for word in argv[1:]:
        by_number = word.startswith("%")
        number = number_or_none(word[1:] if by_number else word)
        if number is None or number > 0x7FFF_FFFF:
            return refuse(sh, "wait", "a process id or %job is needed", streams)
        job = sh.jobs.find(u32(number)) if by_number else sh.jobs.find_pid(i32(number))
        if job is not None:
            status = note_interrupt(sh, sh.jobs.wait(job, sh.interactive))
            continue
        told = None if by_number else sh.jobs.take_status(i32(number))
        status = STATUS_NOT_FOUND if told is None else told
        if told is None:
            print(f"{sh.name}: wait: {word}: no such job", file=streams.error)
    return status


def note_interrupt(sh: Shell, status: i32) -> i32:
    """Whoever types Ctrl-C wants the prompt, not what follows in the line."""
    if sh.interactive and status == INTERRUPTED:
        sh.interrupted = True
    return status


def read_variables(sh: Shell, argv: Span[str], streams: Streams) -> i32:
    """`read NAME…`: one line, split at blanks; the last name gets the rest. 1 at the end of the input."""
    line = Buffer()
    byte = array(1, u8)
    try:
        got_any = False
        while read(streams.input, byte) == 1:
            got_any = True
            if byte[0] == ord("\n"):
                break
            line.add(byte[0])
        if not got_any:
            return 1
        rest = line.view.strip()
        for i in range(1, len(argv)):
            value = rest
            if i + 1 < len(argv):
                value, rest = rest.split1(" ")
                rest = rest.lstrip()
            if not is_name(argv[i]):
                return refuse(sh, "read", "this is no name", streams)
            sh.variables.set(argv[i], value)
    finally:
        line.close()
    return 0


def tell_type(sh: Shell, argv: Span[str], streams: Streams) -> i32:
    path = text(PATH_ROOM)
    status: i32 = 0
    for name in argv[1:]:
        if is_builtin(name):
            print(f"{name} is a command of the shell", file=streams.output)
        elif find_program(name, sh.variables.get("PATH"), path):
            print(f"{name} is {path}", file=streams.output)
        else:
            print(f"{sh.name}: type: {name}: not found", file=streams.error)
            status = STATUS_ERROR
    return status


def leave_loop(sh: Shell, argv: Span[str], streams: Streams) -> i32:
    """`break [N]`, `continue [N]`."""
    levels = number_or_none(argv[1]) if len(argv) > 1 else 1
    if levels is None or levels == 0:
        return refuse(sh, argv[0], "the number of loops must be 1 or more", streams)
    if sh.loops == 0:
        return refuse(sh, argv[0], "only within a loop", streams)
    sh.leaving = u32(min(levels, u64(sh.loops)))
    sh.going_on = argv[0] == "continue"
    return 0
