# SPDX-License-Identifier: GPL-2.0-or-later
"""Which messages are logged: the option `log=` as the kernel reads it."""

import pytest

from compiler.host import CompiledError, load

DRIVER = """
from lang import u32
from kern.debug.levels import Level, Levels

levels = Levels()


def reset() -> None:
    levels.count = 0
    levels.everywhere = Level.INFO


def set_from(words: str) -> None:
    levels.set_from(words)


def is_wanted(level: u32, module: str) -> bool:
    return levels.is_wanted(Level(level), module)
"""
DEBUG, INFO, WARN, ERROR = range(4)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    path = tmp_path_factory.mktemp("levels") / "driver.py"
    path.write_text(DRIVER, encoding="utf-8")
    return load(path)


@pytest.fixture
def unit(compiled):
    compiled.reset()
    return compiled


def test_messages_for_whoever_hunts_a_fault_are_dropped_unless_asked_for(unit):
    assert not unit.is_wanted(DEBUG, "kern.mm.pages") and unit.is_wanted(INFO, "kern.mm.pages")
    unit.set_from("debug")
    assert unit.is_wanted(DEBUG, "kern.mm.pages")


def test_the_longest_name_decides(unit):
    unit.set_from("kern.mm:debug,kern.mm.heap:error,warn")
    assert unit.is_wanted(DEBUG, "kern.mm") and unit.is_wanted(DEBUG, "kern.mm.pages")
    assert not unit.is_wanted(WARN, "kern.mm.heap") and unit.is_wanted(ERROR, "kern.mm.heap")
    assert not unit.is_wanted(DEBUG, "kern.mmio") and not unit.is_wanted(INFO, "kern.proc.run")


def test_an_unknown_level_is_refused(unit):
    with pytest.raises(CompiledError, match="log= takes debug, info, warn and error, not loud"):
        unit.set_from("kern.mm:loud")
