# SPDX-License-Identifier: GPL-2.0-or-later
"""RISC-V: what the firmware may do otherwise than QEMU's usual. Another boot hart, hart ids with a gap, a boot loader in between."""

import re
import subprocess
from pathlib import Path

import pytest

from scripts.flat import flat_image
from scripts.machine import Machine
from scripts.qemu import BOARDS, Ending, Settings
from tests.boot.conftest import TEST_OPTIONS, Pool

pytestmark = pytest.mark.xdist_group("architectures")
U_BOOT = Path("/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin")
IMAGE_AT = 0x8400_0000


def device_tree(folder: Path, smp: int) -> bytearray:
    """The tree that QEMU gives a machine."""
    path = folder / "board.dtb"
    board = BOARDS["riscv"]
    machine = ["-machine", f"virt,dumpdtb={path}", "-cpu", board.cpu, "-smp", str(smp), "-m", "1G", "-display", "none"]
    subprocess.run([board.emulator, *machine], check=True, capture_output=True)
    return bytearray(path.read_bytes())


def switch_off(tree: bytearray, hart: int) -> None:
    status = tree.index(b"okay\0", tree.index(f"cpu@{hart}\0".encode()))
    tree[status:status + 5] = b"fail\0"


@pytest.mark.parametrize("off", [(0,), (1,), (0, 2)])
def test_hart_ids_are_not_core_numbers(pool: Pool, tmp_path: Path, off: tuple[int, ...]) -> None:
    tree = device_tree(tmp_path, 4)
    for hart in off:
        switch_off(tree, hart)
    path = tmp_path / "changed.dtb"
    path.write_bytes(tree)
    settings = Settings(arch="riscv", smp=4, append=f'{TEST_OPTIONS} run="threads 20 5"', extra=("-dtb", str(path)))
    machine = pool.machine("riscv-harts", settings)
    assert machine.wait(60) == (Ending.STATUS, 0), machine.report()
    # Which hart the firmware starts on is a race that looks at no tree: one that is off may have won it, and then it runs as well.
    winner = re.search(r"Boot HART ID +: (\d+)", machine.seen())
    assert winner is not None, machine.report()
    left = 4 - len({*off} - {int(winner[1])})
    assert f"device tree: {left} cores" in machine.log()
    assert f"{left} cores are up" in machine.log()
    assert "20 threads finished, 100 loops" in machine.seen()
    pool.release()


@pytest.mark.skipif(not U_BOOT.exists(), reason="u-boot-qemu is not installed")
def test_u_boot_starts_the_flat_image(pool: Pool, tmp_path: Path) -> None:
    image = tmp_path / "Image"
    image.write_bytes(flat_image(Settings(arch="riscv").kernel))
    machine: Machine = pool.machine("riscv-u-boot", Settings(
        arch="riscv", smp=4, loader=U_BOOT, extra=("-device", f"loader,file={image},addr={IMAGE_AT:#x},force-raw=on")))
    machine.expect("Hit any key", 60)
    machine.send(" \n")
    machine.expect(r"=> \Z")
    machine.send(f'setenv bootargs {TEST_OPTIONS} run=\\"cores\\"\n')
    machine.expect(r"=> \Z")
    machine.send(f"booti {IMAGE_AT:#x} - ${{fdtcontroladdr}}\n")
    assert machine.wait(60) == (Ending.STATUS, 0), machine.report()
    assert "Starting kernel" in machine.seen() and "4 cores are up" in machine.log()
    pool.release()
