# SPDX-License-Identifier: LGPL-2.1-or-later
"""File names as text: taken apart, joined, cleaned. Nothing here looks at the file system.

A name is absolute from `/` on, or from `#` and the name of a device on: `#proc/1/status`.
"""

from lang import Text, u64


def basename(path: str) -> str:
    """The last part of a path; of `/` the slash itself."""
    trimmed = _without_trailing_slashes(path)
    at = trimmed.rfind("/")
    if at < 0 or len(trimmed) == 1:
        return trimmed
    return trimmed[u64(at) + 1 :]


def dirname(path: str) -> str:
    """All but the last part; `.` if there is only one."""
    trimmed = _without_trailing_slashes(path)
    at = trimmed.rfind("/")
    if at < 0:
        return "."
    return "/" if at == 0 else trimmed[: u64(at)]


def is_absolute(path: str) -> bool:
    return path.startswith("/") or path.startswith("#")


def join(into: Text, folder: str, name: str) -> str:
    """`folder/name` built in `into`, which is cleared first; an absolute `name` stands alone."""
    into.clear()
    if not is_absolute(name) and len(folder) > 0 and folder != ".":
        into.append(folder)
        if not folder.endswith("/"):
            into.append("/")
    into.append(name)
    return into.view


def clean(into: Text, path: str) -> str:
    """`path` without `.`, `..`, doubled and trailing slashes, in `into`. `..` above the root, or a device's root, stays there."""
    into.clear()
    absolute = is_absolute(path)
    if path.startswith("/"):
        into.append("/")
    at: u64 = 0
    while at < len(path):
        end = at
        while end < len(path) and path[end] != ord("/"):
            end += 1
        _apply_part(into, path[at:end], absolute)
        at = end + 1
    if into.len == 0:
        into.append(".")
    return into.view


def _apply_part(into: Text, part: str, absolute: bool) -> None:
    if len(part) == 0 or part == ".":
        return
    done = into.view
    if part == ".." and len(done) > 0 and done != ".." and not done.endswith("/.."):
        if done != "/" and not (done.startswith("#") and done.find("/") < 0):
            at = done.rfind("/")
            keep: u64 = 0
            if at == 0:
                keep = 1
            elif at > 0:
                keep = u64(at)
            into.pop(len(done) - keep)
        return
    if part == ".." and absolute:
        return
    if len(done) > 0 and not done.endswith("/"):
        into.append("/")
    into.append(part)


def _without_trailing_slashes(path: str) -> str:
    end = len(path)
    while end > 1 and path[end - 1] == ord("/"):
        end -= 1
    return path[:end]
