# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `cp` and `mv` share: sources, then a target; in a directory each source keeps its name."""

from collections.abc import Callable

from lang import Error, Raises, i32, text
from lib.args import Options, complain, complain_about, help_wanted, misuse
from lib.files import is_directory
from lib.paths import basename, join
from rt.args import args

PATH_ROOM = 1024


def each_onto(usage: str, action: Callable[[str, str], Raises[None]]) -> i32:
    """The whole command: `action(source, place)` for each source. The status to exit with."""
    if help_wanted(usage):
        return 0
    options = Options(args=args())
    if options.next() != 0:
        return options.refuse(usage)
    paths = options.operands()
    if len(paths) < 2:
        return misuse("a path and a target are needed", usage)
    target = paths[len(paths) - 1]
    into_directory = is_directory(target)
    if len(paths) > 2 and not into_directory:
        return complain(f"{target}: not a directory")
    status: i32 = 0
    for source in paths[: len(paths) - 1]:
        place = text(PATH_ROOM)
        if into_directory:
            join(place, target, basename(source))
        else:
            place.append(target)
        try:
            action(source, place.view)
        except Error as e:
            status = complain_about(source, e.message)
    return status
