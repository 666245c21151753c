# SPDX-License-Identifier: GPL-2.0-or-later
"""RISC-V: what firmware and board may do otherwise than QEMU's usual: another boot hart, hart ids with a gap, a boot loader in between,
other page tables, more memory than three levels of them show, other interrupt controllers."""

import re
import struct
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
BLOCK = 512


def device_tree(folder: Path, smp: int) -> bytearray:
    """The tree that QEMU gives a machine."""
    path = folder / "board.dtb"
    board = BOARDS["riscv"]
    machine = ["-machine", f"virt,dumpdtb={path}", "-cpu", board.cpu, "-smp", str(smp), "-m", "1G", "-display", "none"]
    subprocess.run([board.emulator, *machine], check=True, capture_output=True)
    return bytearray(path.read_bytes())


def switch_off(tree: bytearray, hart: int) -> None:
    status = tree.index(b"okay\0", tree.index(f"cpu@{hart}\0".encode()))
    tree[status : status + 5] = b"fail\0"


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


def test_u_boot_starts_the_flat_image_from_a_disk(pool: Pool, tmp_path: Path) -> None:
    image = flat_image(Settings(arch="riscv").kernel)
    blocks = -(-len(image) // BLOCK)
    disk = tmp_path / "disk"
    disk.write_bytes(image.ljust(blocks * BLOCK, b"\0"))
    drive = ("-drive", f"file={disk},format=raw,if=none,id=disk", "-device", "virtio-blk-device,drive=disk")
    machine: Machine = pool.machine("riscv-u-boot", Settings(arch="riscv", smp=4, loader=U_BOOT, extra=drive))
    machine.expect("Hit any key", 60)
    machine.send(" \n")
    machine.expect(r"=> \Z")
    machine.send("virtio scan\n")
    machine.expect(r"=> \Z")
    machine.send(f"virtio read {IMAGE_AT:#x} 0 {blocks:#x}\n")
    machine.expect(rf"{blocks} blocks read: OK[\s\S]*=> \Z")
    machine.send(f'setenv bootargs {TEST_OPTIONS} run=\\"cores\\"\n')
    machine.expect(r"=> \Z")
    machine.send(f"booti {IMAGE_AT:#x} - ${{fdtcontroladdr}}\n")
    assert machine.wait(60) == (Ending.STATUS, 0), machine.report()
    assert "Starting kernel" in machine.seen() and "4 cores are up" in machine.log()
    pool.release()


def test_harts_may_come_by_the_way_of_the_first_one(pool: Pool) -> None:
    """OpenSBI 1.1 stores where a hart shall start after it has let it go, so that on a busy host one starts where the first did."""
    settings = Settings(arch="riscv", smp=4, append=f'{TEST_OPTIONS} hart_entry=image run="threads 20 5"')
    machine = pool.machine("riscv-hart-entry", settings)
    assert machine.wait(60) == (Ending.STATUS, 0), machine.report()
    assert "4 cores are up" in machine.log()
    pool.release()


def test_three_levels_of_page_tables_do(pool: Pool) -> None:
    settings = Settings(arch="riscv", smp=2, append=f'{TEST_OPTIONS} mmu=sv39 run="threads 20 5; faults null && echo alive"')
    machine = pool.machine("riscv-sv39", settings)
    assert machine.wait(60) == (Ending.STATUS, 0), machine.report()
    assert ": sv39, 255 address space ids" in machine.log()
    assert "20 threads finished, 100 loops" in machine.seen() and "alive" in machine.seen()
    pool.release()


@pytest.mark.parametrize(("mode", "free"), [("sv39", 128), ("sv48", 140)])
def test_memory_up_to_what_the_page_tables_show(pool: Pool, mode: str, free: int) -> None:
    """The host need not have it: nobody touches most of it."""
    size = "140G"
    memory = ("-object", f"memory-backend-ram,size={size},reserve=off,id=memory", "-machine", "memory-backend=memory")
    settings = Settings(arch="riscv", smp=2, mem=size, append=f'{TEST_OPTIONS} mmu={mode} run="echo alive"', extra=memory)
    machine = pool.machine(f"riscv-memory-{mode}", settings)
    assert machine.wait(120) == (Ending.STATUS, 0), machine.report()
    found = re.search(r"memory: (\d+) MiB free", machine.log())
    # The direct map begins at physical 0, memory at 2 GiB; the records of pages take a little.
    assert found is not None and (free - 5) * 1024 < int(found[1]) < free * 1024, machine.log()
    pool.release()


@pytest.mark.parametrize(
    ("machine", "cores", "named"),
    [
        ("aia=aplic", ("4",), "aplic"),
        ("aia=aplic-imsic", ("4",), "aplic and imsic"),
        ("aia=aplic-imsic,aia-guests=1", ("8,sockets=2",), "aplic and imsic"),
    ],
)
def test_interrupt_controllers_of_the_advanced_kind(pool: Pool, machine: str, cores: tuple[str], named: str) -> None:
    """Threads need interrupts between cores; what is typed comes by the controller of devices."""
    extra = ("-machine", machine, "-smp", *cores)
    guest = pool.guest(f"riscv-{machine}", Settings(arch="riscv", append=TEST_OPTIONS, extra=extra), 60)
    assert f"interrupts by {named}\n" in guest.log()
    assert "20 threads finished, 100 loops" in guest.output("threads 20 5")
    assert guest.output("echo typed") == "typed\n"
    pool.release()


# Of a hart that shall come late: count down from 2**28, then go to where QEMU's harts begin.
COUNT_DOWN = (0x1000_02B7, 0xFFF2_8293, 0xFE02_9EE3, 0x0000_1337, 0x0003_0067)  # lui t0; addi t0, t0, -1; bnez t0; lui t1, 1; jr t1
COUNT_DOWN_AT = 0x8F00_0000


@pytest.mark.parametrize(("machine", "late"), [("aia=none", ()), ("aia=none", (0, 1)), ("aia=aplic", (0, 1))])
def test_each_node_has_its_own_controller(pool: Pool, tmp_path: Path, machine: str, late: tuple[int, ...]) -> None:
    """The console's line goes to one of two, that reaches the harts of its node only: if the boot core is another node's, another takes
    the line."""
    (tmp_path / "late").write_bytes(struct.pack(f"<{len(COUNT_DOWN)}I", *COUNT_DOWN))
    extra = ["-machine", machine, "-smp", "4", "-device", f"loader,file={tmp_path / 'late'},addr={COUNT_DOWN_AT:#x},force-raw=on"]
    for node in range(2):
        extra += ["-object", f"memory-backend-ram,id=m{node},size=512M"]
        extra += ["-numa", f"node,nodeid={node},cpus={2 * node}-{2 * node + 1},memdev=m{node}"]
    for hart in late:
        extra += ["-device", f"loader,addr={COUNT_DOWN_AT:#x},cpu-num={hart}"]
    guest = pool.guest(f"riscv-nodes-{machine}-{len(late)}", Settings(arch="riscv", append=TEST_OPTIONS, extra=tuple(extra)), 60)
    assert guest.output("echo typed") == "typed\n"
    assert "4 cores are up" in guest.log()
    winner = re.search(r"Boot HART ID +: (\d+)", guest.seen())
    assert winner is not None
    core = 0 if int(winner[1]) < 2 else 2  # the boot core's node has the first numbers
    assert re.search(rf"^line \d+ a?plic core {core} count [1-9]", guest.output("cat '#kprof/irqs'")), winner[0]
    assert "20 threads finished, 100 loops" in guest.output("threads 20 5")
    pool.release()
