# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths: from the text that a process gives to a node.

Paths are cleaned as text first (`.`, `..`, double slashes), relative to the process' working directory or an open directory;
there are no symbolic links that could make this wrong. A path is absolute if it starts with `/`, or with `#` and the name of a device;
above the root of a device so named there is nothing. Then the mount (kern/ns/dev.py) walks the rest.
No locks. Walking may block.
"""

from lang import Error, Text, u64
from kern.abi.errno import Errno
from kern.abi.file import NAME_MAX, FileKind
from kern.ns.dev import find_mount, is_mount_point
from kern.ns.node import Node


def is_absolute(path: str) -> bool:
    return path.startswith("/") or path.startswith("#")


def clean_path(base: str, path: str, into: Text) -> None:
    """Write the absolute clean form of `path`, relative to the absolute clean `base`. Raises ENOENT, ENAMETOOLONG."""
    if not path:
        raise Error(Errno.ENOENT, "an empty path names no file")
    into.clear()
    rest = path
    if path.startswith("#"):
        device, rest = path.split1("/")
        into.append(device)
    elif not path.startswith("/") and base != "/":
        into.append(base)
    while rest:
        name, rest = rest.split1("/")
        if not name or name == ".":
            continue
        if name == "..":
            drop_last(into)
            continue
        if len(name) > NAME_MAX:
            raise Error(Errno.ENAMETOOLONG, f"a name of {len(name)} bytes is too long")
        into.append("/")
        into.append(name)
        if into.truncated:
            raise Error(Errno.ENAMETOOLONG, "the path is too long")
    if not into.view:
        into.append("/")


def drop_last(path: Text) -> None:
    """Take the last component off; the root has none."""
    at = path.view.rfind("/")
    if at >= 0:
        path.pop(path.len - u64(at))


def find_node(path: str) -> Node:
    """The node at an absolute clean path, with a reference for the caller. Raises ENOENT, ENOTDIR, ENODEV."""
    mount, rest = find_mount(path)
    root = mount.root
    if root is None:
        raise Error(Errno.ENXIO, f"{path} is not attached")
    node = root
    node.get()
    while rest:
        name, rest = rest.split1("/")
        if not name:
            continue
        try:
            child = node.walk(name)
        except Error as e:
            raise Error(e.errno, f"{path}: {e.message}")
        finally:
            node.put()
        node = child
    return node


def split_path(path: str) -> tuple[str, str]:
    """Directory and last name of an absolute clean path other than the root. Raises EBUSY for a mount point, ENODEV."""
    if is_mount_point(path):
        raise Error(Errno.EBUSY, f"{path} is where a device sits")
    at = u64(path.rfind("/"))
    directory = path[:at] if at > 0 else "/"
    return directory, path[at + 1 :]


def find_directory(path: str) -> Node:
    """The same as find_node, raising ENOTDIR for anything but a directory."""
    node = find_node(path)
    if node.kind != FileKind.DIR:
        node.put()
        raise Error(Errno.ENOTDIR, f"{path} is not a directory")
    return node
