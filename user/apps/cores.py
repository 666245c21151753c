# SPDX-License-Identifier: LGPL-2.1-or-later
"""cores: who holds which core."""

from lang import i32
from lib.args import help_wanted
from lib.files import read_file
from lib.output import out
from lib.strings import discard, next_field

USAGE = """usage: cores
A line for each core: what it does, the process and vcore that run there, whom it is allocated and provisioned to, and how long
it was idle since boot."""


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    content = read_file("/proc/cores")
    rest: str = content
    out.print(f"{'CORE':>4} {'STATE':<7} {'PID':>5} {'VCORE':>5} {'ALLOCATED':>9} {'PROVISIONED':>11} {'IDLE ms':>10} NAME\n")
    while len(rest) > 0:
        line, rest = rest.split1("\n")
        print_core(line)
    out.flush()
    discard(content)
    return 0


def print_core(line: str) -> None:
    core, at = next_field(line, 0)
    state, at = next_field(line, at)
    pid, at = next_field(line, at)
    vcore, at = next_field(line, at)
    allocated, at = next_field(line, at)
    provisioned, at = next_field(line, at)
    idle, at = next_field(line, at)
    out.print(f"{core:>4} {state:<7} {pid:>5} {vcore:>5} {allocated:>9} {provisioned:>11} {idle:>10} {line[at:].strip()}\n")
