# SPDX-License-Identifier: LGPL-2.1-or-later
"""File name patterns against the file system, one path part at a time."""

from lang import Error, text, u64
from lib.files import Names, close_directory, kind_itself, open_directory
from lib.glob import has_wildcard, matches, unescape

PATH_ROOM = 1024


def expand_pattern(pattern: str, into: Names) -> bool:
    """Add the files that `pattern` (escaped as lib.glob says) names, sorted; False, and nothing added, if there are none."""
    found = Names()
    following = Names()
    try:
        found.add("/" if pattern.startswith("/") else "")
        at: u64 = 0
        while at < len(pattern):
            end = at
            while end < len(pattern) and pattern[end] != ord("/"):
                end += 1
            if end > at:
                _one_part(pattern[at:end], found, following, end < len(pattern))
                _swap(found, following)
            at = end + 1
        found.sort()
        for name in found.all():
            into.add(name)
        return found.count > 0
    finally:
        found.close()
        following.close()


def _swap(found: Names, following: Names) -> None:
    """`found` becomes what was in `following`, which is emptied."""
    items = following.items
    count = following.count
    following.items = found.items[:0]
    following.count = 0
    found.close()
    found.items = items
    found.count = count


def _one_part(part: str, folders: Names, into: Names, more: bool) -> None:
    """Extend each of `folders` by what `part` stands for."""
    path = text(PATH_ROOM)
    for folder in folders.all():
        if has_wildcard(part):
            _match_in(folder, part, into, more)
        else:
            path.clear()
            path.append(folder)
            unescape(part, path)
            if kind_itself(path.view) is not None:
                if more:
                    path.append("/")
                into.add(path.view)


def _match_in(folder: str, part: str, into: Names, more: bool) -> None:
    """A folder that cannot be read just has no matches."""
    path = text(PATH_ROOM)
    try:
        directory = open_directory("." if len(folder) == 0 else folder)
    except Error:
        return
    try:
        while directory.next():
            if matches(part, directory.name):
                path.clear()
                path.append(folder)
                path.append(directory.name)
                if more:
                    path.append("/")
                into.add(path.view)
    finally:
        close_directory(directory)
