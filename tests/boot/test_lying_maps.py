# SPDX-License-Identifier: GPL-2.0-or-later
"""Firmware that names memory wrongly: twice, or more than there is. The machine works on what there is, or says where there was none.

The device tree is QEMU's own, changed here. An x86_64 machine is told by QEMU alone, so that nobody can lie to it: what both read
their maps into is tested in tests/host/test_boot_readers.py.
"""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest

from scripts.qemu import Settings, command
from tests.boot.conftest import TEST_OPTIONS, Pool, only_on
from tests.boot.test_disturbances import wait_for_log

pytestmark = [pytest.mark.xdist_group("alone"), only_on("riscv")]
BASE = 0x8000_0000
MIB = 1 << 20
BEGIN_NODE, END_NODE = struct.pack(">I", 1), struct.pack(">I", 2)


def tree_of(folder: Path, settings: Settings) -> bytes:
    """QEMU's device tree of such a machine."""
    path = folder / "honest.dtb"
    words = command(settings, ["-chardev", "null,id=console"], folder / "unused.log")
    subprocess.run([*words, "-machine", f"dumpdtb={path}"], check=True, capture_output=True, timeout=60)
    return path.read_bytes()


def reg(address: int, size: int) -> bytes:
    return struct.pack(">QQ", address, size)


def with_second_node(tree: bytes, old: bytes, new: bytes) -> bytes:
    """Behind the memory node one more like it, with other bytes in it (Devicetree specification 0.4, chapter 5)."""
    start = tree.index(BEGIN_NODE + b"memory@")
    end = tree.index(END_NODE, tree.index(old, start)) + 4
    node = tree[start:end].replace(old, new).replace(b"memory@8", b"memory@9")
    head = list(struct.unpack(">10I", tree[:40]))
    assert head[2] < head[3], "the strings come behind the structure"
    for field in (1, 3, 9):  # sizes of all and of the structure, place of the strings
        head[field] += len(node)
    return struct.pack(">10I", *head) + tree[40:end] + node + tree[end:]


def deceived(settings: Settings, tree: Path) -> Settings:
    return Settings(**{**vars(settings), "append": TEST_OPTIONS, "extra": (*settings.extra, "-dtb", str(tree))})


def test_memory_that_is_named_twice_counts_once(pool: Pool, arch: str, tmp_path: Path) -> None:
    """A second node names the upper half again. Nothing is given out twice, or checks would fail."""
    settings = Settings(arch=arch, smp=2, mem="512M")
    all_of_it = reg(BASE, 512 * MIB)
    (tmp_path / "lie.dtb").write_bytes(with_second_node(tree_of(tmp_path, settings), all_of_it, reg(BASE + 256 * MIB, 256 * MIB)))
    guest = pool.guest("memory twice alone", deceived(settings, tmp_path / "lie.dtb"))
    total = re.search(r"MemTotal: +(\d+)", guest.output("cat /proc/meminfo"))
    assert total and 400 * 1024 < int(total[1]) <= 512 * 1024, guest.report()
    assert "100 threads finished" in guest.output("threads 100 5", 60)
    pool.release()


def test_memory_that_is_not_there_is_found_at_once(pool: Pool, arch: str, tmp_path: Path) -> None:
    """The tables are to lie at the end of what is named; the panic names the address, and who wrote there."""
    settings = Settings(arch=arch, smp=2, mem="512M")
    tree = tree_of(tmp_path, settings)
    assert tree.count(reg(BASE, 512 * MIB)) == 1
    (tmp_path / "lie.dtb").write_bytes(tree.replace(reg(BASE, 512 * MIB), reg(BASE, 1024 * MIB)))
    machine = pool.machine("no memory there alone", deceived(settings, tmp_path / "lie.dtb"))
    wait_for_log(machine, "kernel panic on core 0: access fault in the kernel, cause 7")
    assert re.search(r"address ffffffc0bff[0-9a-f]+", machine.log()), machine.report()
    pool.release()
