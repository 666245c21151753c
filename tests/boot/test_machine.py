# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to the machine from outside and at its end: NMI, power button, reboot, panic, boot by GRUB."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.machine import Machine
from scripts.qemu import Ending, Settings
from tests.boot.conftest import TEST_OPTIONS, Pool, only_on
from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("alone")
Fresh = Callable[[Settings], Guest]
PC_BOARD = only_on("x86_64")
FRAME = r"0x[0-9a-f]{16} \w+.*\.py:\d+"


def usual(arch: str) -> Settings:
    return Settings(arch=arch, smp=2, append=TEST_OPTIONS)


def wait_for_log(machine: Machine, pattern: str, deadline_s: float = 30) -> str:
    """The log once the pattern is in it. No prompt is waited for meanwhile: what the cores tell may come right behind it."""
    end = time.monotonic() + deadline_s
    while not re.search(pattern, log := machine.log(), re.DOTALL) and time.monotonic() < end:
        time.sleep(0.02)
    return log


def monitor(machine: Machine, line: str) -> str:
    return str(machine.command("human-monitor-command", {"command-line": line}))


def page_rights(guest: Guest) -> list[tuple[str, str]]:
    """Address and rights of all that is mapped: X stands for no-execute, W for writable, U for user mode's."""
    if guest.settings.arch == "x86_64":
        return re.findall(r"^([0-9a-f]{16}): [0-9a-f]{16} ([-XGPDACTUW]{9})", monitor(guest, "info tlb").replace("\r", ""), re.MULTILINE)
    text = monitor(guest, "info mem").replace("\r", "")
    ranges = re.findall(r"^([0-9a-f]{16}) [0-9a-f]{16} [0-9a-f]{16} ([-rwxugad]{7})", text, re.MULTILINE)
    meaning = (("x", "", "X"), ("w", "W", ""), ("u", "U", ""))
    return [(address, "".join(yes if flag in flags else no for flag, yes, no in meaning)) for address, flags in ranges]


def test_idle_cores_halt(fresh: Fresh, arch: str) -> None:
    """QEMU tells that a core halts, or else all stand at the same instruction."""
    guest = fresh(Settings(arch=arch, smp=4, append=TEST_OPTIONS))
    found: list[str] = []
    for _ in range(50):
        found = re.findall(r"HLT=\d|^ pc .*", monitor(guest, "info registers -a").replace("\r", ""), re.MULTILINE)
        if len(set(found)) == 1 and found[0] != "HLT=0":
            break
    assert len(found) == 4 and len(set(found)) == 1 and found[0] != "HLT=0"


def test_no_page_is_both_writable_and_executable(fresh: Fresh, arch: str) -> None:
    """QEMU's view of the page tables."""
    guest = fresh(Settings(arch=arch, smp=1, mem="256M", append=TEST_OPTIONS))
    pages = page_rights(guest)
    assert any("W" not in flags and "X" not in flags for _, flags in pages), "no code at all?"
    both = [address for address, flags in pages if "W" in flags and "X" not in flags]
    assert not both, both[:10]
    assert not any(int(address, 16) == 0 for address, _ in pages), "the null page is mapped"
    assert not any("U" in flags for address, flags in pages if int(address, 16) >> 63), "the kernel's half is open to user mode"


@pytest.mark.feature("core-17")
def test_nmi_is_answered_by_every_core_with_a_backtrace(fresh: Fresh, arch: str) -> None:
    guest = fresh(usual(arch))
    guest.ask_cores()
    log = wait_for_log(guest, r"NMI on core 0.*NMI on core 1|NMI on core 1.*NMI on core 0")
    assert "NMI on core 0" in log and "NMI on core 1" in log
    assert re.search(FRAME, log), log
    assert guest.run("echo alive").lines[-1] == "alive"  # before it may come the end of what the cores tell


@pytest.mark.feature("sync-34")
def test_nmi_tells_where_blocked_threads_sleep(fresh: Fresh, arch: str) -> None:
    guest = fresh(usual(arch))
    guest.output("sleep 1000 &")
    guest.wait_until_gone("ps", r"RUNN\w+ .* sleep\n")
    guest.ask_cores()
    log = wait_for_log(guest, r"blocked: .*rendez\.py")
    assert re.search(r"blocked: kthread of process \d+, system call at 0x\w+\n(.*\n)*.*kern/sync/rendez\.py:\d+", log), log


@PC_BOARD
def test_power_button_ends_in_a_clean_power_off(fresh: Fresh, arch: str) -> None:
    guest = fresh(Settings(arch=arch, smp=2, append=TEST_OPTIONS, exit_port=False))
    guest.command("system_powerdown")
    assert guest.wait(20) == (Ending.POWER_OFF, 0)
    assert "the power button was pressed" in guest.log()
    assert "kernel panic" not in guest.log()


def test_poweroff_ends_the_machine(fresh: Fresh, arch: str) -> None:
    guest = fresh(usual(arch))
    guest.send("poweroff\n")
    assert guest.wait(20) == (Ending.STATUS, 0)


@pytest.mark.feature("boot-26", "sys-05")
def test_reboot_starts_again(fresh: Fresh, arch: str) -> None:
    guest = fresh(Settings(arch=arch, smp=2, append=TEST_OPTIONS, reboots=True))
    guest.send("reboot\n")
    guest.expect(r"[$#%] \Z", 60)
    assert guest.log().count("cores are up") == 2
    assert guest.output("echo again") == "again\n"


@pytest.mark.feature("debug-01")
def test_panic_tells_where_and_ends_the_machine_as_a_failure(fresh: Fresh, arch: str) -> None:
    guest = fresh(usual(arch))
    guest.send("echo panic > /dev/sysctl\n")
    assert guest.wait(30)[0] is Ending.PANIC
    text = guest.panic_text()
    assert "kernel panic on core" in text
    assert re.search(FRAME, text), text
    assert re.search(r"\ncore \d:", text), "the other core does not tell what it did\n" + text


@pytest.mark.feature("sync-11")
def test_an_overflow_of_the_kernel_stack_is_caught_and_named(fresh: Fresh, arch: str) -> None:
    guest = fresh(usual(arch))
    guest.send("echo overflow > /dev/sysctl\n")
    assert guest.wait(30)[0] is Ending.PANIC
    assert "kernel stack overflow" in guest.panic_text()
    assert "overflow_stack  kern/dev/sysctl.py" in guest.panic_text()


@pytest.mark.feature("sync-19")
def test_a_spinlock_that_is_held_on_the_way_to_user_space_is_caught(fresh: Fresh, arch: str) -> None:
    """What checked builds find besides: tests/boot/test_checked.py."""
    guest = fresh(usual(arch))
    guest.send("echo hold > /dev/sysctl\n")
    assert guest.wait(30)[0] is Ending.PANIC
    found = r"return to user space with 1 spinlock held; 0x\w+ taken in kern\.dev\.sysctl\.Sysctl\.write at kern/dev/sysctl\.py:\d+"
    assert re.search(found, guest.panic_text()), guest.panic_text()


@pytest.mark.feature("boot-01")
@PC_BOARD
def test_same_image_boots_from_grub(pool: Pool, arch: str, tmp_path: Path) -> None:
    folder = tmp_path / "disc" / "boot" / "grub"
    folder.mkdir(parents=True)
    shutil.copy(usual(arch).kernel, tmp_path / "disc" / "kernel.elf")
    menu = f'set timeout=0\nmenuentry "Pykaros" {{\n  multiboot2 /kernel.elf {TEST_OPTIONS}\n}}\n'
    (folder / "grub.cfg").write_text(menu, encoding="utf-8")
    disc = tmp_path / "disc.iso"
    subprocess.run(["grub-mkrescue", "-o", str(disc), str(tmp_path / "disc")], check=True, capture_output=True)
    guest = pool.guest("grub", Settings(arch=arch, smp=2, cdrom=disc), 120)
    assert "2 cores are up" in guest.log()
    assert guest.output("echo from grub") == "from grub\n"
    pool.release()
