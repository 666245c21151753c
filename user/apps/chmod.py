# SPDX-License-Identifier: LGPL-2.1-or-later
"""chmod: sets the rights of files and directories."""

from lang import Error, i32, u32
from lib.args import Options, complain_about, help_wanted, misuse
from lib.posix import chmod
from rt.args import args

USAGE = "usage: chmod MODE FILE…\n  MODE  rights of owner, group and others as three octal digits, like 755"


def main() -> i32:
    if help_wanted(USAGE):
        return 0
    options = Options(args=args())
    if options.next() != 0:
        return options.refuse(USAGE)
    words = options.operands()
    if len(words) < 2:
        return misuse("rights and a file are needed", USAGE)
    mode = octal(words[0])
    if mode is None:
        return misuse(f"{words[0]} are no rights", USAGE)
    status: i32 = 0
    for path in words[1:]:
        try:
            chmod(path, mode)
        except Error as e:
            status = complain_about(path, e.message)
    return status


def octal(digits: str) -> u32 | None:
    if not 0 < len(digits) <= 4:
        return None
    mode: u32 = 0
    for digit in digits:
        if not ord("0") <= digit <= ord("7"):
            return None
        mode = mode << 3 | u32(digit - ord("0"))
    return mode if mode <= 0o777 else None
