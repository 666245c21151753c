# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs by name, and children looked at without waiting. On rt.process."""

from lang import Text, i32
from kern.abi.file import WaitFlag, WaitStatus
from lib.files import is_file
from lib.strings import contains_byte
from rt.process import exit_status
from syscalls import sys_waitpid

DEFAULT_PATH = "/bin"


def find_program(name: str, search: str, into: Text) -> bool:
    """The file that the command `name` runs: itself if it has a slash, else the first found in the folders of `search`."""
    into.clear()
    if contains_byte(name, ord("/")):
        into.append(name)
        return is_file(name)
    rest = search if len(search) > 0 else DEFAULT_PATH
    while len(rest) > 0 and len(name) > 0:
        folder, rest = rest.split1(":")
        into.clear()
        into.append(folder)
        into.append("/")
        into.append(name)
        if is_file(into.view):
            return True
    into.clear()
    return False


def try_wait_for(pid: i32) -> tuple[bool, i32]:
    """(whether the child has ended, its exit status). Never blocks. Raises ECHILD if it is none of ours."""
    status = WaitStatus()
    if sys_waitpid(pid, status, WaitFlag.NOHANG) == 0:
        return False, 0
    return True, exit_status(status)
