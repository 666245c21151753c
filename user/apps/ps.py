# SPDX-License-Identifier: LGPL-2.1-or-later
"""ps: lists processes."""

from lang import Error, i32, text, u64
from lib.args import help_wanted
from lib.files import Names, list_names, read_file
from lib.output import out
from lib.strings import discard, number_or_none

USAGE = "usage: ps\nPID, parent, state, kind (SCP: one core, MCP: many), vcores held, milliseconds on cores, memory mapped, name"
PATH_ROOM = 64


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    names = Names()
    list_names("/proc", names)
    out.print(f"{'PID':>5} {'PPID':>5} {'STATE':<11} {'KIND':<4} {'VCORES':>6} {'CPU ms':>9} {'KiB':>9} NAME\n")
    previous: u64 = 0
    while (pid := next_pid(names, previous)) != 0:
        print_process(pid)
        previous = pid
    out.flush()
    names.close()
    return 0


def next_pid(names: Names, previous: u64) -> u64:
    """The smallest process id above `previous`, 0 if there is none."""
    smallest: u64 = 0
    for name in names.all():
        pid = number_or_none(name)
        if pid is not None and pid > previous and (smallest == 0 or pid < smallest):
            smallest = pid
    return smallest


def print_process(pid: u64) -> None:
    path = text(PATH_ROOM)
    path.write(f"/proc/{pid}/status")
    try:
        status = read_file(path.view)
    except Error:
        return                              # it ended in the meantime
    state = value_of(status, "state")
    kind = value_of(status, "kind")
    parent = value_of(status, "ppid")
    vcores = value_of(status, "vcores")
    cpu = value_of(status, "cpu_ms")
    mapped = value_of(status, "mapped_kb")
    out.print(f"{pid:>5} {parent:>5} {state:<11} {kind:<4} {vcores:>6} {cpu:>9} {mapped:>9} {value_of(status, 'name')}\n")
    discard(status)


def value_of(status: str, label: str) -> str:
    """What stands behind `label:` at the start of a line."""
    rest = status
    while len(rest) > 0:
        line, rest = rest.split1("\n")
        name, value = line.split1(": ")
        if name == label:
            return value
    return "?"
