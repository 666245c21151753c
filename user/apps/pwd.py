# SPDX-License-Identifier: LGPL-2.1-or-later
"""pwd: prints the working directory."""

from lang import array, i32, u8
from lib.args import help_wanted
from syscalls import sys_getcwd

PATH_ROOM = 1024


def main() -> i32:
    if help_wanted("usage: pwd"):
        return 0
    room = array(PATH_ROOM, u8)
    where: str = room[: sys_getcwd(room)]
    print(where)
    return 0
