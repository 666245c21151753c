# SPDX-License-Identifier: GPL-2.0-or-later
"""Walks of paths with links: kern/ns/path.py over the files in memory, against the host's own file system.

A directory of the host stands for `/`, its `tmp` for /tmp. Above our root there is nothing but itself, so each directory above the host's
has a link to the same `tmp`, and counts as the root.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.host import CompiledError, Unit, load

DEPTH = 200  # more than the `..` of as many links as are followed
FILE, DIR, LINK = 1, 2, 5
FLAGS = {0: 0, 8: os.O_EXCL, 512: os.O_NOFOLLOW}  # ours, the host's
OUTSIDE = {"EROFS", "EBUSY"}

SOURCE = """
from lang import Error, Text, text, u32, u64
from kern.abi.errno import Errno
from kern.abi.file import DirEntry, FileKind, OpenMode
from kern.dev.tmpfs import TmpDev
from kern.ns.chan import check_open, create_at, find_or_create
from kern.ns.dev import Dev, devices, mount_devices
from kern.ns.node import Node
from kern.ns.path import find_node, find_parent, join_path


class Top(Node):
    kind: FileKind = FileKind.DIR

    def walk(self, name: str) -> Node:
        raise Error(Errno.ENOENT, "nothing is here")


top = Top()
answer = text(1024)                         # a path


@devices
class TopDev(Dev):
    name: str = "top"
    place: str = "/"
    has_links: bool = True                  # so that each name is looked at there too, as the host does

    def attach(self) -> Node:
        return top


@devices                                    # of other modules' only those are registered that a unit reaches
class Files(TmpDev):
    pass


def start() -> None:
    top.refs.init(1)
    mount_devices()


def join(into: Text, path: str) -> None:
    into.append("/tmp")
    join_path(into, path)


def mkdir(path: str) -> None:
    full = text(1024)
    join(full, path)
    create_at(full, FileKind.DIR, 0o755).put()


def create(path: str, flags: u32) -> None:
    full = text(1024)
    join(full, path)
    mode = OpenMode.READ | OpenMode.WRITE | OpenMode.CREATE | OpenMode(flags)
    node = find_or_create(full, mode, 0o644)
    try:
        check_open(node, full.view, mode)
    finally:
        node.put()


def link(target: str, path: str) -> None:
    full = text(1024)
    join(full, path)
    parent, name = find_parent(full)
    try:
        parent.create_link(name, target)
    finally:
        parent.put()


def target_of(path: str) -> str:
    answer.clear()
    join(answer, path)
    node = find_node(answer, False)
    try:
        answer.clear()
        answer.append(node.target())
    finally:
        node.put()
    return answer.view


def remove(path: str) -> None:
    full = text(1024)
    join(full, path)
    parent, name = find_parent(full)
    try:
        parent.remove(name)
    finally:
        parent.put()


def rename(path: str, new_path: str) -> None:
    full = text(1024)
    new_full = text(1024)
    join(full, path)
    join(new_full, new_path)
    parent, name = find_parent(full)
    try:
        new_parent, new_name = find_parent(new_full)
        try:
            parent.rename(name, new_parent, new_name)
        finally:
            new_parent.put()
    finally:
        parent.put()


def kind_at(path: str, follow: bool) -> u64:
    answer.clear()
    join(answer, path)
    node = find_node(answer, follow)
    try:
        return u64(node.kind)
    finally:
        node.put()


def true_path() -> str:
    return answer.view


def is_empty() -> bool:
    entry = DirEntry()
    full = text(8)
    full.append("/tmp")
    node = find_node(full)
    try:
        return not node.entry(0, entry)
    finally:
        node.put()
"""


@dataclass
class Both:
    """Our file system and the host's: what is done is done in both, and must come out the same."""

    unit: Unit
    root: Path

    @property
    def tmp(self) -> str:
        return f"{self.root}/tmp"

    def real(self, path: str) -> str:
        return f"{self.root}{path}" if path.startswith("/") else f"{self.tmp}/{path}"

    def place(self, path: str) -> str:
        """Our path of one of the host's."""
        if path == self.tmp or path.startswith(f"{self.tmp}/"):
            return path[len(str(self.root)) :]
        assert str(self.root).startswith(path), path
        return "/"

    def where(self, path: str, follow: bool) -> tuple[int, str]:
        """Kind and true path, by the host."""
        fd = os.open(self.real(path), os.O_PATH | (0 if follow else os.O_NOFOLLOW))
        try:
            return kind(os.fstat(fd).st_mode), self.place(os.readlink(f"/proc/self/fd/{fd}"))
        finally:
            os.close(fd)

    def is_outside(self, path: str) -> bool:
        """Whether the path's last name is in the root, where nothing can be made, and `tmp` is a link on the host."""
        try:
            return self.where(os.path.dirname(path.rstrip("/")) or ".", True)[1] == "/"
        except OSError:
            return False

    def look(self, path: str) -> None:
        self.look_so(path, True)
        self.look_so(path, self.is_outside(path))
        if not self.is_outside(path):
            assert outcome(lambda: self.unit.call("target_of", path)) == outcome(lambda: self.target(path)), path

    def look_so(self, path: str, follow: bool) -> None:
        ours = outcome(lambda: (self.unit.call("kind_at", path, follow), self.unit.call("true_path")))
        assert ours == outcome(lambda: self.where(path, follow)), (path, follow)

    def target(self, path: str) -> str:
        found = os.readlink(self.real(path))
        return found[len(str(self.root)) :] if found.startswith("/") else found

    def mkdir(self, path: str) -> None:
        self.make(path, lambda: self.unit.call("mkdir", path), lambda: os.mkdir(self.real(path)))

    def link(self, path: str, target: str) -> None:
        real = self.real(target) if target.startswith("/") else target
        self.make(path, lambda: self.unit.call("link", target, path), lambda: os.symlink(real, self.real(path)))

    def make(self, path: str, ours: Callable[[], Any], host: Callable[[], Any]) -> None:
        if self.is_outside(path):
            assert outcome(ours) in OUTSIDE | {"EPERM", "EEXIST"}, path
        else:
            assert outcome(ours) == outcome(host), path

    def create(self, path: str, flags: int) -> None:
        """A link that names nothing may lead outside: then the host is spared."""
        ours = outcome(lambda: self.unit.call("create", path, flags))
        if ours in OUTSIDE:
            assert not os.path.realpath(self.real(path)).startswith(f"{self.tmp}/"), path
            return
        opened = os.O_RDWR | os.O_CREAT | FLAGS[flags]
        host = outcome(lambda: os.close(os.open(self.real(path), opened)))
        if host == "EISDIR" and outcome(lambda: self.where(path, True)[0]) != DIR:
            assert isinstance(ours, str), path  # what is to be made has a slash behind it: the host looks no further
        else:
            assert ours == host, (path, flags)

    def remove(self, path: str) -> None:
        if self.is_outside(path):
            assert outcome(lambda: self.unit.call("remove", path)) in OUTSIDE | {"ENOENT"}, path
        else:
            assert outcome(lambda: self.unit.call("remove", path)) == outcome(lambda: remove(self.real(path))), path

    def rename(self, path: str, new_path: str) -> None:
        ours = outcome(lambda: self.unit.call("rename", path, new_path))
        if self.is_outside(path) or self.is_outside(new_path):
            assert isinstance(ours, str), (path, new_path)
        elif ours == "EEXIST":  # we put nothing in the place of directories, nor directories in that of anything
            assert DIR in (self.where(path, False)[0], self.where(new_path, False)[0]), (path, new_path)
        else:
            assert ours == outcome(lambda: os.rename(self.real(path), self.real(new_path))), (path, new_path)

    def clear(self) -> None:
        """What the host has, we have, and nothing else: directories can be removed after it."""
        for folder, folders, files in os.walk(self.tmp, topdown=False):
            for name in folders + files:
                path = f"{folder}/{name}"
                remove(path)
                self.unit.call("remove", self.place(path))
        assert self.unit.call("is_empty")


def kind(mode: int) -> int:
    return DIR if stat.S_ISDIR(mode) else LINK if stat.S_ISLNK(mode) else FILE


def remove(path: str) -> None:
    if kind(os.lstat(path).st_mode) == DIR:
        os.rmdir(path)
    else:
        os.unlink(path)


def outcome(act: Callable[[], Any]) -> Any:
    """What it gives, or the name of its error."""
    try:
        return act()
    except (CompiledError, OSError) as e:
        return errno.errorcode[e.errno or 0]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    root = tmp_path_factory.mktemp("links")
    above = []
    for _ in range(DEPTH):
        above.append(root)
        root = root / "0"
    (root / "tmp").mkdir(parents=True)
    for folder in above:
        (folder / "tmp").symlink_to(root / "tmp")
    unit = load(SOURCE, over=["tests/host/files", "tests/host/machine", "tests/host/paging"])
    unit.call("start")
    return Both(unit, root)


NAMES = st.sampled_from(["a", "b", "c"])
PARTS = st.lists(st.sampled_from(["a", "b", "c", "a", "b", "c", "..", "."]), min_size=1, max_size=4).map("/".join)
PATHS = st.builds(
    lambda front, parts, back: f"{front}{parts}{back}", st.sampled_from(["", "", "/tmp/", "/tmp//"]), PARTS, st.sampled_from(["", "", "/"])
)
PLACES = st.builds(lambda path, name: f"{path}{name}", st.sampled_from(["", "", "a/", "b/", "a/b/", "c/../", "a/..//", "/tmp/b/"]), NAMES)
STEPS = st.one_of(
    st.tuples(st.just("mkdir"), PLACES),
    st.tuples(st.just("link"), PLACES, PATHS),
    st.tuples(st.just("link"), PLACES, PATHS),
    st.tuples(st.just("create"), PLACES, st.sampled_from(sorted(FLAGS))),
    st.tuples(st.just("remove"), PLACES),
    st.tuples(st.just("rename"), PLACES, PLACES),
    st.tuples(st.just("look"), PATHS),
    st.tuples(st.just("look"), PATHS),
)


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
@pytest.mark.feature("sys-47", "ns-10")
def test_paths_lead_where_they_do_on_the_host(both: Both, steps: list[tuple[Any, ...]]) -> None:
    try:
        for name, *arguments in steps:
            getattr(both, name)(*arguments)
    finally:
        both.clear()


@pytest.mark.feature("ns-10")
def test_forty_links_are_followed_and_no_more(both: Both) -> None:
    both.mkdir("a")
    for i in range(41):
        both.link(f"a/{i}", "." if i == 0 else str(i - 1))
    both.look("a/39")
    both.look("a/40")
    assert outcome(lambda: both.unit.call("kind_at", "a/39", True)) == DIR
    assert outcome(lambda: both.unit.call("kind_at", "a/40", True)) == "ELOOP"
    both.clear()


def test_a_slash_behind_a_name(both: Both) -> None:
    """New directories may have one; a link with one is what it stands for, for whoever removes it too."""
    call = both.unit.call
    both.create("f", 0)
    both.link("l", "d")
    assert outcome(lambda: call("mkdir", "d/")) is None
    assert outcome(lambda: call("create", "new/", 0)) == "ENOENT"
    assert outcome(lambda: call("remove", "f/")) == "ENOTDIR"
    assert outcome(lambda: call("remove", "l/")) is None
    assert outcome(lambda: call("kind_at", "d", False)) == "ENOENT"
    assert outcome(lambda: call("kind_at", "l", False)) == LINK
    both.clear()


def test_a_directory_is_not_moved_into_itself_under_another_name(both: Both) -> None:
    both.mkdir("a")
    both.mkdir("a/b")
    both.link("c", "a/b")
    assert outcome(lambda: both.unit.call("rename", "a", "c/a")) == "EINVAL"
    assert outcome(lambda: both.unit.call("rename", "#tmpfs/a", "/tmp/a/b/a")) == "EINVAL"
    both.clear()
