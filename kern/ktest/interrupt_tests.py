# SPDX-License-Identifier: GPL-2.0-or-later
"""Interrupts: between cores, and of a device whose line two handlers share."""

from lang import Atomic, u32, u64
from arch import serial, smp, trap
from kern.core.percore import core
from kern.ktest.runner import KernelTest, check, equal, kernel_tests
from kern.sync.rendez import sleep_ns
from kern.time.clock import NS_PER_MS, NS_PER_SEC, now_ns

ROUNDS: u64 = 20
UNSEEN = "\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r\r"  # more than the port sends at once

first_runs = Atomic[u64](0)
second_runs = Atomic[u64](0)


@kernel_tests
class IpiSending(KernelTest):
    """An interrupt sent to a core, this one too, arrives there and nowhere else."""

    name: str = "core.ipi_sending"

    def run(self) -> None:
        for target in range(u32(0), smp.core_count()):
            for _ in range(ROUNDS):
                before = core[target].ipis
                smp.send_ipi(target)
                end = now_ns() + NS_PER_SEC
                while core[target].ipis == before and now_ns() < end:
                    sleep_ns(NS_PER_MS // 20)
                check(core[target].ipis > before, f"no interrupt came to core {target}")


def first_handler(amount: u64) -> None:
    first_runs.add(amount)


def second_handler(amount: u64) -> None:
    second_runs.add(amount)


def provoke() -> None:
    """Have the serial port ask for more to send."""
    start = first_runs.load()
    end = now_ns() + NS_PER_SEC
    while first_runs.load() == start and now_ns() < end:
        serial.put(UNSEEN)
        sleep_ns(NS_PER_MS)


@kernel_tests
class SharedLine(KernelTest):
    """All handlers of a line run when it asks; one that was taken off does not run any more."""

    name: str = "core.shared_irq"

    def run(self) -> None:
        first_runs.store(0)
        second_runs.store(0)
        trap.register_irq(serial.line(), first_handler, 1, 0)
        trap.register_irq(serial.line(), second_handler, 1000, 0)
        provoke()
        trap.unregister_irq(serial.line(), second_handler, 1000)
        check(first_runs.load() > 0, "the port did not interrupt")
        equal(second_runs.load(), first_runs.load() * 1000, "runs of the second handler")
        seen = second_runs.load()
        provoke()
        trap.unregister_irq(serial.line(), first_handler, 1)
        equal(second_runs.load(), seen, "runs of a handler that was taken off")
