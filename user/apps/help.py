# SPDX-License-Identifier: LGPL-2.1-or-later
"""help: lists the programs that there are."""

from lang import Error, i32, u64
from lib.args import complain_about, help_wanted
from lib.files import Names, list_names
from lib.output import out
from lib.strings import columns

FOLDER = "/bin"
LINE_WIDTH: u64 = 80


def main() -> i32:
    if help_wanted("usage: help"):
        return 0
    names = Names()
    try:
        list_names(FOLDER, names)
    except Error as e:
        return complain_about(FOLDER, e.message)
    names.sort()
    out.line("Programs; each answers --help. The shell's own `help` tells of its commands and keys.")
    width: u64 = 0
    for name in names.all():
        if width + columns(name) + 2 > LINE_WIDTH:
            out.put("\n")
            width = 0
        out.put("  ")
        out.put(name)
        width += columns(name) + 2
    out.put("\n")
    out.flush()
    names.close()
    return 0
