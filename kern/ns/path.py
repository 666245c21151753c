# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths: from the text that a process gives to a node.

A path is absolute if it starts with `/`, or with `#` and the name of a device; above the root of a device so named there is nothing.
`join_path` makes it absolute, relative to a working directory or an open one, and cleans it as text (`.`, `..`, double slashes). Where a
device has links, a `..` that may lead out of what a link names is left to the walk, and so is the `.` that a slash at the end stands for;
elsewhere what a `..` takes off need not be there: `/proc/none/..` is `/proc`, while `/tmp/none/..` is ENOENT.
The mount (kern/ns/dev.py) decides where the walk begins. A link on the way is replaced by its target, in the caller's text, which is then
walked anew; so that text ends as the file's one true path, clean and without links (docs/decisions/links.md).
No locks. Walking may block.
"""

from lang import Error, Text, text, u64
from kern.abi.errno import Errno
from kern.abi.file import NAME_MAX, PATH_MAX, FileKind
from kern.ns.dev import Mount, find_mount, is_mount_point
from kern.ns.node import Node

MAX_LINKS: u64 = 40                         # followed on one path


def is_absolute(path: str) -> bool:
    return path.startswith("/") or path.startswith("#")


def join_path(into: Text, path: str) -> None:
    """Have `into`, a clean path without links or nothing, be the absolute path of `path`, relative to it. Raises ENOENT, ENAMETOOLONG."""
    if not path:
        raise Error(Errno.ENOENT, "an empty path names no file")
    rest = path
    if is_absolute(path):
        into.clear()
        if path.startswith("#"):
            device, rest = path.split1("/")
            into.append(device)
    elif into.view == "/":
        into.clear()
    known = into.len                        # so far there is no link in it, and nothing that the walk has to see
    name = ""
    while rest:
        name, rest = rest.split1("/")
        if not name or name == ".":
            continue
        if name != "..":
            add_name(into, name)
        elif into.len > known and may_be_link(into.view):
            add_name(into, name)
        else:
            drop_last(into)
            known = min(known, into.len)
    if (path.endswith("/") or name == ".") and into.len > known and may_be_link(into.view):
        add_name(into, ".")
    if not into.view:
        into.append("/")


def may_be_link(path: str) -> bool:
    """Whether the last name of a path may be a link's. Raises ENODEV."""
    if not path:
        return False
    mount, rest = find_mount(path)
    return mount.has_links and len(rest) > 0


def add_name(path: Text, name: str) -> None:
    """Put a name behind an absolute path. Raises ENAMETOOLONG."""
    if len(name) > NAME_MAX:
        raise Error(Errno.ENAMETOOLONG, f"a name of {len(name)} bytes is too long")
    if path.view != "/":
        path.append("/")
    path.append(name)
    if path.truncated:
        raise Error(Errno.ENAMETOOLONG, "the path is too long")


def drop_last(path: Text) -> None:
    """Take the last component off; the root has none."""
    at = path.view.rfind("/")
    if at >= 0:
        path.pop(path.len - u64(at))


def find_node(path: Text, follow: bool = True) -> Node:
    """The node at an absolute path, with a reference for the caller; `path` becomes where that is, clean and without links.

    A link at the end is followed if `follow`, or if a slash is behind it. After an error `path` is as far as it was understood, and what is
    left; so after ENOENT it says what is missing. Raises ENOENT, ENOTDIR, ENODEV, ELOOP, ENAMETOOLONG.
    """
    followed: u64 = 0
    while True:
        mount, rest = find_mount(path.view)
        if not mount.has_links:
            return walk_down(mount, rest, path.view)
        todo = text(PATH_MAX)
        todo.append(rest)
        path.pop(len(rest))
        node, left = walk_to_link(root_of(mount, path.view), path, todo.view, follow)
        if node.kind == FileKind.LINK and (follow or left):
            followed += 1
            try:
                if followed > MAX_LINKS:
                    raise Error(Errno.ELOOP, f"{path.view} is one link after {MAX_LINKS} others")
                follow_link(path, node.target(), left)
            finally:
                node.put()
        elif left:
            node.put()
            drop_last(path)                 # out of the device
            join_path(path, left)
        else:
            return node


def walk_to_link(root: Node, path: Text, rest: str, follow: bool) -> tuple[Node, str]:
    """Walk from a device's root, which is at `path`, along `rest`, up to a link that is to be followed, or to a `..` out of the device.

    Returns the node there, with a reference for the caller, and what is behind the link, or the `..`; `path` is that node's. After an error
    it has all of the rest.
    """
    if rest and path.view.endswith("/"):
        path.pop(1)                         # of a device by its name
    node = root
    node.get()
    ahead = rest
    try:
        while rest:
            ahead = rest
            name, rest = rest.split1("/")
            if not name:
                continue
            if name == ".." and node is root:
                return node, rest if rest else "."
            child = step(node, name)
            node.put()
            node = child
            if name == "..":
                drop_last(path)
            elif name != ".":
                add_name(path, name)
            if node.kind == FileKind.LINK and (follow or rest):
                break
    except Error as e:
        node.put()
        path.append("/")
        path.append(ahead)
        raise Error(e.errno, f"{path.view}: {e.message}")
    return node, rest


def step(node: Node, name: str) -> Node:
    if name != ".":
        return node.walk(name)
    if node.kind != FileKind.DIR:
        raise Error(Errno.ENOTDIR, "not a directory")
    node.get()
    return node


def follow_link(path: Text, target: str, left: str) -> None:
    """Put what a link names, and what is behind the link, in the place of the link's own path."""
    spelled = text(PATH_MAX)
    spelled.append(target)
    if left:
        spelled.append("/")
        spelled.append(left)
    if spelled.truncated:
        raise Error(Errno.ENAMETOOLONG, f"{path.view}: what the link names is too long")
    drop_last(path)
    join_path(path, spelled.view)


def find_real(path: str) -> Node:
    """The node at an absolute clean path without links, with a reference for the caller. Raises ENOENT, ENOTDIR, ENODEV."""
    mount, rest = find_mount(path)
    return walk_down(mount, rest, path)


def walk_down(mount: Mount, rest: str, path: str) -> Node:
    node = root_of(mount, path)
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


def root_of(mount: Mount, path: str) -> Node:
    root = mount.root
    if root is None:
        raise Error(Errno.ENXIO, f"{path} is not attached")
    return root


def find_directory(path: Text) -> Node:
    """The same as find_node, raising ENOTDIR for anything but a directory."""
    node = find_node(path)
    if node.kind != FileKind.DIR:
        node.put()
        raise Error(Errno.ENOTDIR, f"{path.view} is not a directory")
    return node


def find_parent(path: Text, new_folder: bool = False) -> tuple[Node, str]:
    """The directory of the path's last name, with a reference for the caller, and that name.

    It need not be there, and is not followed if it is; but with a slash behind it, it is a directory's, or with `new_folder` missing.
    `path` becomes clean and, but for the name, without links. Raises EBUSY for a mount point; what find_node raises.
    """
    if path.view.endswith("/.") or path.view.endswith("/.."):
        find_whole(path, new_folder)
    if is_mount_point(path.view):
        raise Error(Errno.EBUSY, f"{path.view} is where a device sits")
    name = text(NAME_MAX)
    name.append(path.view[u64(path.view.rfind("/")) + 1 :])
    path.pop(name.len + 1)
    if path.len == 0:
        path.append("/")
    parent = find_directory(path)
    try:
        add_name(path, name.view)
        if name.view == "..":
            raise Error(Errno.ENOENT, f"{path.view} is no name")
    except Error:
        parent.put()
        raise
    return parent, path.view[path.len - name.len :]


def find_whole(path: Text, new_folder: bool) -> None:
    """What the path names decides which its last name is; of a folder that is to be made, the one before the slash."""
    try:
        find_node(path).put()
    except Error as e:
        if e.errno != Errno.ENOENT or not new_folder or not path.view.endswith("/."):
            raise
        path.pop(2)
