# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host does to a machine that works: stops it for seconds, resets it, presses its power button, asks all cores at once, floods its
console. The machine works on, or begins anew, and nothing is lost.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

import pytest

from scripts.machine import Machine, MachineError
from scripts.qemu import Ending, Settings
from tests.boot.conftest import TEST_OPTIONS, Pool, only_on
from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("alone")
PAUSE_S = 3.0
WORK = "threads 100 200"
RESULT = "100 threads finished, 20000 loops"
LONG_WORK = "threads 100 500"
STARTS = "Pykaros starts"
LONG_RESULT = "100 threads finished, 50000 loops"


@pytest.fixture
def lone(fresh: Callable[[Settings], Guest], arch: str) -> Callable[..., Guest]:
    def booted(reboots: bool = False) -> Guest:
        return fresh(Settings(arch=arch, append=TEST_OPTIONS, reboots=reboots))

    return booted


def wait(seconds: float) -> None:
    """For the length of a pause of the machine, in which there is nothing to wait for."""
    threading.Event().wait(seconds)


def ask_until_answered(guest: Guest, answers: int, deadline_s: float = 30) -> None:
    """Until the log has so many. A request that comes while the cores still answer the one before may be answered by that."""
    end = time.monotonic() + deadline_s
    ask = 0.0
    while guest.log().count("NMI on core") < answers:
        assert time.monotonic() < end, guest.report()
        if time.monotonic() > ask:
            guest.ask_cores()
            ask = time.monotonic() + 1
        wait(0.05)


def test_cores_are_asked_while_a_process_holds_them(lone: Callable[..., Guest]) -> None:
    """Each request makes every core tell its stack; the threads on them lose nothing."""
    guest = lone()
    guest.send(f"{LONG_WORK}\n")
    guest.expect(LONG_WORK + "\r?\n")
    for number in range(1, 6):
        ask_until_answered(guest, 4 * number)
    guest.expect(LONG_RESULT, 240)
    guest.wait_for_prompt()
    assert "kernel panic" not in guest.log()


def test_a_paused_machine_goes_on(lone: Callable[..., Guest]) -> None:
    """Alarms that fell due meanwhile ring, sleeps are no shorter than they may be, work is complete."""
    guest = lone()
    guest.send(f"sleep 1 && echo slept; {WORK}; utest alarm.alarm\n")
    guest.command("stop")
    wait(PAUSE_S)
    guest.command("cont")
    guest.expect(r"slept\r?\n", 30)
    guest.command("stop")
    wait(PAUSE_S)
    guest.command("cont")
    guest.expect(RESULT, 90)
    guest.expect("1 passed, 0 failed", 60)


def test_a_reset_at_work_boots_anew(lone: Callable[..., Guest]) -> None:
    guest = lone(reboots=True)
    for boots in range(2, 5):
        guest.send(f"cat /dev/zero > /dev/null &\n{LONG_WORK}\n")
        guest.command("system_reset")
        guest.expect(r"who holds them.*[$#%] \Z", 60)  # the words that come with a boot, and then the prompt
        assert guest.log().count("cores are up") == boots
    guest.send(f"\x15{WORK}\n")  # what was typed before the reset may still have been on its way: prompts say nothing
    guest.expect(RESULT, 90)


@only_on("x86_64")
def test_the_power_button_works_at_work(lone: Callable[..., Guest]) -> None:
    guest = lone()
    guest.send(f"cat /dev/zero > /dev/null &\n{LONG_WORK}\n")
    guest.command("system_powerdown")
    assert guest.wait(30) == (Ending.STATUS, 0)


@only_on("x86_64")
def test_the_power_button_works_while_the_cores_start(pool: Pool, arch: str) -> None:
    """From when the machine listens to it, long before anybody handles it."""
    machine = pool.machine("button alone", Settings(arch=arch, smp=32, append=TEST_OPTIONS))
    wait_for_log(machine, "cycle counter")
    machine.command("system_powerdown")
    assert machine.wait(60) == (Ending.STATUS, 0), machine.report()
    pool.release()


def test_a_flood_of_input_is_survived(lone: Callable[..., Guest]) -> None:
    """More than anybody reads, of all bytes but those that end or stop something; the line after it is heard."""
    guest = lone()
    guest.send("sleep 1 > /dev/null\n")
    noise = "".join(chr(c) for c in range(32, 127))
    for _ in range(400):
        guest.send(noise)
    for _ in range(30):
        guest.send("\x15\n")  # takes back what was heard of the last line
        try:
            guest.wait_for_prompt(2)
            break
        except MachineError:
            assert guest.running, guest.report()
    guest.send("echo heard\n")
    guest.expect(r"\nheard\r?\n", 60)


def wait_for_log(machine: Machine, words: str, times: int = 1, deadline_s: float = 60) -> None:
    end = time.monotonic() + deadline_s
    while machine.log().count(words) < times:
        assert time.monotonic() < end, machine.report()
        wait(0.05)


@only_on("x86_64")
def test_less_memory_than_the_image_takes_is_told(pool: Pool, arch: str) -> None:
    """No loader has loaded what did not fit: the first instructions find out, before anything rests on it."""
    machine = pool.machine("no memory alone", Settings(arch=arch, smp=1, mem="5M", append=TEST_OPTIONS))
    wait_for_log(machine, "there is less memory than the kernel's image takes")
    assert "panic" not in machine.log()
    pool.release()


def test_too_little_memory_is_told(pool: Pool, arch: str) -> None:
    """It has room for the image, and for little else."""
    mem = {"x86_64": "10M", "riscv": "24M"}[arch]
    machine = pool.machine("little memory alone", Settings(arch=arch, smp=1, mem=mem, append=TEST_OPTIONS))
    wait_for_log(machine, "memory")
    assert re.search(r"kernel panic on core 0: .*(too little|out of) memory|less memory than", machine.log()), machine.report()
    pool.release()


@pytest.mark.parametrize("order", ["system_reset", "stop"])
def test_it_boots_whatever_happens_while_it_boots(pool: Pool, arch: str, order: str) -> None:
    """Reset, or stopped for a while, at moments throughout the boot: then it gets to its prompt."""
    machine = pool.machine(f"{order} alone", Settings(arch=arch, append=TEST_OPTIONS, reboots=True))
    for i, delay_s in enumerate((0.0, 0.02, 0.05, 0.1, 0.2)):
        # Never while the firmware is at work, which is not ours.
        wait_for_log(machine, STARTS, 1 + i if order == "system_reset" else 1)
        wait(delay_s)
        machine.command(order)
        if order == "stop":
            wait(0.3)
            machine.command("cont")
    if order == "system_reset":
        wait_for_log(machine, STARTS, 6)
        machine.skip()  # prompts of the boots before
    machine.expect(r"[$#%] \Z", 90)
    assert "kernel panic" not in machine.log()
    machine.send("echo alive\n")
    machine.expect(r"\nalive\r?\n", 60)
    pool.release()
