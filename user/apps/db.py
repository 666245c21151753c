# SPDX-License-Identifier: LGPL-2.1-or-later
"""db: looks into the kernel. `db blk [PID]`: the threads that sleep there, all or a process', each with what it waits for and where."""

from lang import Error, i32, text
from lib.args import complain, help_wanted, misuse
from lib.files import read_file
from lib.strings import discard, number_or_none
from rt.args import args

USAGE = "usage: db blk [PID]"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    words = args()
    if len(words) not in (2, 3) or words[1] != "blk":
        return misuse("what of the kernel?", USAGE)
    path = text(40)
    if len(words) == 2:
        path.append("#kprof/sleepers")
    elif number_or_none(words[2]) is None:
        return misuse(f"{words[2]} is no process number", USAGE)
    else:
        path.write(f"/proc/{words[2]}/sleepers")
    try:
        listed = read_file(path.view)
    except Error as e:
        return complain(f"{e.message}")
    print(listed, end="")
    discard(listed)
    return 0
