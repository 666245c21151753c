# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's tests of itself on order, in a machine that is in use: the program `ktest`, and the files of #regress."""

from __future__ import annotations

import re

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")


@pytest.mark.feature("ktest-01")
def test_a_word_to_the_device_runs_tests_and_its_data_tells(guest: Guest) -> None:
    assert guest.run("echo ktest lib. > '#regress/monctl'").status == 0
    lines = guest.output("cat '#regress/mondata'").splitlines()
    assert "lib.sort" in {line.split()[1] for line in lines if re.fullmatch(r"PASSED \S+ \(\d+ ms\)", line)}
    assert re.fullmatch(r"\d+ passed, 0 failed, 0 disabled", lines[-1])


@pytest.mark.feature("ktest-01", "ktest-06")
def test_all_pass_while_the_machine_is_in_use(guest: Guest) -> None:
    answer = guest.run("ktest", 120)
    assert answer.status == 0
    # The panics on purpose show themselves on the console, before what the program prints.
    assert re.fullmatch(r"\d\d+ passed, 0 failed, \d+ disabled", answer.lines[-1])
    assert "FAILED" not in answer.output
    assert guest.output("threads 4 5").endswith("used\n")


@pytest.mark.feature("ktest-05")
def test_each_test_has_a_switch(guest: Guest) -> None:
    guest.output("echo off lib.sort > '#regress/monctl'")
    try:
        assert "lib.sort off" in guest.output("ktest -l").splitlines()
        assert guest.output("ktest -v lib.sort") == "DISABLED lib.sort: switched off\n0 passed, 0 failed, 1 disabled\n"
    finally:
        guest.output("echo on lib.sort > '#regress/monctl'")
    assert re.fullmatch(r"PASSED lib.sort \(\d+ ms\)\n1 passed, 0 failed, 0 disabled\n", guest.output("ktest -v lib.sort"))


@pytest.mark.feature("ktest-01", "ktest-06")
def test_a_failure_is_shown_with_its_reason_and_is_the_status(guest: Guest) -> None:
    guest.output("echo on fail.on_purpose > '#regress/monctl'")
    try:
        answer = guest.run("ktest lib.sort fail.")
    finally:
        guest.output("echo off fail.on_purpose > '#regress/monctl'")
    assert answer.status == 1
    assert re.search(r"^FAILED fail.on_purpose \(\d+ ms\): the answer: got 42, expected 43$", answer.output, re.MULTILINE)
    assert "PASSED" not in answer.output


def test_what_is_no_test_and_no_order_is_refused_by_name(guest: Guest) -> None:
    answer = guest.run("ktest nonsense")
    assert answer.status == 1 and "no kernel test's name begins with nonsense" in answer.output
    for order in ("off nonsense", "nonsense"):
        answer = guest.run(f"echo {order} > '#regress/monctl'")
        assert answer.status != 0 and "nonsense" in answer.output
    assert guest.run("ktest -x").status == 2
