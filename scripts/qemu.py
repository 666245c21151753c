# SPDX-License-Identifier: GPL-2.0-or-later
"""The QEMU command line, in one place, and what QEMU's exit status means.

Everybody who starts a machine (make qemu, make run, make debug, the tests) describes it as a `Settings` and gets the words
from `command`. A `Board` is what the architecture decides: a q35 or a `virt` board, each with a serial console, a debug console for the
kernel's log, and a device that ends QEMU with a status.
"""

from __future__ import annotations

import enum
import os
import platform
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

STATUS_BASE = 0x10  # the guest ends QEMU with the value STATUS_BASE + status ...
STATUS_MAX = 109
PANIC_VALUE = 0x7F  # ... or this when it panicked


@dataclass(frozen=True)
class Board:
    """The words of one architecture's machine."""

    emulator: str
    cpu: str
    machine: tuple[str, ...]
    log: tuple[str, ...]  # devices that write the kernel's log to the character device `log`, byte by byte
    exit_port: tuple[str, ...]  # the device that ends QEMU with a value; the `virt` board has its own
    odd_values: bool  # QEMU exits with (value << 1) | 1, not with the value
    start_of_text: bytes  # the console is the firmware's until it has sent this
    ask_cores: tuple[str, dict[str, str]]  # the QMP command that makes all cores tell what they do


BOARDS = {
    "x86_64": Board(
        emulator="qemu-system-x86_64",
        cpu="max",
        machine=("-machine", "q35", "-vga", "std"),
        log=("-device", "isa-debugcon,iobase=0xe9,chardev=log"),
        exit_port=("-device", "isa-debug-exit,iobase=0xf4,iosize=0x01"),
        odd_values=True,
        start_of_text=b"",
        ask_cores=("inject-nmi", {}),
    ),
    "riscv": Board(
        emulator="qemu-system-riscv64",
        cpu="rv64",
        machine=("-machine", "virt"),
        log=("-device", "virtio-serial-device", "-device", "virtconsole,chardev=log"),
        exit_port=(),
        odd_values=False,
        start_of_text=b"\x02\r\n",
        ask_cores=("chardev-send-break", {"id": "console"}),
    ),
}
DEFAULT_ARCH = os.environ.get("PYKAROS_ARCH", "x86_64")  # of tests and commands that name none


@dataclass(frozen=True)
class Settings:
    """One machine: its size, what it boots, and how QEMU runs it."""

    arch: str = DEFAULT_ARCH
    smp: int = 4
    mem: str = "1G"
    checked: bool = True
    append: str = ""
    accel: str = "auto"
    exit_port: bool = True  # without it the kernel can leave by ACPI alone
    reboots: bool = False  # False: a reset ends QEMU, so that a triple fault is seen
    cdrom: Path | None = None  # boot this disc's loader in place of QEMU's own
    loader: Path | None = None  # what QEMU starts in place of the kernel, which is for it to load
    extra: tuple[str, ...] = ()  # further words
    cpu: str = ""  # "": the board's usual one

    @property
    def kernel(self) -> Path:
        return image_folder(self.arch, self.checked) / "kernel.elf"

    @property
    def symbols(self) -> Path:
        """The kernel with its debug information; the image that boots has none."""
        return self.kernel.with_suffix(".debug")

    @property
    def board(self) -> Board:
        return BOARDS[self.arch]


def image_folder(arch: str, checked: bool) -> Path:
    """Where the compiler puts the kernel image and the programs' files."""
    return BUILD / arch / ("checked" if checked else "release")


def command(settings: Settings, console: list[str], log: Path, qmp_fd: int | None = None) -> list[str]:
    """The words that start `settings`. `console` are the words that define a character device `console`."""
    board = settings.board
    words = [
        board.emulator,
        "-no-user-config",
        "-nodefaults",
        *board.machine,
        "-accel",
        accelerator(settings.accel, settings.arch),
        "-cpu",
        settings.cpu or board.cpu,
        "-smp",
        str(settings.smp),
        "-m",
        settings.mem,
        "-display",
        "none",
        *console,
        "-serial",
        "chardev:console",
        "-chardev",
        f"file,id=log,path={escape(log)}",
        *board.log,
    ]
    if settings.exit_port:
        words += board.exit_port
    if not settings.reboots:
        words += ["-no-reboot"]
    if qmp_fd is not None:
        words += ["-chardev", f"socket,id=qmp,fd={qmp_fd}", "-mon", "chardev=qmp,mode=control"]
    if settings.cdrom is not None:
        return words + ["-cdrom", str(settings.cdrom), "-boot", "d"]
    words += settings.extra
    return words + ["-kernel", str(settings.loader or settings.kernel), *(["-append", settings.append] if settings.append else [])]


def escape(path: Path) -> str:
    """A path as the value of a QEMU option, where a comma ends the value unless doubled."""
    return str(path).replace(",", ",,")


def accelerator(wish: str, arch: str) -> str:
    """KVM only where a guest really runs on it: a host may offer the device without the processor's support."""
    tcg = "tcg,thread=multi"
    if wish == "auto":
        return "kvm" if arch == platform.machine() and kvm_works() else tcg
    return tcg if wish == "tcg" else wish


def kvm_works() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return "vmx" in flags or "svm" in flags


class Ending(enum.Enum):
    """How a machine came to its end."""

    STATUS = "the guest left with a status"
    PANIC = "the kernel panicked"
    POWER_OFF = "the guest powered off or was reset, without a status"
    FAILED = "QEMU failed"


def ending(returncode: int, arch: str) -> tuple[Ending, int]:
    """Reads QEMU's exit status: how it ended, and the guest's status where there is one."""
    if returncode == 0:
        return Ending.POWER_OFF, 0
    odd = BOARDS[arch].odd_values
    value = returncode >> 1 if odd else returncode
    if returncode < 0 or (odd and returncode % 2 == 0):
        return Ending.FAILED, returncode
    if value == PANIC_VALUE:
        return Ending.PANIC, 0
    if STATUS_BASE <= value <= STATUS_BASE + STATUS_MAX:
        return Ending.STATUS, value - STATUS_BASE
    return Ending.FAILED, returncode
